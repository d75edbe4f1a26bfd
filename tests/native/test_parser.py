"""`pbx.sip`: the parser across the border."""

import gc
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx.sip import Message, NameAddr, ParseError, Sdp, Uri

TORTURE = Path(__file__).parent.parent / "torture"

INVITE = (
    b"INVITE sip:bob@biloxi.example;transport=tcp SIP/2.0\r\n"
    b"v: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK1;rport, SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK0\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Alice \\"A\\" \xc3\xa9" <sip:alice@atlanta.example>;tag=9fxced\r\n'
    b"To: <sip:bob@biloxi.example>\r\n"
    b"Call-ID: 3848276298220188511@atlanta.example\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"Route: <sip:p1.example;lr>, <sip:p2.example;lr>\r\n"
    b"m: <sip:alice@192.0.2.1;transport=tcp>;expires=60\r\n"
    b"X-Odd: \xff\xfe raw\r\n"
    b"Subject: folded\r\n  here\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 113\r\n"
    b"\r\n"
    b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0 8\r\na=sendonly\r\na=ptime:20\r\n"
)
BODY = INVITE.partition(b"\r\n\r\n")[2]
INVITE = INVITE.replace(b"Content-Length: 113", b"Content-Length: %d" % len(BODY))


def read_or_refused(read):
    """What was read; `None` when it was refused with a reason. Nothing else may happen."""
    try:
        return read()
    except ParseError as error:
        reason = error.args[0]
    assert reason
    return None


def test_views_of_a_request():
    message = Message.parse(INVITE)
    assert message.is_request
    assert message.start_line == "INVITE sip:bob@biloxi.example;transport=tcp SIP/2.0"
    assert (message.method, message.request_uri, message.status, message.reason) == (
        "INVITE",
        "sip:bob@biloxi.example;transport=tcp",
        0,
        "",
    )
    assert [(via.transport, via.host, via.port, via.branch) for via in message.via] == [
        ("TCP", "192.0.2.1", 5060, "z9hG4bK1"),
        ("UDP", "[2001:db8::1]", None, "z9hG4bK0"),
    ]
    assert message.via[0].params == [("branch", "z9hG4bK1"), ("rport", None)]
    assert (message.from_.display, message.from_.uri, message.from_.tag) == (
        'Alice "A" é',
        "sip:alice@atlanta.example",
        "9fxced",
    )
    assert message.to.tag is None
    assert message.cseq == (314159, "INVITE")
    assert message.call_id == "3848276298220188511@atlanta.example"
    assert [route.uri for route in message.route] == ["sip:p1.example;lr", "sip:p2.example;lr"]
    assert message.contacts[0].params == [("expires", "60")]
    assert message.body == BODY


def test_views_of_a_response():
    message = Message.parse(
        b"SIP/2.0 180 Ringing now\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n"
        b"To: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\nContact: *\r\nContent-Length: 0\r\n\r\n"
    )
    assert not message.is_request
    assert (message.status, message.reason, message.method, message.request_uri) == (
        180,
        "Ringing now",
        "INVITE",
        "",
    )
    assert message.contacts == [None]
    assert message.sdp() is None


def test_headers_keep_order_names_and_odd_octets():
    message = Message.parse(INVITE)
    names = [name for name, _ in message.headers]
    assert names[:3] == ["v", "Max-Forwards", "From"]
    odd = dict(message.headers)["X-Odd"]
    assert odd.encode("utf-8", "surrogateescape") == b"\xff\xfe raw"
    assert message.header("x-odd") == [odd]
    assert len(message.header("Via")) == 1
    assert message.to_bytes() == INVITE


def test_session_description():
    sdp = Message.parse(INVITE).sdp()
    assert sdp.origin == ("1", "2")
    (audio,) = sdp.media
    assert (audio.kind, audio.port, audio.proto, audio.address, audio.direction) == (
        "audio",
        4000,
        "RTP/AVP",
        "192.0.2.1",
        "sendonly",
    )
    assert audio.codecs == [(0, "PCMU", 8000, 1), (8, "PCMA", 8000, 1)]
    assert ("ptime", "20") in audio.attributes
    assert Sdp.parse(sdp.to_bytes()).media[0].formats == ["0", "8"]


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (INVITE.replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1), 505),
        (INVITE.replace(b"CSeq: 314159", b"CSeq: 36893488147419103232"), 400),
        (INVITE.replace(b"Call-ID", b"X-Call"), 400),
        (INVITE.replace(b"Subject: ", b"Subject: " + b"x" * 40_000), 513),
    ],
)
def test_refusal_names_the_reason_and_the_status(octets, status):
    with pytest.raises(ParseError) as refused:
        Message.parse(octets)
    reason, code = refused.value.args
    assert code == status
    assert reason
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize("path", sorted(TORTURE.glob("*/*.dat")), ids=lambda path: path.name)
def test_torture_is_read_or_refused_and_never_changed(path):
    octets = path.read_bytes()
    message = read_or_refused(lambda: Message.parse(octets))
    if message is None:
        return
    assert message.to_bytes() == octets
    for name in ("via", "from_", "to", "contacts", "route", "record_route", "headers", "start_line"):
        read_or_refused(partial(getattr, message, name))
    read_or_refused(message.sdp)


@given(st.binary(max_size=600))
def test_any_octets_are_read_or_refused(octets):
    for parse in (Message.parse, Sdp.parse):
        read_or_refused(partial(parse, octets))


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text):
    for parse in (Uri.parse, NameAddr.parse):
        repr(read_or_refused(partial(parse, text)))


def test_uris_compare_as_the_rfc_says():
    assert Uri.parse("sip:%61lice@atlanta.com;transport=TCP") == Uri.parse(
        "sip:alice@AtlanTa.CoM;Transport=tcp"
    )
    assert Uri.parse("sip:alice@atlanta.com") != Uri.parse("sip:ALICE@atlanta.com")
    assert Uri.parse("sip:a@h") != "sip:a@h"
    uri = Uri.parse("sips:a%20b:pw@[2001:db8::1]:5061;lr?Subject=x")
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port, uri.headers) == (
        "sips",
        "a b",
        "pw",
        "[2001:db8::1]",
        5061,
        "Subject=x",
    )
    assert hash(Uri.parse("sip:%61@h")) == hash(Uri.parse("sip:a@H"))


def test_nothing_can_be_written_to():
    message = Message.parse(INVITE)
    with pytest.raises(AttributeError):
        message.call_id = "x"
    with pytest.raises(TypeError):
        Message()


def test_parsing_leaves_no_memory_behind():
    def resident():
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    for _ in range(2_000):
        Message.parse(INVITE).headers  # noqa: B018
    before = resident()
    for _ in range(20_000):
        message = Message.parse(INVITE)
        message.headers, message.via, message.contacts  # noqa: B018
        with pytest.raises(ParseError):
            Message.parse(INVITE[:40])
    assert resident() - before < 2_000_000
