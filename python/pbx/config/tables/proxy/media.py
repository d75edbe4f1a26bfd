"""Keys of `[proxy]` about media, codecs and NAT."""

from typing import Annotated, Literal

from pbx.config.tables.scalars import AudioCodecs, Distinct, MediaProxy, NonEmpty
from pbx.config.tables.table import FOLD, Table, key

# Formats browsers use for repair and negotiation; a trunk never sees them, listing one has no effect.
WEBRTC_VIDEO = ("vp8", "vp9", "av1", "rtx", "red", "ulpfec", "flexfec")


class MediaKeys(Table):
    """How audio and video pass."""

    media_proxy: MediaProxy = key("auto", "Which calls have their media relayed.", reload="new calls")
    audio_codecs: AudioCodecs = key(
        ["opus", "g729", "g722", "pcmu", "pcma"],
        "Audio codecs allowed, in order of preference.",
        reload="new calls",
    )
    video_codecs: Annotated[list[NonEmpty], Distinct] = key(
        ["H264"], "Video encodings kept towards trunks; empty: none.", reload="new calls"
    )
    codec_strategy: Annotated[Literal["performance", "quality"], FOLD] = key(
        "performance", "Offer what the caller offered, or more and transcode.", reload="new calls"
    )
    enable_latching: bool = key(True, "Learn where a peer's media really comes from.", reload="new calls")
    latching_probation_max_packets: int = key(
        6, "Packets heard at most before a source is chosen.", ge=0, le=255, reload="new calls"
    )
    nat_fix: bool = key(True, "Reach peers behind NAT over the flow they came by.")
    rtp_timeout: int = key(
        30, "Seconds without media that end a call, 0 for never.", ge=0, le=86_400, reload="new calls"
    )
