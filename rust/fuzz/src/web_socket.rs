//! Properties of a WebSocket and of the HTTP request before it.

use std::collections::VecDeque;
use std::time::Instant;

use pbx_sip::{Bytes, Limits};

use crate::framing::{Framing, Piece};

const LIMITS: Limits = Limits { max_message: 4096, max_head: 2048, max_headers: 32 };
const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: pbx.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n";

/// What came of a stream.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    /// Messages; keep-alives as the octets they are.
    messages: Vec<Bytes>,
    replies: Vec<u8>,
    /// Whether the peer was at fault.
    end: Option<bool>,
    is_open: bool,
    has_partial: bool,
}

/// Any stream, from its beginning or after the upgrade: what comes out does not depend on the cuts, no message is
/// longer than the limit, only an end stops the reading, and what we say is a frame.
pub fn web_socket(data: &[u8]) {
    let [size, choice, stream @ ..] = data else { return };
    let begun = if choice & 1 == 0 { UPGRADE } else { b"" };
    let stream = [begun, stream].concat();
    let mut whole = hear(std::iter::once(&stream[..]));
    let cut = hear(stream.chunks(usize::from(*size).max(1)));
    assert_eq!(whole.1, cut.1);
    let heard = whole.1;
    assert!(heard.messages.iter().all(|message| message.len() <= LIMITS.max_message));
    assert!(heard.end.is_none() || !heard.is_open && !heard.has_partial, "{heard:?}");
    if heard.is_open {
        speaks_in_frames(&mut whole.0, &data[2..]);
    }
}

fn hear<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Framing, Heard) {
    #[allow(clippy::disallowed_methods, reason = "the base of virtual time")]
    let now = Instant::now();
    let mut framing = Framing::upgrade(now, "/ws".into(), &LIMITS);
    let mut heard = Heard::default();
    let mut pieces = VecDeque::new();
    for chunk in chunks {
        framing.handle(now, chunk, &mut pieces);
        for piece in pieces.drain(..) {
            assert!(heard.end.is_none(), "something after the end");
            match piece {
                Piece::Message(bytes) => heard.messages.push(bytes),
                Piece::Ping => heard.messages.push(Bytes::from_static(b"\r\n\r\n")),
                Piece::Pong => heard.messages.push(Bytes::from_static(b"\r\n")),
                Piece::Reply(octets) => heard.replies.extend(octets),
                Piece::End { is_fault } => heard.end = Some(is_fault),
                Piece::Fault(_, refused) => {
                    assert!(refused.is_none(), "a frame holds whole requests");
                    heard.end = Some(true);
                }
            }
        }
    }
    (heard.is_open, heard.has_partial) = (framing.is_open(), framing.has_partial());
    (framing, heard)
}

/// RFC 6455 §5.1: a server does not mask; §5.2: the shortest length that holds.
fn speaks_in_frames(framing: &mut Framing, message: &[u8]) {
    let frame = framing.write(Bytes::copy_from_slice(message));
    let kind = if std::str::from_utf8(message).is_ok() { 0x81 } else { 0x82 };
    let header = match message.len() {
        length @ 0..=125 => vec![kind, length as u8],
        length @ 126..=65_535 => vec![kind, 126, (length >> 8) as u8, length as u8],
        _ => return,
    };
    assert_eq!(frame, [&header[..], message].concat());
    assert!(framing.close().is_some_and(|octets| octets[0] == 0x88));
    assert!(framing.write(frame).is_empty(), "a message after the close frame");
}
