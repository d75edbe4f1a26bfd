"""One line an event, whatever the values hold."""

import io
import logging

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
