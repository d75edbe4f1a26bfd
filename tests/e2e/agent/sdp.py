"""The session descriptions agents offer and answer with."""

import re


def sdp(
    port: int, *, address: str = "127.0.0.1", payloads: str = "0 101", direction: str = "", version: int = 1
) -> bytes:
    lines = [
        "v=0", f"o=agent 1 {version} IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0",
        f"m=audio {port} RTP/AVP {payloads}",
    ]  # fmt: skip
    if "101" in payloads.split():
        lines.append("a=rtpmap:101 telephone-event/8000")
    if direction:
        lines.append(f"a={direction}")
    return ("\r\n".join(lines) + "\r\n").encode()


def audio_port(body: bytes) -> int:
    found = re.search(rb"^m=audio (\d+)", body, re.MULTILINE)
    return int(found.group(1)) if found else 0
