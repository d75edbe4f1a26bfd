"""Values that must fit each other, and values that are allowed but say something else than they seem to."""

from collections.abc import Iterator

from pbx.config.config import Config
from pbx.config.problem import Problem
from pbx.config.tables.proxy.media import WEBRTC_VIDEO


def check_values(config: Config) -> Iterator[Problem]:
    """Rules about pairs of values."""
    yield from _timers(config)
    yield from _video(config)
    yield from _unused(config)


def _timers(config: Config) -> Iterator[Problem]:
    proxy, document = config.proxy, config.document
    least = 8 * proxy.t1_timer
    if proxy.t1x64_timer is not None and proxy.t1x64_timer < least:
        message = f"{proxy.t1x64_timer} is below the minimum {least} (8 times t1_timer)"
        yield document.problem(("proxy", "t1x64_timer"), message)
    if proxy.t1x64 > 240_000:
        message = f"64 times {proxy.t1_timer} is above the maximum 240000 of t1x64_timer; give that key"
        yield document.problem(("proxy", "t1_timer"), message)
    if proxy.registrar_expires > proxy.max_registrar_expires:
        key = (
            "registrar_expires" if "registrar_expires" in proxy.model_fields_set else "max_registrar_expires"
        )
        message = f"registrar_expires {proxy.registrar_expires} is above max_registrar_expires; "
        message += f"{proxy.max_registrar_expires} is granted"
        yield document.problem(("proxy", key), message, severity="warning")


def _video(config: Config) -> Iterator[Problem]:
    for number, name in enumerate(config.proxy.video_codecs):
        if name.lower() in WEBRTC_VIDEO:
            message = f'"{name}" is for browsers and never sent to a trunk'
            yield config.document.problem(("proxy", "video_codecs", number), message, severity="warning")


def _unused(config: Config) -> Iterator[Problem]:
    proxy, document = config.proxy, config.document
    if not proxy.enable_latching and "latching_probation_max_packets" in proxy.model_fields_set:
        message = "has no effect: enable_latching is false"
        yield document.problem(("proxy", "latching_probation_max_packets"), message, severity="warning")
    if config.main.sipflow is not None:
        for name in ("shards", "memtable_size_mb", "block_cache_capacity_mb"):
            if name in config.main.sipflow.model_fields_set:
                yield document.problem(("sipflow", name), "has no effect", severity="warning")
        if config.main.sipflow.engine == "flowdb":
            yield document.problem(("sipflow", "engine"), '"flowdb": sqlite is used', severity="warning")
    if "*" in config.main.ami.allows:
        yield document.problem(
            ("ami", "allows"), "everybody may use the management endpoints", severity="warning"
        )
