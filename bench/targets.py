"""The rows of the table: our targets, and which figure of which run is held against them."""

from dataclasses import dataclass

MICRO = 1e-3


@dataclass(frozen=True)
class Row:
    """One figure. `targets` are those of this release, of the product and the moonshot, as numbers; less is better
    unless `more`. `peers` are runs of the same figure the value is divided by."""

    label: str
    server: str
    figure: str
    unit: str
    targets: tuple[float | None, float | None, float | None]
    peers: tuple[str, ...] = ()
    scale: float = 1.0
    more: bool = False


ROWS = (
    Row("CPU s / 1,000 calls, static route", "pbx-static", "calls_cpu_s_per_1000", "s", (0.38, 0.19, 0.10), ("kamailio",)),
    Row("CPU s / 1,000 calls, Python decides", "pbx-python", "calls_cpu_s_per_1000", "s", (0.45, 0.22, 0.12),
        ("kamailio-python",)),
    Row("CPU s / 1,000 calls, anchored", "pbx-static", "anchored_calls_cpu_s_per_1000", "s", (0.60, 0.30, 0.18)),
    Row("CPU s / 1,000 calls, anchored, Python", "pbx-python", "anchored_calls_cpu_s_per_1000", "s", (None, None, None)),
    Row("maximum clean calls/s, one core, 4 s", "pbx-static", "calls_max_clean_per_s", "/s", (2000, 5000, 9000), ("kamailio",),
        more=True),
    Row("the same, Python decides", "pbx-python", "calls_max_clean_per_s", "/s", (None, None, None), ("kamailio-python",),
        more=True),
    Row("CPU s / 1,000 calls at maximum", "pbx-static", "calls_max_cpu_s_per_1000", "s", (None, None, None), ("kamailio",)),
    Row("generator's core at maximum", "pbx-static", "calls_max_generator", "", (None, None, None), ()),
    Row("CPU s / 10,000 registrations, digest", "pbx", "registrations_cpu_s_per_10000", "s", (0.9, 0.45, 0.30),
        ("kamailio-registrar",)),
    Row("CPU s / 1 M RTP packets, 500 streams", "pbx", "relay500_cpu_s_per_million", "s", (15, 9.5, 7.0),
        ("forwarder", "rtpengine")),
    Row("CPU s / 1 M RTP packets, 50 streams", "pbx", "relay50_cpu_s_per_million", "s", (None, None, None),
        ("forwarder", "rtpengine")),
    Row("RTP packets lost, 500 streams", "pbx", "relay500_loss", "%", (None, None, None), ("forwarder", "rtpengine"), 100),
    Row("relay latency p50, 500 streams", "pbx", "relay500_latency_p50_us", "µs", (None, 100, 60),
        ("forwarder", "rtpengine", "bare")),
    Row("relay latency p99, 500 streams", "pbx", "relay500_latency_p99_us", "µs", (None, 3000, 1000),
        ("forwarder", "rtpengine", "bare")),
    Row("generator's core, 500 streams", "pbx", "relay500_generator", "", (None, None, None)),
    Row("memory / call, signalling, 10,000 held", "pbx", "octets_per_call_signalling", "KB", (None, 16, 8), (), MICRO),
    Row("memory / call, with relay", "pbx", "octets_per_call_relay", "KB", (None, 24, 12), (), MICRO),
    Row("memory / binding, 100,000 held", "pbx", "octets_per_binding", "KB", (None, 1.0, 0.6), (), MICRO),
    Row("parse INVITE + SDP, index only", "pbx", "parse_index_ns", "µs", (1.5, 0.5, 0.3), (), MICRO),
    Row("parse INVITE + SDP, headers of a call", "pbx", "parse_headers_ns", "µs", (1.5, 1.0, 0.6), (), MICRO),
    Row("INVITE to 100, p99, half load", "pbx-static", "invite_to_100_p99_us", "ms", (5, 1, 0.3), (), MICRO),
    Row("INVITE to INVITE, p99, half load", "pbx-static", "invite_to_invite_p99_us", "ms", (5, 2, 0.6), (), MICRO),
    Row("INVITE to INVITE, p50, Python decides", "pbx-python", "invite_to_invite_p50_us", "µs", (None, None, None)),
    Row("INVITE to INVITE, p99, Python decides", "pbx-python", "invite_to_invite_p99_us", "µs", (None, None, None)),
)  # fmt: skip
