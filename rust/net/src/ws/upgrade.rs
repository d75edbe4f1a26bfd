//! The HTTP request that becomes a WebSocket (RFC 6455 §4.2, RFC 7118 §4).

use bytes::Bytes;
use tungstenite::Error;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, create_response, write_response};
use tungstenite::http::HeaderValue;
use tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;

/// Octets a request head may have.
const MAX_HEAD: usize = 8192;
/// The sub-protocol of RFC 7118 §4.1.
const SUB_PROTOCOL: &str = "sip";

/// What becomes of what has arrived.
pub(super) enum Upgrade {
    /// The head is not complete.
    Waiting,
    /// Frames follow after so many octets.
    Accepted { response: Bytes, length: usize },
    /// The response, after which the connection is closed.
    Refused(Bytes),
}

/// Judges a request head.
pub(super) fn judge(octets: &[u8], path: &str) -> Upgrade {
    // What comes behind is not looked at, so that it does not matter how much of it is here.
    match Request::try_parse(&octets[..octets.len().min(MAX_HEAD)]) {
        Ok(Some((length, request))) => answer(&request, path, length),
        Ok(None) if octets.len() < MAX_HEAD => Upgrade::Waiting,
        Ok(None) => refused("431 Request Header Fields Too Large", ""),
        Err(Error::Protocol(ProtocolError::WrongHttpMethod)) => {
            refused("405 Method Not Allowed", "Allow: GET\r\n")
        }
        Err(_) => refused("400 Bad Request", ""),
    }
}

fn answer(request: &Request, path: &str, length: usize) -> Upgrade {
    if request.uri().path() != path {
        return refused("404 Not Found", "");
    }
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut offered =
        offered.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if !offered.any(|protocol| protocol.trim().eq_ignore_ascii_case(SUB_PROTOCOL)) {
        return refused("400 Bad Request", "Sec-WebSocket-Protocol: sip\r\n");
    }
    match create_response(request) {
        Ok(mut response) => {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUB_PROTOCOL));
            let mut octets = Vec::new();
            match write_response(&mut octets, &response) {
                Ok(()) => Upgrade::Accepted { response: octets.into(), length },
                Err(_) => refused("400 Bad Request", ""),
            }
        }
        // RFC 6455 §4.4: the versions we speak.
        Err(Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader)) => {
            refused("426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n")
        }
        Err(_) => refused("400 Bad Request", ""),
    }
}

fn refused(status: &str, headers: &str) -> Upgrade {
    let response = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n");
    Upgrade::Refused(response.into())
}
