//! Whom to ask: `resolv.conf`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Servers used at most (resolv.conf(5) MAXNS).
const MAX_SERVERS: usize = 3;
const PORT: u16 = 53;

/// The recursive servers, in the order they are asked; never none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers(Vec<SocketAddr>);

impl Servers {
    /// Reads the text of a `resolv.conf`: its `nameserver` lines, where a port may follow as in `[192.0.2.1]:5353`.
    /// `search` is left out, since a SIP URI names its host in full; `options` too: how long a call waits is
    /// not the system's to say. Without servers it is this machine (resolv.conf(5)).
    pub fn parse(text: &str) -> Self {
        let mut servers = Vec::new();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            if words.next() == Some("nameserver") {
                servers.extend(words.next().and_then(server));
            }
        }
        servers.truncate(MAX_SERVERS);
        if servers.is_empty() {
            servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
        }
        Self(servers)
    }

    /// The server of an attempt, counted from 0.
    pub(crate) fn nth(&self, attempt: usize) -> SocketAddr {
        self.0[attempt % self.0.len()]
    }
}

fn server(word: &str) -> Option<SocketAddr> {
    if let Ok(ip) = word.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, PORT));
    }
    let (ip, port) = word.strip_prefix('[')?.split_once("]:")?;
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_servers_are_read_and_the_default_is_this_machine() {
        let text = "# comment\nsearch example.com\nnameserver 192.0.2.1\nnameserver [127.0.0.1]:5353\n\
                    nameserver junk\nnameserver 2001:db8::1\nnameserver 192.0.2.9\n";
        let servers = Servers::parse(text);
        let all: Vec<String> = (0..4).map(|n| servers.nth(n).to_string()).collect();
        assert_eq!(all, ["192.0.2.1:53", "127.0.0.1:5353", "[2001:db8::1]:53", "192.0.2.1:53"]);
        assert_eq!(Servers::parse("").nth(0).to_string(), "127.0.0.1:53");
    }
}
