"""Latency of one server at low rate: caller and callee in one process, arrival times stamped by the kernel.

Run as `python -m bench.probe SERVER_PORT CALLEE_PORT CALLS`: INVITEs to user 1003, which must be bound to CALLEE_PORT. The
callee refuses each with 486. Prints microseconds from sending the INVITE to the 100 and to the forwarded INVITE.
"""

import json
import re
import select
import socket
import struct
import sys
import time

SO_TIMESTAMPNS = 35
INVITE = (
    "INVITE sip:1003@127.0.0.1:{server} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{local};branch=z9hG4bKp{n}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:probe@127.0.0.1:{server}>;tag=p{n}\r\nTo: <sip:1003@127.0.0.1:{server}>{tag}\r\n"
    "Call-ID: probe-{n}-{local}\r\nCSeq: 1 {method}\r\nContact: <sip:probe@127.0.0.1:{local}>\r\n"
)
SDP = "v=0\r\no=p 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def stamped_socket(port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    opened.bind(("127.0.0.1", port))
    return opened


def receive(opened: socket.socket) -> tuple[int, str, tuple[str, int]]:
    """One datagram: nanoseconds of its arrival, text and source."""
    data, ancillary, _, source = opened.recvmsg(8192, 64)
    seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
    return seconds * 1_000_000_000 + nanoseconds, data.decode("latin-1"), source


class Probe:
    """Both ends of the calls."""

    def __init__(self, server: int, callee_port: int) -> None:
        self.server = server
        self.caller = stamped_socket(0)
        self.callee = stamped_socket(callee_port)
        self.local = self.caller.getsockname()[1]

    def call(self, n: int) -> tuple[float, float] | None:
        """One call; microseconds to the 100 and to the forwarded INVITE."""
        head = INVITE.format(server=self.server, local=self.local, n=n, tag="", method="INVITE")
        text = f"{head}Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}"
        began = time.time_ns()
        self.caller.sendto(text.encode(), ("127.0.0.1", self.server))
        trying = forwarded = 0
        while True:
            ready, _, _ = select.select([self.caller, self.callee], [], [], 2)
            if not ready:
                return None
            if self.callee in ready:
                at, request, source = receive(self.callee)
                if request.startswith("INVITE"):
                    forwarded = forwarded or at
                    self.callee.sendto(busy(request).encode(), source)
            if self.caller in ready:
                at, response, _ = receive(self.caller)
                if f"probe-{n}-{self.local}" not in response:
                    continue
                if response.startswith("SIP/2.0 100"):
                    trying = trying or at
                elif not response.startswith("SIP/2.0 1"):
                    self.acknowledge(n, response)
                    return (
                        ((trying - began) / 1000, (forwarded - began) / 1000)
                        if trying and forwarded
                        else None
                    )

    def acknowledge(self, n: int, response: str) -> None:
        found = re.search(r"^To:.*?(;tag=[^\r\n;]+)", response, re.MULTILINE | re.IGNORECASE)
        tag = found.group(1) if found else ""
        head = INVITE.format(server=self.server, local=self.local, n=n, tag=tag, method="ACK")
        ack = head.replace("INVITE sip:", "ACK sip:", 1) + "Content-Length: 0\r\n\r\n"
        self.caller.sendto(ack.encode(), ("127.0.0.1", self.server))


def busy(request: str) -> str:
    lines = request.split("\r\n\r\n", maxsplit=1)[0].split("\r\n")
    kept = [line for line in lines if re.match(r"(via|from|call-id|cseq):", line, re.IGNORECASE)]
    to = next(line for line in lines if re.match(r"to:", line, re.IGNORECASE))
    return "\r\n".join(["SIP/2.0 486 Busy Here", *kept, f"{to};tag=busy", "Content-Length: 0", "", ""])


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def main() -> None:
    server, callee_port, calls = (int(word) for word in sys.argv[1:4])
    probe = Probe(server, callee_port)
    found = []
    for n in range(calls):
        timed = probe.call(n)
        if timed:
            found.append(timed)
        time.sleep(0.005)
    trying, forwarded = [each[0] for each in found], [each[1] for each in found]
    print(
        json.dumps(
            {
                "answered_share": len(found) / calls,
                "invite_to_100_p50_us": percentile(trying, 0.5),
                "invite_to_100_p99_us": percentile(trying, 0.99),
                "invite_to_invite_p50_us": percentile(forwarded, 0.5),
                "invite_to_invite_p99_us": percentile(forwarded, 0.99),
            }
        )
    )


if __name__ == "__main__":
    main()
