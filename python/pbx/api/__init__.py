"""The management interface over HTTP (`formats.md` §10)."""

from pbx.api.app import Control, make_app
from pbx.api.server import HttpServer, bind

__all__ = ["Control", "HttpServer", "bind", "make_app"]
