//! Where our listeners are.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

/// Addresses and ports of the listeners that are open, known once they are bound.
#[derive(Clone, Debug, Default)]
pub struct Locality {
    addresses: HashSet<IpAddr>,
    ports: Vec<u16>,
}

impl Locality {
    /// From the bound addresses of all listeners.
    pub fn new(listeners: impl IntoIterator<Item = SocketAddr>) -> Self {
        let mut locality = Self::default();
        for listener in listeners {
            locality.addresses.insert(listener.ip().to_canonical());
            if !locality.ports.contains(&listener.port()) {
                locality.ports.push(listener.port());
            }
        }
        locality
    }

    /// Whether a listener is bound to exactly this address.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// Whether a listener has this port.
    pub fn has_port(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }
}
