"""Properties of whole files: any choice of good keys loads, anything else is reported and never fails."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from pbx.config import examine

# A good value, other than the default, for keys that do not depend on each other.
GOOD = {
    "addr": '["192.0.2.1", "::"]',
    "udp_port": "0",
    "udp_ports": "[5070, 5080]",
    "tcp_port": "5060",
    "ws_port": "8088",
    "ws_handler": '"/sip"',
    "rwi_path": '"/rwi/v2"',
    "ami_path": '"/manage"',
    "useragent": '""',
    "callid_suffix": '"x.test"',
    "realms": '["a.test", "b.test:5070"]',
    "max_concurrency": "5",
    "ua_black_list": '["scan", "pp*"]',
    "ua_white_list": '["acme"]',
    "ensure_user": "false",
    "frequency_limiter": '"3/10s"',
    "session_timer": "false",
    "session_timer_always": "true",
    "session_expires": "90",
    "rtp_timeout": "0",
    "t1_timer": "100",
    "t1x64_timer": "240_000",
    "modules": '["acl", "auth"]',
    "addons": '["monitor"]',
    "media_proxy": '"None"',
    "audio_codecs": '["pcma", "speex"]',
    "video_codecs": "[]",
    "codec_strategy": '"quality"',
    "enable_latching": "false",
    "latching_probation_max_packets": "255",
    "nat_fix": "false",
    "generated_dir": '"generated"',
    "routes_files": '["r/*.toml"]',
    "trunks_files": '["t/**/*.toml"]',
    "acl_files": "[]",
    "queue_dir": '"q"',
    "acl_rules": '["deny 192.0.2.1", "allow ::/0"]',
    "registrar_expires": "40",
    "max_registrar_expires": "3600",
    "passthrough_failure": "false",
    "blind_transfer_use_refer": "true",
    "sip_flow_max_items": "0",
    "dialog_auth_cache": "{ enabled = false, ttl_seconds = 1 }",
    "session_cmd_channel_capacity": "1",
    "session_state_channel_capacity": "1",
    "media_cmd_channel_capacity": "1",
    "media_event_channel_capacity": "1",
    "dos_enabled": "true",
    "dos_max_cps_per_ip": "5",
    "dos_max_concurrent_per_ip": "5",
    "dos_scan_probe_threshold": "5",
    "dos_scan_block_duration_secs": "5",
    "uri_max_length": "64",
    "uri_reject_malformed": "true",
    "emergency": '{ enabled = false, numbers = ["110"] }',
    "contact_username": '"me"',
    "rtc_cname": '"me@there"',
    "user_backends": '[{ type = "memory", users = [{ username = "a", password = "b" }] }]',
    "jwt_auth": "{ enabled = false }",
    "locator": '{ type = "database", url = "sqlite://x.db" }',
    "locator_webhook": '{ url = "http://a.test" }',
    "http_router": '{ url = "http://127.0.0.1:9000/route", fallback_to_static = true }',
    "recording": '{ enabled = true, directions = ["inbound"] }',
    "ivr_fallback": '{ default = "1001" }',
    "router": '"my.rules:router"',
    "decision_timeout_ms": "100",
    "max_message_size": "4096",
    "max_bindings_per_user": "1",
    "max_ring_time": "3600",
    "parallel_fork": "false",
    "sip_worker_threads": "2",
    "media_worker_threads": "2",
}


def examined(text):
    with TemporaryDirectory() as folder:
        main = Path(folder, "pbx.toml")
        main.write_text(text, "utf-8")
        return examine(main, {}), str(main)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(GOOD)), unique=True), st.integers(0, 3))
def test_any_choice_of_good_keys_loads_and_each_knows_its_line(names, blank_lines):
    text = "[proxy]\n" + "".join("# note\n" * blank_lines + f"{name} = {GOOD[name]}\n" for name in names)
    report, shown = examined(text)
    assert report.config is not None, report.lines
    assert report.config.proxy.model_fields_set == set(names)
    for number, name in enumerate(names):
        line = 2 + number * (blank_lines + 1) + blank_lines
        assert report.config.source(f"proxy.{name}") == (shown, line)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(GOOD)), unique=True, max_size=8), st.sampled_from(sorted(GOOD)), st.data()
)
def test_a_value_of_the_wrong_type_is_named_with_its_line_among_good_keys(names, bad, data):
    place = data.draw(st.integers(0, len(names)))
    lines = [f"{name} = {GOOD[name]}" for name in names if name != bad]
    lines.insert(min(place, len(lines)), f"{bad} = 1979-05-27")
    report, shown = examined("[proxy]\n" + "\n".join(lines) + "\n")
    line = lines.index(f"{bad} = 1979-05-27") + 2
    assert [(error.file, error.line, error.key.partition("[")[0]) for error in report.errors] == [
        (shown, line, f"proxy.{bad}")
    ]


def test_the_good_values_leave_out_only_what_depends_on_other_keys():
    from pbx.config.tables.proxy import Proxy

    left_out = {
        "tls_port",
        "ssl_certificate",
        "ssl_private_key",
        "tls_ca_certificates",
        "routes",
        "trunks",
        "queues",
    }
    assert set(Proxy.model_fields) - set(GOOD) == left_out | {"queues_files", "ivr_files"}


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("[]{}=\",.#\n 1apr'oxyut\\"), max_size=80))
def test_any_text_is_judged_without_failing(text):
    report, _ = examined(text)
    assert (report.config is None) == bool(report.errors)


WEIRD = st.recursive(
    st.sampled_from(["1", "-1", "true", '""', '"x"', "1.5", "nan", "1979-05-27T07:32:00Z", '"type"']),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda v: "[" + ",".join(v) + "]")
        | st.dictionaries(
            st.sampled_from(["type", "name", "users", "url", "match", "x"]), inner, max_size=3
        ).map(lambda v: "{" + ",".join(f"{key}={value}" for key, value in v.items()) + "}")
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*sorted(GOOD), "routes", "trunks", "queues"]), WEIRD, max_size=4))
def test_any_value_of_any_key_is_judged_without_failing(table):
    report, _ = examined("[proxy]\n" + "".join(f"{key} = {value}\n" for key, value in table.items()))
    assert (report.config is None) == bool(report.errors)
    assert all(problem.line is not None for problem in report.errors if "cannot read" not in problem.message)
