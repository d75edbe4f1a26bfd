"""reliability.md H3: a typing error never opens the system, it is refused or loudly warned about."""

import pytest


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("udp_prot = 1", 'proxy.udp_prot: unknown key; did you mean "udp_port"?'),
        ("Udp_port = 1", 'proxy.Udp_port: unknown key; did you mean "udp_port"?'),
        ('udp_port = "5060"', 'proxy.udp_port: "5060" is not an integer'),
        ("udp_port = 5060.0", "proxy.udp_port: 5060.0 is not an integer"),
        ("udp_port = true", "proxy.udp_port: true is not an integer"),
        ("udp_port = 65536", "proxy.udp_port: 65536 is above the maximum 65535"),
        ("udp_port = -1", "proxy.udp_port: -1 is below the minimum 0"),
        ("nat_fix = 1", "proxy.nat_fix: 1 is not true or false"),
        ('nat_fix = "true"', 'proxy.nat_fix: "true" is not true or false'),
        ("useragent = 5", "proxy.useragent: 5 is not a string"),
        ("udp_ports = 5060", "proxy.udp_ports: 5060 is not a list"),
        ("emergency = true", "proxy.emergency: true is not a table"),
        ("trunks = []", "proxy.trunks: a list is not a table"),
        ('addr = "pbx.test"', 'proxy.addr: "pbx.test": an IP address is needed, no host name'),
        ("media_proxy = 1", "proxy.media_proxy: 1 is not one of auto, all, none, nat, bypass"),
        ("session_cmd_channel_capacity = 0", "proxy.session_cmd_channel_capacity: 0 is below the minimum 1"),
        (
            "dialog_auth_cache = { ttl = 5 }",
            'proxy.dialog_auth_cache.ttl: unknown key; did you mean "ttl_seconds"?',
        ),
        ('frequency_limiter = "100"', 'proxy.frequency_limiter: "100": "N/T" is needed, such as "100/60s"'),
        ('frequency_limiter = "0/60s"', 'proxy.frequency_limiter: "0/60s": the count is 1 to 1000000'),
        ('frequency_limiter = "1/25h"', 'proxy.frequency_limiter: "1/25h": the time is 1s to 24h'),
        ("audio_codecs = []", "proxy.audio_codecs: a list: must not be empty"),
        ('audio_codecs = ["PCMU", "pcmu"]', 'proxy.audio_codecs: "pcmu" is listed twice'),
        ('audio_codecs = ["pcmx"]', '"pcmx" is not one of opus, g729'),
        ('realms = ["A.test", "a.test."]', 'proxy.realms: "a.test." and "A.test" are the same realm'),
        ('acl_rules = ["allow 10.0.0.0/33"]', 'the source is "all", an IP address or a CIDR block'),
        ('acl_rules = ["allow 10.0.0.1 please"]', 'one address, CIDR block or "all" follows "allow"'),
        ('acl_rules = ["allow host.test"]', 'the source is "all", an IP address or a CIDR block'),
        ('user_backends = [{ type = "memry" }]', 'did you mean "memory"?'),
        ("user_backends = [{ users = [] }]", "proxy.user_backends[0].type: required key is missing"),
        ('contact_username = "a b"', "1 to 64 letters, digits and -_.!~*'()"),
        ('ua_black_list = [""]', 'proxy.ua_black_list[0]: "": must not be empty'),
        ('ws_handler = "ws"', 'a path begins with "/"'),
    ],
)
def test_a_bad_value_is_refused_with_its_reason(proxy_errors, line, message):
    (error,) = proxy_errors(line + "\n")
    assert error.startswith("pbx.toml:2: proxy.")
    assert message in error


@pytest.mark.parametrize("line", ["[proxi]", "[prox.y]", "udp_port = 5060", "[proxy.emergncy]", "[acl]"])
def test_an_unknown_table_or_key_is_refused(site, line):
    (error,) = site.errors(line + "\n")
    assert "unknown key" in error


