"""Raising an exception inside another thread: the only way to end a handler that never returns."""

import ctypes
import threading


class Interrupted(BaseException):
    """Raised inside a handler whose call no longer waits. No `Exception`, so that a careless `except` lets it pass."""


def raise_in(thread: threading.Thread) -> None:
    """Raise `Interrupted` in the thread at its next Python instruction. A thread blocked in C sees it when it returns."""
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(Interrupted)
        )
