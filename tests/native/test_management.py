"""The management interface of a running PBX (`formats.md` §10, reliability H1, H2)."""

import socket
import time

import pytest

JSON = {"Content-Type": "application/json"}


def test_health_shows_what_runs(running):
    health = running.get("/health")
    assert health["status"] == "ok"
    assert {entry["transport"] for entry in health["listeners"]} == {"udp", "tcp", "http"}
    assert health["modules"] == ["acl", "registrar", "call"]
    assert any("open_relay" in warning for warning in health["warnings"])
    assert health["sipserver"]["calls"] == 0
    assert health["media"]["ports_free"] > 0
    assert health["generation"] >= 1


@pytest.mark.parametrize("path", ["/calls", "/dialogs", "/registrations"])
def test_lists_begin_empty(running, path):
    assert running.get(path) == []
    assert running.get(f"{path}?limit=1000&user=nobody&trunk=none") == []


def test_registrations_are_paged_with_a_cursor(running):
    with running.sip() as phone:
        for number in range(1, 6):
            phone.send("REGISTER", f"20{number}", number)
            assert phone.status() == 200
    status, page, headers = running.request("GET", "/registrations?limit=2")
    seen = [entry["aor"] for entry in page]
    assert status == 200
    while cursor := headers.get("X-Next-Cursor"):
        _, page, headers = running.request("GET", f"/registrations?limit=2&cursor={cursor}")
        seen += [entry["aor"] for entry in page]
    assert seen == [f"20{number}@127.0.0.1" for number in range(1, 6)]
    assert [entry["aor"] for entry in running.get("/registrations?user=203")] == ["203@127.0.0.1"]
    code, output = running.cli("registrations")
    assert code == 0
    assert "203@127.0.0.1" in output


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", "/nothing", None, {}, 404),
        ("POST", "/health", b"", {}, 405),
        ("GET", "/shutdown", None, {}, 405),
        ("GET", "/reload/app", None, {}, 405),
        ("DELETE", "/calls", None, {}, 405),
        ("POST", "/reload/everything", b"", {}, 404),
        ("POST", "/reload/app?check_only=maybe", b"", {}, 400),
        ("POST", "/reload/app?chek_only=true", b"", {}, 400),
        ("POST", "/reload/app?mode=dry", b"", {}, 400),
        ("GET", "/calls?limit=0", None, {}, 400),
        ("GET", "/calls?limit=1001", None, {}, 400),
        ("GET", "/calls?limit=-1", None, {}, 400),
        ("GET", "/calls?cursor=x", None, {}, 400),
        ("POST", "/hangup/1", b"{}", {}, 415),
        ("POST", "/hangup/1", b"{", JSON, 400),
        ("POST", "/hangup/1", b"[]", JSON, 400),
        ("POST", "/hangup/1", b"[" * 100_000, JSON, 400),
        ("POST", "/hangup/1", {"code": 200}, {}, 400),
        ("POST", "/hangup/1", {"code": "486"}, {}, 400),
        ("POST", "/hangup/1", {"colour": "red"}, {}, 400),
        ("POST", "/hangup/1", {}, {}, 404),
        ("POST", "/hangup/" + "9" * 400, {}, {}, 404),
        ("POST", "/calls/18446744073709551616/hangup", {}, {}, 404),
        ("POST", "/calls/%00/hangup", {}, {}, 404),
        ("POST", "/route/explain", {"from": "1001"}, {}, 400),
        ("POST", "/route/explain", {"from": "1001", "to": "sip:@@"}, {}, 400),
        ("POST", "/shutdown", {"drain_secs": -1}, {}, 400),
        ("GET", "/health", None, {"Authorization": "Bearer guess"}, 401),
    ],
)
def test_refusals_have_their_status_and_say_why(running, method, path, body, headers, status):
    got, answer, _ = running.request(method, path, body, headers)
    assert got == status, answer
    assert set(answer) >= {"error", "message"}


def test_body_above_one_mebibyte_is_413(running):
    status, _, _ = running.request("POST", "/hangup/1", b"x" * (1024 * 1024 + 1), JSON)
    assert status == 413


def test_chunked_body_above_one_mebibyte_is_413(running):
    with socket.create_connection(("127.0.0.1", running.http_port), timeout=10) as raw:
        raw.sendall(
            b"POST /ami/v1/hangup/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        try:
            for _ in range(20):
                raw.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        except OSError:
            pass
        assert b" 413 " in raw.recv(1000)


@pytest.mark.parametrize("length", [b"-1", b"18446744073709551616", b"x", b"1, 2"])
def test_impossible_content_length_is_refused(running, length):
    with socket.create_connection(("127.0.0.1", running.http_port), timeout=10) as raw:
        raw.sendall(b"POST /ami/v1/hangup/1 HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n")
        assert raw.recv(1000).split()[1] in (b"400", b"413")
    assert running.get("/health")["status"] == "ok"


def test_hundreds_of_silent_connections_do_not_end_the_service(running):
    silent = [socket.create_connection(("127.0.0.1", running.http_port)) for _ in range(400)]
    for connection in silent:
        connection.close()
    deadline = time.monotonic() + 5
    # Until the last one is cleared away, a request may be refused with 503.
    while running.request("GET", "/health", decode=False)[0] != 200:
        assert time.monotonic() < deadline


def test_page_of_another_site_cannot_use_a_browser_on_this_machine(running):
    for origin in ("http://evil.test", "null", f"https://127.0.0.1:{running.http_port + 1}"):
        assert running.request("POST", "/shutdown", b"", {"Origin": origin})[0] == 403
    own = f"http://127.0.0.1:{running.http_port}"
    assert running.request("POST", "/hangup/1", {}, {"Origin": own})[0] == 404


def test_every_post_leaves_an_audit_line(running):
    running.request("POST", "/hangup/123456", {})
    assert "status=404" in running.wait_line("path=/ami/v1/hangup/123456")


def test_scopes_of_tokens_are_kept_apart(make):
    tokens = '[{ token = "reader-token-000001", scopes = ["read"], name = "watch" }]'
    server = make(extra=f"ami = {{ allows = [], tokens = {tokens} }}").start()
    bearer = {"Authorization": "Bearer reader-token-000001"}
    assert server.request("GET", "/health")[0] == 401
    assert server.request("GET", "/health", headers={"X-Forwarded-For": "127.0.0.1"})[0] == 401
    assert server.request("GET", "/health", headers=bearer)[0] == 200
    assert server.request("POST", "/reload/app", headers=bearer)[0] == 403
    assert server.request("POST", "/shutdown", headers=bearer)[0] == 403
    assert "reader-token" not in "\n".join(server.lines)
    assert server.cli("status", "--token", "reader-token-000001")[0] == 0
    assert server.cli("status")[0] == 1


def test_address_that_is_not_allowed_is_403_whatever_it_claims(make):
    server = make(extra='ami = { allows = ["192.0.2.1"] }').start()
    assert server.request("GET", "/health")[0] == 403
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        assert server.request("GET", "/health", headers={header: "192.0.2.1"})[0] == 403


def test_secrets_appear_in_no_reply_and_no_log(running):
    for path in ("/health", "/calls", "/dialogs", "/registrations", "/transactions"):
        assert "hush-hush" not in str(running.get(path))
    assert "hush-hush" not in "\n".join(running.lines)
