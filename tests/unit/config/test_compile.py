"""The document for the engine: complete, in the engine's words, and accepted by it."""

import json
import os
import shutil

import pytest

from pbx.config.compile import compile_document, compile_json
from pbx.config.machine import Machine, this_machine

with_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None and "CI" not in os.environ,
    reason="the peer openssl, which makes the certificates, is missing",
)
MACHINE = Machine(("127.0.0.1", "192.0.2.9", "2001:db8::9"), 4, "1.2.3", "00112233aabbccdd")


def compiled(config, **options):
    return compile_document(config, MACHINE, generation=7, **({"ask_router": False} | options))


def switch(site, text):
    return compiled(site.load(text))["switch"]


def test_defaults_are_written_out(site):
    document = compiled(site.load("[proxy]\n"))
    assert document["net"]["udp"] == ["0.0.0.0:5060"]
    assert document["net"]["tcp"] == []
    assert document["net"]["sip_worker_threads"] == 2
    assert document["net"]["media_worker_threads"] == 2
    assert document["switch"]["generation"] == 7
    assert document["switch"]["t1x64_ms"] == 32_000
    assert document["switch"]["registrar"] == {"expires_secs": 30, "max_expires_secs": 50, "max_bindings": 16}
    assert document["switch"]["limits"]["max_message_size"] == 65_535


def test_listeners_are_every_port_on_every_address_the_first_one_first(site):
    net = compiled(
        site.load('[proxy]\naddr = ["192.0.2.1", "::1"]\nudp_port = 5070\nudp_ports = [5060]\ntcp_port = 0\n')
    )["net"]
    assert net["udp"] == ["192.0.2.1:5070", "[::1]:5070", "192.0.2.1:5060", "[::1]:5060"]
    assert net["tcp"] == ["192.0.2.1:0", "[::1]:0"]


@with_openssl
def test_secure_and_web_listeners_follow_the_same_rule(site):
    site.pair("own")
    pair = 'ssl_certificate = "own.pem"\nssl_private_key = "own.key"\n'
    net = compiled(
        site.load(
            f'[proxy]\naddr = ["192.0.2.1", "::1"]\ntls_port = 5061\nws_port = 8088\nws_handler = "/sip"\n{pair}'
        )
    )["net"]
    assert (net["udp"], net["tcp"]) == ([], [])
    assert net["tls"] == ["192.0.2.1:5061", "[::1]:5061"]
    assert net["ws"] == ["192.0.2.1:8088", "[::1]:8088"]
    assert net["ws_path"] == "/sip"


@with_openssl
def test_the_certificate_is_one_pair_or_the_other_never_half_of_each(site):
    for name in ("top", "own"):
        site.pair(name)
    top, own = (
        f'ssl_certificate = "{name}.pem"\nssl_private_key = "{name}.key"\n' for name in ("top", "own")
    )

    def stem(text):
        files = compiled(site.load(text))["net"]["certificate"]
        return files and {path.rsplit("/", 1)[1] for path in files.values()}

    assert stem("[proxy]\n") is None
    assert stem(f"{top}[proxy]\ntls_port = 5061\n") == {"top.pem", "top.key"}
    assert stem(f"{top}[proxy]\ntls_port = 5061\n{own}") == {"own.pem", "own.key"}


