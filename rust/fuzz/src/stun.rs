//! Properties of what answers STUN on signalling and media ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use pbx_media::demux::{PacketClass, classify};
use pbx_media::stun::{binding_answer, is_stun};

const HEADER: usize = 20;

/// Any datagram from any address: the demultiplexer agrees, an answer is small and whole, belongs to its request, names
/// the source, and is never answered in turn.
pub fn stun(data: &[u8]) {
    let Some((&choice, datagram)) = data.split_first() else { return };
    assert!(!is_stun(datagram) || classify(datagram) == PacketClass::Stun);
    let source = source(choice, datagram);
    let Some(answer) = binding_answer(datagram, source) else { return };
    assert!(is_stun(datagram) && is_stun(&answer), "an answer to what is no STUN");
    assert_eq!(usize::from(u16::from_be_bytes([answer[2], answer[3]])), answer.len() - HEADER);
    // Nobody gets much more out than they put in (RFC 8489 §16).
    assert!(answer.len() <= datagram.len() + 24);
    assert_eq!(answer[4..HEADER], datagram[4..HEADER]);
    assert_eq!(mapped(&answer), source.ip().to_canonical());
    assert_eq!(u16::from_be_bytes([answer[26] ^ answer[4], answer[27] ^ answer[5]]), source.port());
    assert_eq!(binding_answer(&answer, source), None, "an answer is answered");
}

/// The address of a XOR-MAPPED-ADDRESS that stands first (RFC 8489 §14.2).
fn mapped(answer: &[u8]) -> IpAddr {
    let octets: Vec<u8> =
        answer[28..].iter().zip(&answer[4..HEADER]).map(|(octet, mask)| octet ^ mask).collect();
    match (answer[25], <[u8; 4]>::try_from(&octets[..]), <[u8; 16]>::try_from(&octets[..])) {
        (1, Ok(octets), _) => IpAddr::from(octets),
        (2, _, Ok(octets)) => IpAddr::from(octets),
        (family, ..) => panic!("{} octets of family {family}", octets.len()),
    }
}

fn source(choice: u8, datagram: &[u8]) -> SocketAddr {
    let last = datagram.last().copied().unwrap_or_default();
    let ip = match choice % 3 {
        0 => IpAddr::V4(Ipv4Addr::new(192, 0, choice, last)),
        1 => IpAddr::V6(Ipv4Addr::new(192, 0, choice, last).to_ipv6_mapped()),
        _ => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, u16::from(choice), 0, 0, u16::from(last))),
    };
    SocketAddr::new(ip, u16::from_be_bytes([choice, last]))
}
