"""Where a call goes, as its users write it: a typed router of handlers, each with its conditions.

Nothing here knows of the engine: a router is tried out by calling `Router.decide` with an `Invite` made by hand.
"""

from pbx.routing.invite import Invite, InviteFields
from pbx.routing.load import RouterError, load_router
from pbx.routing.pattern import Pattern
from pbx.routing.router import Decided, Handler, Router
from pbx.routing.verdict import Forward, MediaMode, Reject, Verdict, VerdictError, check_verdict

__all__ = [
    "Decided",
    "Forward",
    "Handler",
    "Invite",
    "InviteFields",
    "MediaMode",
    "Pattern",
    "Reject",
    "Router",
    "RouterError",
    "Verdict",
    "VerdictError",
    "check_verdict",
    "load_router",
]
