"""A router whose handlers go wrong in every way reliability F4 and F5 list; the dialled user chooses how."""

import asyncio
import ctypes
import time

from pbx.routing import Forward, Invite, Reject, Router

router = Router()


@router.invite(to_user="1002")
def good(call: Invite) -> Forward:
    return Forward()


@router.invite(to_user="fast")
def fast(call: Invite) -> Reject:
    return Reject(486)


@router.invite(to_user="sleep")
def sleeps(call: Invite) -> Reject:
    time.sleep(5)
    return Reject(486)


@router.invite(to_user="hold-gil")
def holds_the_interpreter(call: Invite) -> Reject:
    # A PyDLL call keeps the interpreter lock for its whole time, as a C extension in a long loop does.
    ctypes.PyDLL(None).usleep(2_000_000)
    return Reject(486)


@router.invite(to_user="exception")
def raises(call: Invite) -> Forward:
    raise RuntimeError("not today")


@router.invite(to_user="system-exit")
def exits(call: Invite) -> Forward:
    raise SystemExit(3)


@router.invite(to_user="keyboard-interrupt")
def interrupts(call: Invite) -> Forward:
    raise KeyboardInterrupt


@router.invite(to_user="memory-error")
def runs_out_of_memory(call: Invite) -> Forward:
    raise MemoryError


@router.invite(to_user="cancelled")
async def cancels_itself(call: Invite) -> Forward:
    raise asyncio.CancelledError


@router.invite(to_user="wrong-type")
def returns_a_number(call: Invite) -> Forward:
    return 42  # type: ignore[return-value]


@router.invite(to_user="surrogate")
def returns_a_lone_surrogate(call: Invite) -> Forward:
    return Forward(targets=["sip:\ud800@127.0.0.1"])


@router.invite(to_user="crlf")
def returns_a_line_break(call: Invite) -> Forward:
    return Forward(to_user="1002", headers={"X-Note": "a\r\nX-Forged: b"})


@router.invite(to_user="huge")
def returns_ten_megabytes(call: Invite) -> Forward:
    return Forward(to_user="1002", headers={"X-Note": "x" * 10_000_000})


@router.invite(to_user="reentrant")
async def calls_the_api_from_inside(call: Invite) -> Forward:
    asyncio.get_running_loop().run_until_complete(asyncio.sleep(0))
    return Forward()


@router.invite(to_user="never")
async def never_returns(call: Invite) -> Forward:
    await asyncio.Event().wait()
    return Forward()
