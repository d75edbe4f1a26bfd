//! Sockets towards resolvers: one for each attempt, so that each has a random port of the kernel's choice and hears
//! nobody but the server it is connected to (RFC 5452 §9).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use pbx_dns::ResolverOutput;
use pbx_switch::DnsNews;

use crate::poller::{Interest, Poller};
use crate::token::Token;

/// Octets of a datagram that are read: more than we tell servers to send.
const MAX_DATAGRAM: usize = 4096;
/// Datagrams read in one turn. All but one are forged.
const MAX_BATCH: usize = 8;

/// Open sockets by the lower half of their attempt's token. The resolver bounds how many there are.
#[derive(Debug, Default)]
pub(crate) struct DnsSockets {
    open: HashMap<u32, (u64, UdpSocket)>,
}

impl DnsSockets {
    /// Carries out what the resolver wants; gives news when that fails at once.
    pub(crate) fn perform(&mut self, poller: &Poller, output: ResolverOutput) -> Option<DnsNews> {
        match output {
            ResolverOutput::Send { token, server, bytes } => match send(poller, token, server, &bytes) {
                Ok(socket) => {
                    self.open.insert(token as u32, (token, socket));
                    None
                }
                Err(_) => Some(DnsNews::Failed { token }),
            },
            ResolverOutput::Close { token } => {
                // Closing takes the socket off the poller.
                self.open.remove(&(token as u32));
                None
            }
        }
    }

    /// What came to a socket that is ready.
    pub(crate) fn receive(&self, index: u32) -> Vec<DnsNews> {
        let mut news = Vec::new();
        let Some((token, socket)) = self.open.get(&index) else { return news };
        let mut buf = [0; MAX_DATAGRAM];
        for _ in 0..MAX_BATCH {
            match socket.recv(&mut buf) {
                Ok(length) => news.push(DnsNews::Reply { token: *token, bytes: buf[..length].to_vec() }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    news.push(DnsNews::Failed { token: *token });
                    break;
                }
            }
        }
        news
    }
}

fn send(poller: &Poller, token: u64, server: SocketAddr, bytes: &[u8]) -> io::Result<UdpSocket> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    socket.send(bytes)?;
    poller.add(&socket, Token::Dns(token as u32).encode(), Interest::READ)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_the_server_that_was_asked_is_heard() {
        let (poller, mut sockets) = (Poller::new().unwrap(), DnsSockets::default());
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = ResolverOutput::Send { token: 7, server: server.local_addr().unwrap(), bytes: vec![1, 2] };
        assert_eq!(sockets.perform(&poller, send), None);
        let mut buf = [0; 16];
        let (length, asker) = server.recv_from(&mut buf).unwrap();
        assert_eq!(&buf[..length], [1, 2]);
        stranger.send_to(b"lie", asker).unwrap();
        server.send_to(b"truth", asker).unwrap();
        let mut ready = Vec::new();
        poller.wait(Some(Duration::from_secs(2)), &mut ready);
        assert_eq!(Token::decode(ready[0].token), Some(Token::Dns(7)));
        assert_eq!(sockets.receive(7), [DnsNews::Reply { token: 7, bytes: b"truth".to_vec() }]);
        assert_eq!(sockets.perform(&poller, ResolverOutput::Close { token: 7 }), None);
        assert!(sockets.receive(7).is_empty());
    }
}
