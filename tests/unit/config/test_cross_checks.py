"""Rules that look at several keys at once."""

import os
import shutil

import pytest

ERRORS = [
    # Certificates and addresses.
    ("https_addr = '127.0.0.1:8443'", "pbx.toml:1: https_addr: needs ssl_certificate and ssl_private_key"),
    ("[proxy]\ntls_port = 5061", "pbx.toml:2: proxy.tls_port: needs ssl_certificate and ssl_private_key"),
    ("[proxy]\nssl_certificate = 'pbx.toml'", "pbx.toml:2: proxy.ssl_certificate: given without ssl_private_key"),
    ("ssl_private_key = 'pbx.toml'", "pbx.toml:1: ssl_private_key: given without ssl_certificate"),
    ("ssl_certificate = 'pbx.toml'\nssl_private_key = 'pbx.toml'", "ssl_private_key: the certificate pair cannot be used"),
    ("[proxy]\ntls_ca_certificates = 'gone'", 'proxy.tls_ca_certificates: cannot read "gone": no such file or directory'),
    # Ports.
    ("rtp_start_port = 20000\nrtp_end_port = 20000", "rtp_start_port 20000 is not below rtp_end_port 20000"),
    ("[proxy]\nudp_port = 12000", "pbx.toml:2: proxy.udp_port: 12000 is inside the RTP port range 12000 to 42000"),
    ("[proxy]\nudp_ports = [5060,\n 42000]", "pbx.toml:3: proxy.udp_ports[1]: 42000 is inside the RTP port range"),
    ("rtp_start_port = 5000", "5060 is inside the RTP port range 5000 to 42000"),
    ("external_ip = ['192.0.2.1', '192.0.2.2']", "at most one IPv4 and one IPv6 address"),
    # Timers.
    ("[proxy]\nt1x64_timer = 3999", "proxy.t1x64_timer: 3999 is below the minimum 4000 (8 times t1_timer)"),
    ("[proxy]\nt1_timer = 4000", "64 times 4000 is above the maximum 240000"),
    # Paths of the HTTP server.
    ("[proxy]\nami_path = '/rwi'", 'pbx.toml:2: proxy.ami_path: "/rwi" is a prefix of "/rwi/v1"'),
    ("[proxy]\nws_handler = '/a/../b'", 'has no ".."'),
    # Users.
    (
        "[[proxy.user_backends]]\ntype='memory'\nusers=[{username='a',password='x'},\n{username='a',password='y'}]",
        'pbx.toml:4: proxy.user_backends[0].users[1].username: "a" is the same user as users[0]',
    ),
    ("[proxy]\nuser_backends=[{type='memory',users=[{username='a',ha1='" + "0" * 32 + "'}]}]", "realm: required by ha1"),
    ("[proxy]\nuser_backends=[{type='plain',path='gone'}]", 'cannot read "gone"'),
    ("[proxy]\nuser_backends=[{type='memory',name='x'},{type='memory',name='x'}]", '"x" is used twice'),
    (
        "[proxy]\nuser_backends=[{type='memory',users=[{username='a',call_forwarding_mode='busy'}]}]",
        "call_forwarding_destination: required by call_forwarding_mode",
    ),
    # Trunks.
    ("[proxy.trunks.a]\ndest='a.test'\nusername='u'", 'proxy.trunks["a"].password: required by username'),
    ("[proxy.trunks.a]\ndest='a.test'\nregister_enabled=true", 'proxy.trunks["a"].username: required by register_enabled'),
    ("[proxy.trunks.a]\ndest='a.test'\nid=1\n[proxy.trunks.b]\ndest='b.test'\nid=1", '1 is the id of trunk "a" as well'),
    ("[proxy.trunks.a]\ndest='a.test'\ncodec=['pcma']\nallow_codecs=['pcma']", 'the same as "codec"'),
    ("[proxy.trunks.a]\ndest='a.test'\nfallback_trunk='b'\n[proxy.trunks.b]\ndest='b.test'\nfallback_trunk='a'", "form a ring: a to b to a"),
    ("[proxy.trunks.a]\ndest='a.test'\nfallback_trunk='c'", 'no trunk named "c"'),
    ("[proxy.trunks.a]\ndest='a.test'\nheader_rules=[{action='set',name='Via',value='x'}]", "this header is always ours"),
    ("[proxy.trunks.a]\ndest='a.test'\ncac_policy='overflow'", "overflow_threshold: required by cac_policy overflow"),
    # Routes.
    ("[[proxy.routes]]\nname='a'\ndest='x'", 'proxy.routes["a"].dest: no trunk named "x"'),
    ("[[proxy.routes]]\nname='a'\nsource_trunk_ids=[7]", "no trunk has the id 7"),
    ("[[proxy.routes]]\nname='a'\naction='queue'", 'proxy.routes["a"].queue: required by action queue'),
    ("[[proxy.routes]]\nname='a'\naction='queue'\nqueue='q'", 'no queue named "q"'),
    ("[[proxy.routes]]\nname='a'\naction='app'\napp='echoo'", 'did you mean "echo"?'),
    ("[[proxy.routes]]\nname='a'\naction='app'\napp='ivr'\napp_params={nam='x'}", 'did you mean "name"?'),
    ("[[proxy.routes]]\nname='a'\naction='app'\napp='ivr'\napp_params={name='x'}", 'no IVR named "x"'),
    ("[[proxy.routes]]\nname='a'\nmatch={'to.usr'='1'}", 'proxy.routes["a"].match["to.usr"]: unknown key; did you mean "to.user"?'),
    ("[[proxy.routes]]\nname='a'\nrewrite={'to.user'='{1}'}", '"{1}": no capture named "1"'),
    ("[[proxy.routes]]\nname='a'\nmatch={'to.user'='^(1)$'}\nrewrite={'to.user'='{2}'}", 'no capture named "2"'),
    ("[[proxy.routes]]\nname='a'\nrewrite={'header.Via'='x'}", "this header is always ours"),
    ("[[proxy.routes]]\nname='a'\nreject={code=302}", "302 is below the minimum 400"),
    ("[[proxy.routes]]\npriority=1", "proxy.routes[0].name: required key is missing"),
    ("[[proxy.routes]]\nname='a'\ndest='t'\n[proxy.trunks.t]\ndest='a.test'\ndirection='inbound'", "is for inbound calls only"),
    # Emergency.
    ("[proxy.emergency]\nnumbers=['110']", "pbx.toml:1: proxy.emergency.emergency_trunk: required"),
    ("[proxy]\nemergency={emergency_trunk='x'}", 'proxy.emergency.emergency_trunk: no trunk named "x"'),
    ("[proxy]\nemergency={enabled=false,numbers=['1']}", "2 to 16 digits, * or #"),
    # The rest.
    ("[cluster]\nenabled = true", "cluster.enabled: true: clustering is not available"),
    ("[sipflow]\nroot='x'\ntype='remote'", 'sipflow.type: "remote": not available'),
    ("[recording]\ntype='http'", "recording.url: required by type http"),
    ("[proxy]\nrouter='nonsense'", '"package.module:name" or "file.py" is needed'),
    ("[proxy]\nrouter='gone.py'", 'cannot read "gone.py"'),
    ("log_level='loud'", "a level is one of error, warn, info, debug, trace"),
    ("log_level='info,pbx=debg'", 'did you mean "debug"?'),
    ("log_file='pbx.toml/log'", 'cannot write "pbx.toml/log": not a directory'),
    ("http_addr='localhost:80'", "an IP address is needed"),
    ("database_url='mysql://x'", "sqlite://PATH or postgresql://… is needed"),
    ("ami={allows=['nobody']}", 'an IP address, CIDR block or "*" is needed'),
    ("ami={tokens=[{token='short',scopes=['read']}]}", 'ami.tokens[0].token: "***": at least 16 octets'),
    ("ami={tokens=[{token='0123456789abcdef',scopes=['rea']}]}", 'did you mean "read"?'),
]  # fmt: skip

