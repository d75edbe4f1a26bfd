"""The life of `pbx run`: signals, reload, exit codes, the panel."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time

ROUTER = """
from pbx.routing import Reject, Router

router = Router()

@router.invite(to_user=r"^5(\\d+)$")
def five(call, rest):
    return Reject({code})
"""

NEVER = """
import asyncio
from pbx.routing import Router

router = Router()

@router.invite()
async def never(call):
    await asyncio.Event().wait()
"""


def test_sigterm_without_calls_ends_at_once_with_zero(make):
    server = make().start()
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 3
    assert any("event=stopped" in line for line in server.lines)


def test_second_signal_ends_the_drain(make):
    server = make(proxy='modules = ["call", "registrar"]\nrouter = "calls.py"\ndecision_timeout_ms = 60000')
    (server.directory / "calls.py").write_text(
        "import asyncio\nfrom pbx.routing import Router\nrouter = Router()\n"
        "@router.invite()\nasync def never(call):\n    await asyncio.Event().wait()\n"
    )
    server.start()
    with server.sip() as phone:
        phone.send("INVITE", "1002")
        deadline = time.monotonic() + 5
        while not server.get("/calls"):
            assert time.monotonic() < deadline
        (call,) = server.get("/calls")
        assert call["state"] == "deciding"
        assert server.request("GET", "/calls?user=1002")[1][0]["id"] == call["id"]
        assert call["id"] in server.cli("calls")[1]
        server.process.send_signal(signal.SIGTERM)
        server.wait_line("event=draining")
        assert server.get("/health")["status"] == "degraded"
        assert server.process.poll() is None
        assert server.stop(signal.SIGINT) == 0


def test_call_can_be_hung_up_by_its_handle(make):
    server = make(proxy='modules = ["call", "registrar"]\nrouter = "calls.py"\ndecision_timeout_ms = 60000')
    (server.directory / "calls.py").write_text(
        "import asyncio\nfrom pbx.routing import Router\nrouter = Router()\n"
        "@router.invite()\nasync def never(call):\n    await asyncio.Event().wait()\n"
    )
    server.start()
    with server.sip() as phone:
        phone.send("INVITE", "1002")
        deadline = time.monotonic() + 5
        while not (calls := server.get("/calls")):
            assert time.monotonic() < deadline
        code, output = server.cli("hangup", calls[0]["id"], "--code", "486")
        assert code == 0, output
        assert phone.status() == 486


def test_reload_puts_an_edited_router_in_force_and_a_broken_one_not(make):
    server = make(proxy='modules = ["call", "registrar"]\nrouter = "calls.py"')
    router = server.directory / "calls.py"
    router.write_text(ROUTER.format(code=404))
    server.start()

    def answer():
        with server.sip() as phone:
            phone.send("INVITE", "51")
            return phone.status()

    assert answer() == 404
    router.write_text(ROUTER.format(code=603))
    code, output = server.cli("reload")
    assert (code, "generation 2" in output) == (0, True), output
    assert answer() == 603
    router.write_text("raise RuntimeError('half-written')")
    code, output = server.cli("reload")
    assert code == 2
    assert "half-written" in output
    assert answer() == 603
    assert server.get("/health")["generation"] == 2


def test_sighup_reloads_and_reopens_the_log(make):
    server = make(proxy='modules = ["call", "registrar"]\nrouter = "calls.py"')
    router = server.directory / "calls.py"
    router.write_text(ROUTER.format(code=404))
    server.start()
    router.write_text(ROUTER.format(code=603))
    server.process.send_signal(signal.SIGHUP)
    server.wait_line("event=reloaded")
    with server.sip() as phone:
        phone.send("INVITE", "51")
        assert phone.status() == 603


def test_reload_names_errors_and_keys_that_need_a_restart(make):
    server = make(proxy='modules = ["acl", "auth", "registrar", "call"]').start()
    server.write(
        proxy='modules = ["acl", "auth", "registrar", "call"]\nrealms = ["a.test"]\nregistrar_expires = 60'
    )
    status, body, _ = server.request("POST", "/reload/app?check_only=true")
    assert (status, body["mode"], body["restart_required"]) == (200, "check", ["proxy.realms"])
    assert server.get("/health")["generation"] == 1
    status, body, _ = server.request("POST", "/reload/app")
    assert (status, body["generation"], body["restart_required"]) == (200, 2, ["proxy.realms"])
    assert "proxy.registrar_expires" in body["changed"]["keys"]
    assert server.get("/health")["realms"] == []
    server.write(proxy="udp_prot = 1")
    status, body, _ = server.request("POST", "/reload/app")
    assert status == 422
    assert any("udp_prot" in line and "did you mean" in line for line in body["errors"])
    code, output = server.cli("reload")
    assert code == 2
    assert "udp_port" in output


def test_reload_of_one_kind_says_what_changed_and_leaves_the_rest(make):
    server = make(proxy='acl_rules = ["allow all"]').start()
    server.write(proxy='acl_rules = ["deny 192.0.2.1", "allow all"]\nregistrar_expires = 40')
    code, output = server.cli("reload", "acl")
    assert (code, "changed keys: proxy.acl_rules\n" in output) == (0, True), output
    code, output = server.cli("reload")
    assert (code, "changed keys: proxy.registrar_expires\n" in output) == (0, True), output


def test_sighup_logs_what_changed_and_what_waits_for_a_restart(make):
    server = make().start()
    server.write(proxy='registrar_expires = 40\nrealms = ["a.test"]\nrtp_timeout = 5')
    server.process.send_signal(signal.SIGHUP)
    line = server.wait_line("event=reloaded")
    assert "restart_required=proxy.realms" in line
    assert "proxy.registrar_expires" in line
    assert "not yet effective" in server.wait_line("key=proxy.rtp_timeout")


def test_route_explain_names_who_decides(make):
    server = make(
        proxy='modules = ["call", "registrar"]\nrouter = "calls.py"\n'
        '[[proxy.routes]]\nname = "nine"\nmatch = { "to.user" = "9000" }\nrewrite = { "to.user" = "1002" }'
    )
    (server.directory / "calls.py").write_text(ROUTER.format(code=603))
    server.start()
    code, output = server.cli("route", "explain", "--from", "1001", "--to", "51")
    assert (code, "five" in output, "603" in output) == (0, True, True), output
    code, output = server.cli("route", "explain", "--from", "1001", "--to", "9000")
    assert (code, "nine" in output, "1002" in output) == (0, True, True), output
    code, output = server.cli("route", "explain", "--from", "1001", "--to", "1002")
    assert (code, "bindings: reject 480 no phone is registered as 1002@" in output) == (0, True), output
    assert server.get("/calls") == []


def test_route_explain_tells_who_would_ring_or_why_nobody_does(make):
    server = make(proxy='modules = ["call", "registrar"]\nrealms = ["127.0.0.1"]').start()
    with server.sip() as phone:
        phone.send("REGISTER", "1002")
        assert phone.status() == 200

        def outcome(callee):
            code, output = server.cli("route", "explain", "--from", "1001", "--to", callee)
            assert code == 0, output
            return output.splitlines()[-1]

        assert f"ring 1002@127.0.0.1 <sip:1001@127.0.0.1:{phone.port}>" in outcome("1002")
        assert "reject 480" in outcome("1001")
        assert "reject 404 there is no user" in outcome("7777")
        assert "reject 404 other.test is not ours" in outcome("bob@other.test")


def test_port_in_use_is_exit_one_naming_port_and_cause(make):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        server = make()
        server.config.write_text(server.config.read_text().replace("udp_port = 0", f"udp_port = {port}"))
        code, output = server.cli("run")
    assert code == 1
    assert f"127.0.0.1:{port}" in output
    assert "in use" in output


def test_configured_http_port_in_use_is_exit_one(make):
    server = make()
    with socket.create_server(("127.0.0.1", server.http_port)):
        code, output = server.cli("run")
    assert code == 1
    assert str(server.http_port) in output


def test_bad_configuration_is_exit_two_with_the_report(make):
    server = make(proxy="udp_prot = 5060")
    code, output = server.cli("run")
    assert code == 2
    assert 'did you mean "udp_port"?' in output


def test_bad_router_is_exit_two(make):
    server = make(proxy='router = "calls.py"')
    (server.directory / "calls.py").write_text("router = 5")
    code, output = server.cli("run")
    assert code == 2
    assert "not a pbx.routing.Router" in output


def test_nothing_running_is_exit_one(make):
    code, output = make().cli("status")
    assert code == 1
    assert "no running pbx answers" in output


def test_keys_without_effect_are_named_at_start(make):
    server = make(proxy="rtp_timeout = 5").start()
    assert "not yet effective" in server.wait_line("key=proxy.rtp_timeout")


def test_help_teaches_the_exit_codes(make):
    done = subprocess.run(
        [sys.executable, "-m", "pbx.cli.main", "run", "--help"], capture_output=True, text=True, check=True
    )
    assert re.search(r"Exit\s+status", done.stdout)


class Terminal:
    """A server that believes a person watches it."""

    def __init__(self, server):
        self.main, terminal = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pbx.cli.main", "run", "--config", str(server.config)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
        )
        os.close(terminal)
        self.seen = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self):
        if self.main is not None:
            os.close(self.main)
            self.main = None

    def wait(self, *texts, timeout=15):
        deadline = time.monotonic() + timeout
        while not all(text.encode() in self.seen for text in texts):
            assert time.monotonic() < deadline, self.seen.decode(errors="replace")
            if select.select([self.main], [], [], 0.1)[0]:
                self.seen += os.read(self.main, 65_536)

    def end(self, kind):
        """Exit status after a signal, reading on so that nobody waits for us."""
        self.process.send_signal(kind)
        while self.main is not None:
            try:
                if not os.read(self.main, 65_536):
                    break
            except OSError:
                break
        return self.process.wait(10)


def test_panel_is_drawn_on_a_terminal(make):
    with Terminal(make()) as terminal:
        terminal.wait("listeners", "registrations", "Ctrl-C ends it")
        assert terminal.end(signal.SIGINT) == 0


def test_panel_shows_warnings_by_their_message(make):
    with Terminal(make(proxy="rtp_timeout = 5")) as terminal:
        terminal.wait("config_warning", "proxy.rtp_timeout: not yet")
        assert terminal.end(signal.SIGTERM) == 0


def test_panel_lives_through_the_drain(make):
    server = make(proxy='modules = ["call", "registrar"]\nrouter = "calls.py"\ndecision_timeout_ms = 60000')
    (server.directory / "calls.py").write_text(NEVER)
    with Terminal(server) as terminal:
        terminal.wait("event=ready", "Ctrl-C ends it")
        server.udp_port = int(re.search(rb"udp:127\.0\.0\.1:(\d+)", terminal.seen)[1])
        with server.sip() as phone:
            phone.send("INVITE", "1002")
            deadline = time.monotonic() + 5
            while not server.get("/calls"):
                assert time.monotonic() < deadline
            terminal.process.send_signal(signal.SIGINT)
            terminal.wait("draining", "Ctrl-C again ends it at once")
            assert terminal.end(signal.SIGINT) == 0


def test_terminal_that_goes_away_takes_no_call_with_it(make):
    server = make()
    with Terminal(server) as terminal:
        terminal.wait("event=ready", "Ctrl-C ends it")
        terminal.close()
        terminal.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while server.get("/health")["generation"] < 2:
            assert time.monotonic() < deadline
        uptime = server.get("/health")["uptime"]
        while server.get("/health")["uptime"] < uptime + 2:
            assert time.monotonic() < deadline
        assert terminal.end(signal.SIGTERM) == 0
