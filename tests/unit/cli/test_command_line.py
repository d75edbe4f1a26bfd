"""What the commands say when something is wrong with the question, and how lists are printed."""

import json

import pytest
from typer.testing import CliRunner

from pbx.cli.client import Client
from pbx.cli.main import app

CALL = {
    "id": "4294967296",
    "state": "connected",
    "from": "sip:1001@127.0.0.1",
    "callee": "sip:1002-0x5576e36ade30@127.0.0.1:30314;transport=tcp",
    "decided_by": "bindings",
}


def run(*arguments):
    done = CliRunner().invoke(app, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done


def test_version_is_told():
    done = run("--version")
    assert done.exit_code == 0
    assert done.output.startswith("pbx ")


@pytest.mark.parametrize(
    "url", ["here", "ftp://127.0.0.1", "http://", "http://[::1", "http://127.0.0.1:99999"]
)
def test_url_that_is_none_is_a_usage_error_of_one_line(url):
    done = run("status", "--url", url)
    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1
    assert url in done.output


def test_broken_file_is_reported_with_the_way_around_it(tmp_path):
    path = tmp_path / "pbx.toml"
    path.write_text("[proxy]\nudp_prot = 1\n")
    done = run("calls", "--config", str(path))
    assert done.exit_code == 2
    assert 'did you mean "udp_port"?' in done.output
    assert done.output.splitlines()[-1].endswith("give --url")


def test_list_in_a_pipe_has_whole_values_and_one_line_an_entry(monkeypatch):
    monkeypatch.setattr(Client, "pages", lambda *_: [CALL])
    done = run("calls", "--url", "http://127.0.0.1:1")
    assert len(done.output.splitlines()) == 2
    assert all(value in done.output for value in CALL.values())


@pytest.mark.parametrize("width", [40, 80])
def test_narrow_terminal_shortens_everything_but_what_is_typed_again(monkeypatch, width):
    monkeypatch.setattr(Client, "pages", lambda *_: [CALL])
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", str(width))
    done = run("calls", "--url", "http://127.0.0.1:1")
    assert CALL["id"] in done.output
    assert len(done.output.splitlines()) == 2


def test_list_as_json_is_what_the_instance_said(monkeypatch):
    monkeypatch.setattr(Client, "pages", lambda *_: [CALL])
    assert json.loads(run("calls", "--json", "--url", "http://127.0.0.1:1").output) == [CALL]