def test_the_engine_asks_the_router_only_if_there_is_one(site):
    assert compiled(site.load("[proxy]\n"), ask_router=True)["switch"]["call"]["ask_router"] is True


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("", "192.0.2.9"),
        ('[proxy]\naddr = "127.0.0.1"', "127.0.0.1"),
        ('external_ip = "203.0.113.1"\n[proxy]\naddr = "127.0.0.1"', "203.0.113.1"),
        ('[proxy]\ncallid_suffix = ""', ""),
        ('[proxy]\ncallid_suffix = "x.test"', "x.test"),
    ],
)
def test_the_suffix_of_call_ids_follows_the_addresses(site, text, suffix):
    assert switch(site, text + "\n")["identity"]["callid_suffix"] == suffix


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"always": False, "expires_secs": 1800}),
        ("session_expires = 90", {"always": False, "expires_secs": 90}),
        ("session_timer = false", None),
        ("session_timer = false\nsession_timer_always = true", {"always": True, "expires_secs": 1800}),
    ],
)
def test_session_timers_are_on_unless_switched_off_and_always_implies_them(site, text, expected):
    config = site.load(f"[proxy]\n{text}\n")
    assert compiled(config)["switch"]["call"]["session_timer"] == expected
    assert not [problem for problem in config.problems if "session" in str(problem)]


def test_names_on_the_wire(site):
    assert switch(site, "[proxy]\n")["identity"]["user_agent"] == "pbx/1.2.3"
    assert switch(site, "[proxy]\n")["identity"]["contact_username"] == "00112233aabbccdd"
    given = switch(site, '[proxy]\nuseragent = ""\ncontact_username = "me"\n')["identity"]
    assert (given["user_agent"], given["contact_username"]) == ("", "me")


def test_realms_are_normalised(site):
    identity = switch(site, '[proxy]\nrealms = ["Lab.Test.", "[::1]:5070", "bücher.test"]\n')["identity"]
    assert identity["realms"] == [
        {"host": "lab.test", "port": None},
        {"host": "::1", "port": 5070},
        {"host": "xn--bcher-kva.test", "port": None},
    ]


def test_users_carry_their_secret_and_every_identity(site):
    text = """
[[proxy.user_backends]]
type = "memory"
realms = ["Lab.test"]
users = [
  { username = "a", password = "p", phone = "+44", aliases = ["b"], display_name = "A" },
  { username = "c", ha1_sha256 = "%s", realm = "Lab.Test", enabled = false },
  { username = "d" },
]
""" % ("0" * 64)
    first, second, third = switch(site, text)["users"]
    assert first == {
        "username": "a",
        "realm": None,
        "backend_realms": ["lab.test"],
        "secret": {"password": "p"},
        "enabled": True,
        "aliases": ["+44", "b"],
        "display_name": "A",
    }
    assert (second["secret"], second["realm"], second["enabled"]) == (
        {"ha1_sha256": "0" * 64},
        "lab.test",
        False,
    )
    assert third["secret"] is None


def test_access_rules_keep_their_order_and_origin(site):
    assert switch(site, '[proxy]\nacl_rules = ["deny 10.0.0.1/8",\n "Allow all"]\n')["acl"] == [
        {"allow": False, "net": "10.0.0.0/8", "origin": "pbx.toml:2"},
        {"allow": True, "net": None, "origin": "pbx.toml:3"},
    ]


def routes(site, text):
    return switch(site, text)["routes"]


def test_routes_are_sorted_by_priority_and_then_as_loaded(site):
    text = "".join(
        f'[[proxy.routes]]\nname = "{name}"\npriority = {priority}\n'
        for name, priority in [("a", 0), ("b", 5), ("c", 0)]
    )
    assert [route["name"] for route in routes(site, text)] == ["b", "a", "c"]


def test_disabled_routes_are_left_out(site):
    assert routes(site, '[[proxy.routes]]\nname = "a"\ndisabled = true\n') == []


