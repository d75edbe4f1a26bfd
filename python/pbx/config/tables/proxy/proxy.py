"""The `[proxy]` table as a whole."""

from pbx.config.tables.http_router import HttpRouter
from pbx.config.tables.ivr import IvrFallback
from pbx.config.tables.jwt_auth import JwtAuth
from pbx.config.tables.locator import Locator, MemoryLocator
from pbx.config.tables.proxy.calls import CallKeys
from pbx.config.tables.proxy.identity import IdentityKeys
from pbx.config.tables.proxy.listeners import ListenerKeys
from pbx.config.tables.proxy.media import MediaKeys
from pbx.config.tables.proxy.protection import CapacityKeys, ProtectionKeys
from pbx.config.tables.queue import QueueBody
from pbx.config.tables.recording import Recording
from pbx.config.tables.route import Route
from pbx.config.tables.scalars import NonEmpty, WritePath
from pbx.config.tables.table import Table, key
from pbx.config.tables.trunk import Trunk
from pbx.config.tables.user_backend import UserBackend
from pbx.config.tables.webhook import LocatorWebhook


class FileKeys(Table):
    """Files that belong to the configuration, and tables that may stand in them or here."""

    generated_dir: WritePath = key(
        "./config", "Where console and API write; read last of its kind.", reload="restart"
    )
    routes_files: list[NonEmpty] = key([], "Files with [[routes]]: paths or globs.")
    trunks_files: list[NonEmpty] = key([], "Files with [trunks.NAME]: paths or globs.")
    acl_files: list[NonEmpty] = key([], "Files with acl_rules: paths or globs.")
    queues_files: list[NonEmpty] = key([], "Queue documents: paths or globs.")
    ivr_files: list[NonEmpty] = key([], "IVR documents: paths or globs.")
    queue_dir: WritePath = key(
        "./queues", "Base of sound paths in queues, and of saved agent state.", reload="restart"
    )
    user_backends: list[UserBackend] | None = key(
        None, "Where users are looked up, in order; one empty memory backend if absent."
    )
    jwt_auth: JwtAuth | None = key(None, "Tokens in place of digest.")
    locator: Locator = key(MemoryLocator(), "Where bindings are kept.", reload="restart")
    locator_webhook: LocatorWebhook | None = key(None, "Who is told about registrations.")
    routes: list[Route] = key([], "Static routes.")
    trunks: dict[NonEmpty, Trunk] = key({}, "Trunks by name.")
    queues: dict[NonEmpty, QueueBody] = key({}, "Queues by name.")
    http_router: HttpRouter | None = key(None, "HTTP service that decides calls.")
    recording: Recording | None = key(None, "Recording of proxy calls.")
    ivr_fallback: IvrFallback | None = key(None, "Where a call goes whose IVR fails.")


# Keys are listed from the last base to the first.
class Proxy(FileKeys, CallKeys, MediaKeys, CapacityKeys, ProtectionKeys, IdentityKeys, ListenerKeys):
    """`[proxy]`: SIP itself."""