WARNINGS = [
    ("http_addr='0.0.0.0:8080'", 'http_addr: "0.0.0.0:8080" can be reached from outside without TLS'),
    ("http_addr='203.0.113.1:80'", "set https_addr"),
    ("[proxy]\nregistrar_expires=100", "registrar_expires 100 is above max_registrar_expires; 50 is granted"),
    ("[proxy]\nvideo_codecs=['VP8']", '"VP8" is for browsers'),
    (
        "[proxy]\nenable_latching=false\nlatching_probation_max_packets=3",
        "has no effect: enable_latching is false",
    ),
    ("[proxy]\nacl_rules=['allow 10.0.0.1/8']", 'it is read as "allow 10.0.0.0/8"'),
    ("[proxy]\nacl_rules=['deny all','allow ::1']", 'unreachable: "allow ::1"'),
    (
        "[proxy]\nrealms=['a.test']\nuser_backends=[{type='memory',realms=['b.test']}]",
        "is not in proxy.realms",
    ),
    ("[proxy]\nuser_backends=[{type='memory',users=[{username='a'}]}]", '"a" has no password'),
    ("ami={allows=['*']}", "everybody may use the management endpoints"),
    ("[monitor]", 'addon "monitor" is not listed'),
    ("[proxy.trunks.a]\ndest='a.test'\ntls_verify=false", "certificates of this trunk are not checked"),
    ("[proxy]\nudp_port=5060\n[proxy.trunks.a]\ndest='a.test'\ntransport='tcp'", "there is no tcp listener"),
]