def test_conditions_and_actions_are_in_the_words_of_the_engine(site):
    text = """
[[proxy.routes]]
name = "a"
direction = "Internal"
match = { "to.user" = "^9", "request_uri.host" = "x.test", "header.X-Site" = "lab", caller = "a@b" }
action = "reject"
reject = { code = 488, reason = "No", headers = { X-Why = "y" } }
max_ring_time = 5
codecs = ["PCMA"]
media_proxy = "ALL"
[[proxy.routes]]
name = "b"
action = "busy"
[[proxy.routes]]
name = "c"
rewrite = { "to.user" = "1{{2" }
"""
    first, second, third = routes(site, text)
    assert first == {
        "name": "a",
        "origin": "pbx.toml:2",
        "direction": "internal",
        "matchers": [
            {"field": "to_user", "pattern": "^9"},
            {"field": "request_uri_host", "pattern": "x.test"},
            {"field": {"header": "X-Site"}, "pattern": "lab"},
            {"field": "caller", "pattern": "a@b"},
        ],
        "action": {"kind": "reject", "code": 488, "reason": "No", "headers": [["X-Why", "y"]]},
        "max_ring_secs": 5,
        "codecs": ["pcma"],
        "media": "all",
    }
    assert second["action"] == {"kind": "busy"}
    assert third["action"] == {"kind": "forward", "to_user": "1{2"}


@pytest.mark.parametrize(
    "line",
    [
        "dest = 't'",
        "action = 'queue'\nqueue = 'q'",
        "action = 'app'\napp = 'echo'",
        "policy = { allow_landline = false }",
        "rewrite = { 'from.user' = 'x' }",
    ],
)
def test_a_route_this_release_cannot_follow_refuses_instead_of_falling_through(site, line):
    site.write(
        "q.toml", 'name = "q"\n[queue]\naccept_immediately = true\nstrategy.targets = [{ uri = "1" }]\n'
    )
    text = f"[proxy]\nqueues_files = ['q.toml']\n[proxy.trunks.t]\ndest = 'a.test'\n[[proxy.routes]]\nname = 'a'\n{line}\n"
    assert routes(site, text)[0]["action"]["kind"] == "reject"
    assert routes(site, text)[0]["action"]["code"] == 503
    assert any(warning.key.startswith('proxy.routes["a"]') for warning in site.load(text).warnings)


def test_a_route_for_calls_from_trunks_never_matches_while_there_are_none(site):
    text = "[proxy.trunks.t]\ndest = 'a.test'\n[[proxy.routes]]\nname = 'a'\nsource_trunks = ['t']\n"
    assert routes(site, text) == []


def test_modes_that_come_later_act_as_the_nearest_that_is_there(site):
    media = switch(site, '[proxy]\nmedia_proxy = "bypass"\ncodec_strategy = "quality"\n')["media"]
    assert (media["mode"], media["codec_strategy"]) == ("auto", "performance")


def test_this_machine_has_addresses_and_cores():
    machine = this_machine()
    assert "127.0.0.1" in machine.addresses
    assert machine.cores >= 1
    assert len(machine.identity) == 16
    assert machine.identity != this_machine().identity


def test_the_document_is_accepted_by_the_engine(site):
    native = pytest.importorskip("pbx._native", reason="the extension is not built")
    text = """
external_ip = ["203.0.113.1", "2001:db8::1"]
[proxy]
udp_port = 5060
tcp_port = 5060
realms = ["lab.test", "b.test:5070"]
acl_rules = ["allow 10.0.0.0/8", "deny all"]
max_ring_time = 9
user_backends = [{ type = "memory", users = [
  { username = "a", password = "p" }, { username = "b", ha1 = "%s", realm = "lab.test" }, { username = "c" } ] }]
[[proxy.routes]]
name = "a"
match = { "to.user" = "^9", "header.X" = "y", "request_uri.port" = "5060", callee = "x@y" }
action = "reject"
reject = { headers = { X-Why = "y" } }
[[proxy.routes]]
name = "b"
action = "busy"
codecs = ["pcmu"]
media_proxy = "none"
[[proxy.routes]]
name = "c"
rewrite = { "to.user" = "1" }
""" % ("0" * 32)
    native.check_config(compile_json(site.load(text), this_machine(), generation=1, ask_router=True))
    document = json.loads(compile_json(site.load(text), this_machine(), generation=1, ask_router=True))
    document["switch"]["surprise"] = 1
    with pytest.raises(ValueError, match="surprise"):
        native.check_config(json.dumps(document))
