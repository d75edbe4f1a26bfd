"""Every key of the contract: documented, in range, and either effective or announced as not yet so."""

import pytest
from pydantic import ValidationError

from pbx.config.effective import EFFECTIVE, NOT_YET, VALUES
from pbx.config.model_walk import all_keys, tables_of
from pbx.config.tables.ivr import IvrDocument
from pbx.config.tables.main import AclFile, Main, RouteFile, TrunkFile
from pbx.config.tables.proxy import Proxy
from pbx.config.tables.queue import QueueDocument
from pbx.config.tables.table import Table

RANGES = {
    "udp_port": (0, 65535, None),
    "tcp_port": (0, 65535, None),
    "tls_port": (0, 65535, None),
    "ws_port": (0, 65535, None),
    "max_concurrency": (1, 1_000_000, None),
    "session_expires": (90, 86_400, 1800),
    "rtp_timeout": (0, 86_400, 30),
    "t1_timer": (50, 4000, 500),
    "latching_probation_max_packets": (0, 255, 6),
    "registrar_expires": (10, 604_800, 30),
    "max_registrar_expires": (10, 604_800, 50),
    "sip_flow_max_items": (0, 100_000, 1000),
    "session_cmd_channel_capacity": (1, 1_048_576, 256),
    "session_state_channel_capacity": (1, 1_048_576, 256),
    "media_cmd_channel_capacity": (1, 1_048_576, 512),
    "media_event_channel_capacity": (1, 1_048_576, 1024),
    "dos_max_cps_per_ip": (1, 100_000, 100),
    "dos_max_concurrent_per_ip": (1, 1_000_000, 500),
    "dos_scan_probe_threshold": (1, 100_000, 50),
    "dos_scan_block_duration_secs": (1, 604_800, 600),
    "uri_max_length": (64, 8192, 256),
    "decision_timeout_ms": (100, 60_000, 2000),
    "max_message_size": (4096, 65_535, 65_535),
    "max_bindings_per_user": (1, 256, 16),
    "max_ring_time": (1, 3600, None),
    "sip_worker_threads": (1, 64, None),
    "media_worker_threads": (1, 64, None),
}

DEFAULTS = {
    "addr": ["0.0.0.0"],
    "ws_handler": "/ws",
    "rwi_path": "/rwi/v1",
    "ami_path": "/ami/v1",
    "realms": [],
    "ua_black_list": [],
    "ua_white_list": [],
    "ensure_user": True,
    "session_timer": True,
    "session_timer_always": False,
    "t1x64": 32_000,
    "modules": ["acl", "auth", "registrar", "call"],
    "addons": [],
    "media_proxy": "auto",
    "audio_codecs": ["opus", "g729", "g722", "pcmu", "pcma"],
    "video_codecs": ["H264"],
    "codec_strategy": "performance",
    "enable_latching": True,
    "nat_fix": True,
    "generated_dir": "./config",
    "queue_dir": "./queues",
    "passthrough_failure": True,
    "blind_transfer_use_refer": False,
    "dos_enabled": False,
    "uri_reject_malformed": False,
    "emergency": None,
    "parallel_fork": True,
    "all_udp_ports": [5060],
}


@pytest.mark.parametrize("name", RANGES)
def test_a_number_is_accepted_within_its_range_only(name):
    least, most, default = RANGES[name]
    assert getattr(Proxy(), name) == default
    for good in (least, most):
        assert getattr(Proxy.model_validate({name: good}), name) == good
    for bad in (least - 1, most + 1):
        with pytest.raises(ValidationError):
            Proxy.model_validate({name: bad})


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_key_that_is_not_given_has_its_documented_default(name):
    assert getattr(Proxy(), name) == DEFAULTS[name]


def test_top_level_defaults_are_the_documented_ones():
    main = Main()
    assert main.http_addr == "127.0.0.1:8080"
    assert (main.rtp_start_port, main.rtp_end_port) == (12000, 42000)
    assert (main.database_url, main.log_level, main.shutdown_drain_secs) == (
        "sqlite://pbx.sqlite3",
        "info",
        30,
    )
    assert main.ami.allows == ["127.0.0.1", "::1"]


def every_table(kind: type[Table], seen: set[type[Table]]) -> set[type[Table]]:
    if kind not in seen:
        seen.add(kind)
        for field in kind.model_fields.values():
            for inner in nested(field.annotation):
                every_table(inner, seen)
    return seen


def nested(annotation):
    from typing import get_args

    found = [table for table, _ in tables_of(annotation)]
    return found + [table for member in get_args(annotation) for table in nested(member)]


def test_every_key_of_every_table_says_what_it_means_and_when_it_applies():
    seen: set[type[Table]] = set()
    for document in (Main, RouteFile, TrunkFile, AclFile, QueueDocument, IvrDocument):
        every_table(document, seen)
    assert len(seen) > 60
    silent = [
        f"{t.__name__}.{n}"
        for t in seen
        for n, f in t.model_fields.items()
        if not f.description or not f.json_schema_extra
    ]
    assert not silent


def plain(key: str) -> str:
    """A key without the kind of table it belongs to, as the lists of effective keys write it."""
    import re

    return re.sub(r"<\w+>", "", key)


def listed(key: str, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if key == name or key.startswith((name + ".", name + "["))]


def test_every_key_is_either_effective_or_announced_as_not_yet_effective():
    keys = {plain(key) for key in all_keys(Main)}
    leaves = [key for key in keys if not any(other.startswith((key + ".", key + "[")) for other in keys)]
    assert not set(EFFECTIVE) & set(NOT_YET)
    for key in leaves:
        assert bool(listed(key, EFFECTIVE)) != bool(listed(key, NOT_YET)), (
            f"{key} is in neither list, or in both"
        )
    unknown = [name for name in (*EFFECTIVE, *NOT_YET) if name not in keys and name != "proxy.ivrs"]
    assert not unknown, "these lines name no key"
    assert all(listed(name, tuple(keys)) or name.removesuffix("[]") in keys for name in VALUES)


def test_a_key_that_is_not_yet_effective_is_warned_about_where_it_stands(site):
    lines = [str(p) for p in site.load("[proxy]\nrtp_timeout = 5\n").warnings]
    assert "warning: pbx.toml:2: proxy.rtp_timeout: not yet effective in this release" in lines


def test_a_value_that_is_not_yet_effective_is_warned_about(site):
    lines = [str(p) for p in site.load('[proxy]\nmedia_proxy = "nat"\ncodec_strategy = "quality"\n').warnings]
    assert 'warning: pbx.toml:2: proxy.media_proxy: "nat": not yet effective in this release' in lines
    assert 'warning: pbx.toml:3: proxy.codec_strategy: "quality": not yet effective in this release' in lines


def test_an_effective_key_is_not_warned_about(site):
    lines = [
        p.key for p in site.load('[proxy]\nmedia_proxy = "all"\nudp_port = 0\nt1_timer = 100\n').warnings
    ]
    assert lines == ["proxy.user_backends"]
