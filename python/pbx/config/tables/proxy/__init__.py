"""The `[proxy]` table, one file for each group of its keys."""

from pbx.config.tables.proxy.proxy import Proxy

__all__ = ["Proxy"]
