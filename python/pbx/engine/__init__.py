"""The engine as the rest of the package sees it. The only package that imports `pbx._native`."""

from pbx.engine.explain import explain_call
from pbx.engine.instance import Instance, ReloadRunningError
from pbx.engine.reload import Change

__all__ = ["Change", "Instance", "ReloadRunningError", "explain_call"]
