"""The management interface over HTTP (`formats.md` §10)."""

from pbx.api.app import Control, make_app
from pbx.api.server import HttpServer, bind
from pbx.api.upgrade import SipUpgrade

__all__ = ["Control", "HttpServer", "SipUpgrade", "bind", "make_app"]
