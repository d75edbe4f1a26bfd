"""The Python half of the second yardstick: asked once for every INVITE, it names the callee."""

import os

import KSR  # type: ignore[import-not-found]

CALLEE = "sip:127.0.0.1:" + os.environ.get("BENCH_CALLEE_PORT", "5090")


class Kamailio:
    def child_init(self, rank: int) -> int:
        return 0

    def decide(self, message: object) -> int:
        KSR.pv.sets("$du", CALLEE)
        return 1


def mod_init() -> Kamailio:
    return Kamailio()
