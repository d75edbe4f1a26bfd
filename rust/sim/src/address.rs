//! Who has which address in a run: the switch one, every phone its own, and private ones behind NAT.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Address of the switch: one no body of the corpus names.
pub const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 231)), 5060);

/// An address where nobody is.
pub(crate) const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 255, 1)), 5060);

/// Address of the phone with this number.
pub fn phone_address(index: usize) -> SocketAddr {
    let octets = (index as u16).to_be_bytes();
    SocketAddr::new(Ipv4Addr::new(198, 51, octets[0], octets[1]).into(), 5060)
}

/// The address a phone behind NAT believes to have.
pub(crate) fn private_address(index: usize) -> SocketAddr {
    let octets = (index as u16).to_be_bytes();
    SocketAddr::new(Ipv4Addr::new(10, 0, octets[0], octets[1]).into(), 5060)
}

pub(crate) fn phone_index(address: SocketAddr) -> Option<usize> {
    match address.ip() {
        IpAddr::V4(ip) if ip.octets()[..2] == [198, 51] => {
            Some(usize::from(u16::from_be_bytes([ip.octets()[2], ip.octets()[3]])))
        }
        _ => None,
    }
}
