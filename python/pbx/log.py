"""The structured log: one line per event, written by a thread of its own so that a slow disk delays nobody's call."""

import contextlib
import logging
import queue
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from pbx.log_file import LogFile
from pbx.log_level import LEVELS, LevelFilter

MAX_QUEUED = 8192
"""Lines waiting for the disk; newer ones are dropped and counted in the next line that gets through."""
MAX_VALUE = 16_384
"""Characters of one value; a traceback of a hostile exception may be any length."""
COMPLAINT_INTERVAL_SECS = 60.0
"""How often a file that cannot be written is complained about elsewhere."""

_BARE = re.compile(r"[A-Za-z0-9_.:/@+,*\-\[\]<>;~%]+\Z")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SPECIAL = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')

Fields = Iterable[tuple[str, object]]


class EventLog:
    """Where events go: standard error or a file, as `key=value` lines. Safe to use from any thread."""

    def __init__(self, level: str = "info", path: Path | None = None, stream: TextIO | None = None) -> None:
        self.set_level(level)
        self._path = path
        self._stream = stream
        # Held while a line is written or the file is exchanged.
        self._writing = threading.Lock()
        self._queue: queue.Queue[str | None] = queue.Queue(MAX_QUEUED)
        self._dropped_total = 0
        self._reported_total = 0
        self._thread: threading.Thread | None = None
        self._file = _open(path)
        self._complained_at: float | None = None
        self.last_warnings: deque[str] = deque(maxlen=5)

    def set_level(self, level: str) -> None:
        """Drop lines less severe than this `log_level` value wants."""
        self._filter = LevelFilter(level)

    def start(self) -> None:
        """Begin writing in the background; before this, lines are written by the caller."""
        self._thread = threading.Thread(target=self._write_all, name="pbx-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then close the file."""
        if self._thread is not None:
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=2)
            self._thread.join(timeout=5)
            self._thread = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def reopen(self) -> None:
        """Open the file again by its name (SIGHUP after log rotation)."""
        self._exchange(self._path)

    def set_path(self, path: Path | None) -> None:
        """Write to another file from now on; `None`: standard error. A file that cannot be opened changes nothing."""
        if path != self._path:
            self._exchange(path)

    def _exchange(self, path: Path | None) -> None:
        try:
            new = _open(path)
        except OSError as error:
            self.error("log_file_refused", path=path, cause=error.strerror)
            return
        with self._writing:
            old, self._file, self._path = self._file, new, path
        if old is not None:
            old.close()

    def error(self, event: str, **fields: object) -> None:
        """Something failed."""
        self.write("error", event, fields.items())

    def warning(self, event: str, **fields: object) -> None:
        """Something is off."""
        self.write("warn", event, fields.items())

    def info(self, event: str, **fields: object) -> None:
        """Normal news."""
        self.write("info", event, fields.items())

    def debug(self, event: str, **fields: object) -> None:
        """Detail."""
        self.write("debug", event, fields.items())

    def announce(self, event: str, **fields: object) -> None:
        """News that whoever started the process waits for: written at every level."""
        self._queue_line(format_line("info", event, fields.items()))

    def write(self, level: str, event: str, fields: Fields, part: str = "pbx") -> None:
        """Queue one line of a part of the program. `level` is one of `LEVELS`."""
        if level not in LEVELS or not self.wants(level, part):
            return
        line = format_line(level, event, fields)
        if level in {"error", "warn"}:
            self.last_warnings.append(line)
        self._queue_line(line)

    def wants(self, level: str, part: str) -> bool:
        """Whether a line of this level and part would be written."""
        return self._filter.passes(level, part)

    def _queue_line(self, line: str) -> None:
        if self._thread is None:
            self._put(line)
            return
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self._dropped_total += 1

    def _write_all(self) -> None:
        while (line := self._queue.get()) is not None:
            if not self._put(line):
                self._dropped_total += 1
                continue
            lost = self._dropped_total - self._reported_total
            if lost and self._put(format_line("warn", "log_dropped", [("lines", lost)])):
                self._reported_total += lost

    def _put(self, line: str) -> bool:
        # A full disk or a closed pipe must not end the server.
        try:
            with self._writing:
                if self._file is not None:
                    self._file.write(line)
                    return True
                stream = self._stream or sys.stderr
                stream.write(line + "\n")
                stream.flush()
        except (OSError, ValueError) as error:
            self._complain(error)
            return False
        return True

    def _complain(self, error: Exception) -> None:
        """Say where people look first that the log's file fails."""
        now = time.monotonic()
        last, path = self._complained_at, self._path
        if path is None or (last is not None and now - last < COMPLAINT_INTERVAL_SECS):
            return
        self._complained_at = now
        line = format_line("error", "log_failed", [("path", path), ("cause", error)])
        self.last_warnings.append(line)
        stream = self._stream or sys.stderr
        with contextlib.suppress(OSError, ValueError):
            stream.write(line + "\n")
            stream.flush()


class LoggingBridge(logging.Handler):
    """Brings what libraries and routers say through `logging` into the event log."""

    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as event `log`."""
        level = {"CRITICAL": "error", "ERROR": "error", "WARNING": "warn", "INFO": "info"}.get(
            record.levelname, "debug"
        )
        if not self._log.wants(level, record.name):
            return
        fields: list[tuple[str, object]] = [("logger", record.name), ("message", record.getMessage())]
        if record.exc_info:
            fields.append(("traceback", logging.Formatter().formatException(record.exc_info)))
        self._log.write(level, "log", fields, record.name)


def format_line(level: str, event: str, fields: Fields) -> str:
    """One log line without its line feed; control characters and lone surrogates are escaped."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    pairs = "".join(f" {name}={_value(value)}" for name, value in fields if value is not None)
    return f"ts={now}Z level={level} event={event}{pairs}"


def _open(path: Path | None) -> LogFile | None:
    return None if path is None else LogFile(path)


def _value(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    if _BARE.match(text) and len(text) <= MAX_VALUE:
        return text
    if len(text) > MAX_VALUE:
        text = f"{text[:MAX_VALUE]}… ({len(text)} characters)"
    return '"' + _SPECIAL.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"
