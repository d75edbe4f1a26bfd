//! Who a phone is and where it finds its server.

use std::net::{IpAddr, SocketAddr};

use pbx_sip::Transport;

/// Identity and addresses of a phone.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Number of the phone in the run.
    pub(crate) index: usize,
    /// The address it believes to have, and writes.
    pub(crate) address: SocketAddr,
    /// The address the network sees.
    pub(crate) public: SocketAddr,
    /// Address in its session descriptions.
    pub(crate) media: IpAddr,
    /// How it speaks with the switch.
    pub(crate) transport: Transport,
    /// The switch.
    pub(crate) server: SocketAddr,
    /// User part and digest name.
    pub(crate) user: String,
    /// Password, if it has one.
    pub(crate) password: Option<String>,
}