@pytest.mark.parametrize(
    ("text", "message"), ERRORS, ids=[text.replace("\n", " ")[:60] for text, _ in ERRORS]
)
def test_a_configuration_that_contradicts_itself_is_refused(site, text, message):
    errors = site.errors(text + "\n")
    assert any(message in error for error in errors), errors
    assert len(errors) == (2 if "form a ring" in message else 1), errors


@pytest.mark.parametrize(
    ("text", "message"), WARNINGS, ids=[text.replace("\n", " ")[:60] for text, _ in WARNINGS]
)
def test_a_doubtful_configuration_is_warned_about(site, text, message):
    warnings = site.warnings(text + "\n")
    assert any(message in warning for warning in warnings), warnings


def test_one_given_listener_switches_the_default_one_off(site):
    assert site.load("[proxy]\ntcp_port = 5060\n").proxy.all_udp_ports == []
    assert site.load("[proxy]\n").proxy.all_udp_ports == [5060]
    assert site.load("[proxy]\nudp_ports = [7, 5, 7]\nudp_port = 5\n").proxy.all_udp_ports == [5, 7]


def test_a_menu_name_that_does_not_exist_is_refused_with_the_nearest(site):
    site.write(
        "i.toml",
        '[ivr]\nname = "f"\n[ivr.root]\nentries = [{ key = "1", action = { type = "menu", menu = "lnag" } }]\n[ivr.menus.lang]\n',
    )
    errors = site.errors('[proxy]\nivr_files = ["i.toml"]\n')
    assert errors == ['i.toml:4: ivr.root.entries[0].action.menu: no menu named "lnag"; did you mean "lang"?']


def test_a_menu_nobody_can_reach_is_warned_about(site):
    site.write("i.toml", '[ivr]\nname = "f"\n[ivr.root]\n[ivr.menus.lang]\n')
    warnings = site.warnings('[proxy]\nivr_files = ["i.toml"]\n')
    assert 'warning: i.toml:4: ivr.menus["lang"]: no action leads to this menu' in warnings


def test_queues_that_fall_back_to_each_other_are_refused(site):
    body = 'queue.accept_immediately = true\nqueue.strategy.targets = [{{ uri = "1" }}]\nqueue.fallback.queue_ref = "{}"\n'
    site.write("a.toml", 'name = " A "\n' + body.format("b"))
    site.write("b.toml", 'name = "b"\n' + body.format("a"))
    errors = site.errors('[proxy]\nqueues_files = ["a.toml", "b.toml"]\n')
    assert errors[0] == "a.toml:4: queue.fallback.queue_ref: the fallbacks form a ring: a to b to a"


def test_a_sound_must_be_there_and_of_a_known_format(site):
    site.write("queues/fake.wav", "no sound")
    body = 'name = "a"\n[queue]\naccept_immediately = true\nstrategy.targets = [{{ uri = "1" }}]\nhold.audio_file = "{}"\n'
    site.write("q.toml", body.format("gone.wav"))
    text = '[proxy]\nqueues_files = ["q.toml"]\n'
    assert site.errors(text) == [
        'q.toml:5: queue.hold.audio_file: cannot play "gone.wav": no such file or directory'
    ]
    site.write("q.toml", body.format("fake.wav"))
    assert site.errors(text) == [
        'q.toml:5: queue.hold.audio_file: cannot play "fake.wav": not a WAV, MP3, OGG or FLAC file'
    ]
    site.write("q.toml", body.format("tone://440,300"))
    assert not site.errors(text)


def test_a_plain_user_file_with_a_bad_line_is_refused_with_its_number(site):
    site.write("users", "# comment\n\na:b\nnonsense\n")
    (error,) = site.errors('[proxy]\nuser_backends = [{ type = "plain", path = "users" }]\n')
    assert error == 'pbx.toml:2: proxy.user_backends[0].path: "users", line 4: user:password is needed'


def test_a_certificate_pair_in_proxy_replaces_the_top_level_one_as_a_pair(site):
    site.write("x", "")
    errors = site.errors(
        'ssl_certificate = "x"\nssl_private_key = "x"\n[proxy]\ntls_port = 5061\nssl_certificate = "x"\n'
    )
    assert "pbx.toml:5: proxy.ssl_certificate: given without ssl_private_key" in errors


@pytest.mark.skipif(
    shutil.which("openssl") is None and "CI" not in os.environ,
    reason="the peer openssl, which makes the certificates, is missing",
)
def test_a_certificate_and_the_key_of_another_are_refused(site):
    site.pair("a")
    site.pair("b")
    pair = 'ssl_certificate = "{}.pem"\nssl_private_key = "{}.key"\nhttps_addr = "127.0.0.1:0"\n[proxy]\ntls_port = 5061\n'
    assert site.errors(pair.format("a", "a")) == []
    (error,) = site.errors(pair.format("a", "b"))
    assert error.startswith("pbx.toml:2: ssl_private_key: the certificate pair cannot be used: ")