def test_a_key_of_proxy_at_top_level_is_pointed_to_its_table(site):
    assert site.errors("udp_port = 5060\n") == [
        'pbx.toml:1: udp_port: unknown key; did you mean "proxy.udp_port"?'
    ]


def test_an_unknown_module_is_refused_with_the_nearest_name(proxy_errors):
    expected = 'pbx.toml:2: proxy.modules[1]: no module named "auht"; did you mean "auth"?'
    assert proxy_errors('modules = ["acl", "auht"]\n') == [expected]


def test_a_module_listed_twice_is_refused(proxy_errors):
    assert proxy_errors('modules = ["auth", "acl", "auth"]\n') == [
        'pbx.toml:2: proxy.modules[2]: "auth" is listed twice'
    ]


def test_an_unknown_addon_is_refused(proxy_errors):
    expected = 'pbx.toml:2: proxy.addons[0]: no addon named "monitr"; did you mean "monitor"?'
    assert proxy_errors('addons = ["monitr"]\n') == [expected]


@pytest.mark.parametrize("modules", ['["call"]', '["acl", "registrar"]', '["registrar", "call"]'])
def test_calls_or_registrations_without_auth_start_with_the_warning_open_relay(site, modules):
    assert any("open_relay" in warning for warning in site.warnings(f"[proxy]\nmodules = {modules}\n"))


def test_keys_of_a_module_that_is_not_loaded_are_warned_about(site):
    warnings = site.warnings('[proxy]\nmodules = ["auth", "registrar", "call"]\nacl_rules = ["deny all"]\n')
    assert (
        'warning: pbx.toml:3: proxy.acl_rules: "acl_rules" has no effect: module "acl" is not loaded'
        in warnings
    )


def test_an_installation_without_users_is_warned_about(site):
    assert any("no_users" in warning for warning in site.warnings("[proxy]\n"))
    assert any(
        "no_users" in warning for warning in site.warnings('[[proxy.user_backends]]\ntype = "memory"\n')
    )


def test_an_empty_list_of_backends_is_refused_with_auth_only(site):
    assert site.errors("[proxy]\nuser_backends = []\n")
    assert not site.errors('[proxy]\nuser_backends = []\nmodules = ["acl"]\n')


def test_closed_lists_are_not_case_sensitive(site):
    proxy = site.load(
        '[proxy]\nmedia_proxy = "ALL"\naudio_codecs = ["PCMU"]\nacl_rules = ["Deny All"]\n'
    ).proxy
    assert (proxy.media_proxy, proxy.audio_codecs) == ("all", ["pcmu"])


def test_an_empty_optional_string_is_unset(site):
    config = site.load(
        'http_addr = ""\nlog_file = ""\nssl_certificate = ""\n[proxy]\nuseragent = ""\ncontact_username = ""\n'
    )
    assert (config.main.http_addr, config.main.log_file, config.proxy.contact_username) == (None, None, None)
    assert config.proxy.useragent == ""


def test_one_report_names_every_error_of_every_file(site):
    site.write("a.toml", 'acl_rules = ["x"]\n')
    site.write("r.toml", '[[routes]]\nname = "a"\npriorty = 1\n')
    text = '[proxy]\nacl_files = ["a.toml", "gone.toml"]\nroutes_files = ["r.toml"]\nudp_prot = 1\nt1_timer = 1\n'
    errors = site.errors(text)
    assert [error.split(": ")[0] for error in errors] == [
        "a.toml:1",
        "pbx.toml:2",
        "pbx.toml:4",
        "pbx.toml:5",
        "r.toml:3",
    ]
    assert 'pbx.toml:2: proxy.acl_files[1]: cannot read "gone.toml": no such file or directory' in errors


def test_a_bad_trunk_does_not_make_its_name_unknown(site):
    errors = site.errors('[proxy.trunks.a]\ndest = ""\n[[proxy.routes]]\nname = "r"\ndest = "a"\n')
    assert len(errors) == 1
