"""Keys of `[proxy]` about registrations, calls, timers and the modules that serve them."""

from pbx.config.tables.emergency import Emergency
from pbx.config.tables.scalars import NonEmpty, OptText
from pbx.config.tables.table import Table, key

MODULES = ("acl", "auth", "registrar", "call")
ADDONS = ("wholesale", "monitor")


class TimerKeys(Table):
    """Transaction and session timers."""

    session_timer: bool = key(True, "Session timers on every leg.", reload="new calls")
    session_timer_always: bool = key(
        False, "Refresh a leg ourselves if the peer does not; implies session_timer.", reload="new calls"
    )
    session_expires: int = key(
        1800, "Session interval we offer and grant at most, s.", ge=90, le=86_400, reload="new calls"
    )
    t1_timer: int = key(500, "T1 of RFC 3261, ms.", ge=50, le=4000)
    t1x64_timer: int | None = key(
        None, "Transaction timeout, ms; 64 times t1_timer if not given.", ge=1, le=240_000
    )
    max_ring_time: int | None = key(
        None, "Ring limit, s; Timer C if not given.", ge=1, le=3600, reload="new calls"
    )

    @property
    def t1x64(self) -> int:
        """Transaction timeout in milliseconds, given or derived."""
        return 64 * self.t1_timer if self.t1x64_timer is None else self.t1x64_timer

    @property
    def session_timers_on(self) -> bool:
        """`session_timer`, or what implies it."""
        return self.session_timer or self.session_timer_always


class CallKeys(TimerKeys):
    """Registrar and call handling."""

    modules: list[NonEmpty] = key(
        list(MODULES), "Modules in order of judgement: acl, auth, registrar, call.", reload="restart"
    )
    addons: list[NonEmpty] = key([], "Addons: wholesale, monitor.", reload="restart")
    registrar_expires: int = key(30, "Expiry granted when a phone names none, s.", ge=10, le=604_800)
    max_registrar_expires: int = key(50, "Longest expiry granted, s.", ge=10, le=604_800)
    passthrough_failure: bool = key(
        True, "The caller gets the callee's failure; false: always 480.", reload="new calls"
    )
    blind_transfer_use_refer: bool = key(False, "Hand REFER on to the other party first.", reload="new calls")
    sip_flow_max_items: int = key(
        1000, "SIP messages kept per dialog, 0 for none.", ge=0, le=100_000, reload="new calls"
    )
    parallel_fork: bool = key(
        True, "Bindings of equal q ring together; false: the newest only.", reload="new calls"
    )
    emergency: Emergency | None = key(None, "Emergency numbers; off if absent.")
    router: OptText = key(None, 'Router of your own: "package.module:name" or "file.py".')
