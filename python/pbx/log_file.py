"""The file behind the log."""

import contextlib
import errno
import os
from pathlib import Path


class LogFile:
    """A file opened for appending. A line is in it whole or not at all, also when the disk is full."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises `OSError`."""
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def write(self, line: str) -> None:
        """Append one line. Raises `OSError`, and nothing of the line stays behind."""
        text = f"{line}\n".encode("utf-8", "backslashreplace")
        written = os.write(self._descriptor, text)
        if written == len(text):
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close it; some file systems tell only now that they had no room."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
