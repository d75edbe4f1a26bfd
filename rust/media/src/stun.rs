//! STUN as far as a peer asks for its own address (RFC 8489 §3): the answer to a Binding request.

use std::net::{IpAddr, SocketAddr};

const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];
/// Attributes from here on may be passed over by who does not know them (§14).
const OPTIONAL: u8 = 0x80;

/// Whether a datagram is STUN (RFC 7983 §7, RFC 8489 §5).
pub fn is_stun(datagram: &[u8]) -> bool {
    datagram.len() >= HEADER && datagram[0] < 4 && datagram[4..8] == COOKIE
}

/// The answer to a Binding request without credentials: where it came from. `None`: anything else, and requests
/// with attributes that would have to be understood.
pub fn binding_answer(request: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    let attributes = request.get(HEADER..)?;
    let length = usize::from(u16::from_be_bytes([request[2], request[3]]));
    let is_whole = is_stun(request) && length == attributes.len() && length % 4 == 0;
    if !is_whole || request[..2] != BINDING_REQUEST || !are_optional(attributes) {
        return None;
    }
    let mut answer = Vec::with_capacity(HEADER + 24);
    answer.extend(BINDING_SUCCESS);
    answer.extend([0, 0]);
    answer.extend(&request[4..HEADER]);
    push_address(&mut answer, source);
    let length = (answer.len() - HEADER) as u16;
    answer[2..4].copy_from_slice(&length.to_be_bytes());
    Some(answer)
}

/// Whether all attributes may be passed over.
fn are_optional(mut attributes: &[u8]) -> bool {
    while let [kind, _, high, low, rest @ ..] = attributes {
        let length = usize::from(u16::from_be_bytes([*high, *low])).next_multiple_of(4);
        match rest.get(length..) {
            Some(rest) if *kind >= OPTIONAL => attributes = rest,
            _ => return false,
        }
    }
    attributes.is_empty()
}

/// XOR-MAPPED-ADDRESS (§14.2): address and port under the cookie and the transaction id that begin the mask.
fn push_address(answer: &mut Vec<u8>, source: SocketAddr) {
    let mask: Vec<u8> = answer[4..HEADER].to_vec();
    let octets = match source.ip().to_canonical() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let family = if octets.len() == 4 { 1 } else { 2 };
    answer.extend(XOR_MAPPED_ADDRESS);
    answer.extend((octets.len() as u16 + 4).to_be_bytes());
    answer.extend([0, family]);
    answer.extend(source.port().to_be_bytes().iter().zip(&mask).map(|(octet, mask)| octet ^ mask));
    answer.extend(octets.iter().zip(&mask).map(|(octet, mask)| octet ^ mask));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut request = vec![0, 1, 0, attributes.len() as u8];
        request.extend(COOKIE);
        request.extend(*b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae");
        request.extend(attributes);
        request
    }

    #[test]
    fn answer_names_the_source_as_in_rfc_5769() {
        // §2.2 and §2.3 of RFC 5769: the XOR-MAPPED-ADDRESS of 192.0.2.1 and of an IPv6 address, port 32853.
        let answer = binding_answer(&request(&[]), "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(answer[..4], [1, 1, 0, 12]);
        assert_eq!(answer[4..20], request(&[])[4..20]);
        assert_eq!(answer[20..], *b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43");
        let source = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
        let answer = binding_answer(&request(&[]), source).unwrap();
        assert_eq!(
            answer[20..],
            *b"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9"
        );
    }

    #[test]
    fn only_plain_binding_requests_are_answered() {
        let source = "192.0.2.1:9".parse().unwrap();
        // SOFTWARE and FINGERPRINT may be passed over, USERNAME may not.
        assert!(binding_answer(&request(b"\x80\x22\x00\x02ab\0\0\x80\x28\x00\x04abcd"), source).is_some());
        assert!(binding_answer(&request(b"\x00\x06\x00\x02ab\0\0"), source).is_none());
        assert!(binding_answer(&request(b"\x80\x22\x00\x09ab\0\0"), source).is_none());
        let good = request(&[]);
        for cut in 0..good.len() {
            assert!(binding_answer(&good[..cut], source).is_none());
        }
        for (at, octet) in [(0, 1), (1, 2), (3, 4), (3, 1), (4, 0)] {
            let mut bad = good.clone();
            bad[at] = octet;
            assert!(binding_answer(&bad, source).is_none(), "{at}");
        }
        assert!(!is_stun(b"OPTIONS sip:a SIP/2.0\r\n"));
    }
}
