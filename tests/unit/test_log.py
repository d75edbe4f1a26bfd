"""One line an event, whatever the values hold."""

import io
import logging
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pbx.log import EventLog, LoggingBridge, format_line


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=200))
def test_any_value_stays_within_one_printable_line(value):
    line = format_line("info", "x", [("value", value)])
    assert len(line.splitlines()) == 1
    assert not any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in line)
    line.encode()


def test_values_with_blanks_are_quoted_and_others_bare():
    line = format_line(
        "warn", "x", [("a", "b c"), ("d", 'e"f'), ("g", "sip:1@h:5060"), ("none", None), ("n", 5)]
    )
    assert line.endswith(' level=warn event=x a="b c" d="e\\"f" g=sip:1@h:5060 n=5')


def test_level_filters_and_warnings_are_remembered():
    stream = io.StringIO()
    log = EventLog("warn", stream=stream)
    log.info("quiet")
    log.warning("loud", a=1)
    log.set_level("pbx=trace,debug")
    log.debug("now")
    assert [line.split()[2] for line in stream.getvalue().splitlines()] == ["event=loud", "event=now"]
    assert len(log.last_warnings) == 1


def test_background_writer_keeps_order_and_writes_all_before_it_stops(tmp_path):
    log = EventLog("info", path=tmp_path / "pbx.log")
    log.start()
    for number in range(500):
        log.info("n", number=number)
    log.stop()
    lines = (tmp_path / "pbx.log").read_text().splitlines()
    assert [line.rpartition("=")[2] for line in lines] == [str(number) for number in range(500)]


def test_rotated_file_is_opened_anew(tmp_path):
    path = tmp_path / "pbx.log"
    log = EventLog("info", path=path)
    log.info("before")
    path.rename(tmp_path / "pbx.log.1")
    log.reopen()
    log.info("after")
    log.stop()
    assert "event=after" in path.read_text()
    assert "event=before" in (tmp_path / "pbx.log.1").read_text()


def test_other_file_is_taken_up_and_an_impossible_one_refused(tmp_path):
    log = EventLog("info", path=tmp_path / "one.log")
    log.set_path(tmp_path / "two.log")
    log.info("second")
    log.set_path(tmp_path / "absent" / "three.log")
    log.info("still")
    log.stop()
    assert "event=still" in (tmp_path / "two.log").read_text()
    assert "event=log_file_refused" in (tmp_path / "two.log").read_text()


def test_library_logging_becomes_events():
    stream = io.StringIO()
    bridge = LoggingBridge(EventLog("info", stream=stream))
    bridge.emit(logging.LogRecord("lib", logging.ERROR, "f", 1, "bad\n%s", ("x",), None))
    assert 'level=error event=log logger=lib message="bad\\nx"' in stream.getvalue()


def test_full_disk_is_survived():
    class Full(io.StringIO):
        def write(self, _text):
            raise OSError(28, "No space left on device")

    EventLog("info", stream=Full()).info("lost")


def test_file_that_cannot_be_written_is_complained_about_once_and_closes_without_a_fault(capsys):
    log = EventLog("info", path=Path("/dev/full"))
    log.start()
    for _ in range(20):
        log.info("lost")
    log.stop()
    complaints = capsys.readouterr().err.splitlines()
    assert len(complaints) == 1
    assert "level=error event=log_failed path=/dev/full" in complaints[0]
    assert list(log.last_warnings) == complaints


def test_line_that_fits_only_in_part_leaves_nothing_and_the_next_one_tells_how_many_are_missing(tmp_path):
    # A size limit cuts a write just as a full disk does. It holds for the whole process, so a process of its own.
    script = """
import resource, sys
from pathlib import Path
from pbx.log import EventLog
path = Path(sys.argv[1])
log = EventLog("info", path=path)
log.start()
log.info("first")
while not path.stat().st_size: pass
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, resource.RLIM_INFINITY))
log.info("torn")
while not log.last_warnings: pass
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.info("last")
log.stop()
"""
    path = tmp_path / "pbx.log"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=20, capture_output=True)
    assert [line.split()[2:] for line in path.read_text().splitlines()] == [
        ["event=first"],
        ["event=last"],
        ["event=log_dropped", "lines=1"],
    ]


def test_parts_of_the_program_have_levels_of_their_own():
    stream = io.StringIO()
    log = EventLog("warn,pbx_switch=debug,routing=trace", stream=stream)
    log.info("own")
    log.write("debug", "engine", [], "pbx_switch")
    log.write("trace", "engine", [], "pbx_switch")
    log.write("trace", "below", [], "routing.abroad")
    log.write("info", "beside", [], "routing2")
    assert [line.split()[2] for line in stream.getvalue().splitlines()] == ["event=engine", "event=below"]


def test_quiet_logger_does_not_even_format_its_message():
    class Loud:
        def __str__(self):
            raise AssertionError("formatted")

    bridge = LoggingBridge(EventLog("info", stream=io.StringIO()))
    bridge.emit(logging.LogRecord("lib", logging.DEBUG, "f", 1, "%s", (Loud(),), None))
