//! Sockets towards resolvers: one for each attempt, so that each has a random port of the kernel's choice and hears
//! nobody but the server it is connected to (RFC 5452 §9).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use pbx_dns::ResolverOutput;
use pbx_switch::DnsNews;

use crate::dns_stream::DnsStream;
use crate::poller::{Interest, Poller};
use crate::token::Token;

/// Octets of a datagram that are read: more than we tell servers to send.
const MAX_DATAGRAM: usize = 4096;
/// Datagrams read in one turn. All but one are forged.
const MAX_BATCH: usize = 8;

/// Open sockets by the lower half of their attempt's token. The resolver bounds how many there are.
#[derive(Debug, Default)]
pub(crate) struct DnsSockets {
    open: HashMap<u32, (u64, DnsSocket)>,
}

#[derive(Debug)]
enum DnsSocket {
    Datagram(UdpSocket),
    Stream(DnsStream),
}

impl DnsSockets {
    /// Carries out what the resolver wants; gives news when that fails at once.
    pub(crate) fn perform(&mut self, poller: &Poller, output: ResolverOutput) -> Option<DnsNews> {
        match output {
            ResolverOutput::Send { token, server, bytes } => {
                self.keep(token, send(poller, token, server, &bytes).map(DnsSocket::Datagram))
            }
            ResolverOutput::Stream { token, server, bytes } => {
                self.keep(token, open(poller, token, server, bytes).map(DnsSocket::Stream))
            }
            ResolverOutput::Close { token } => {
                // Closing takes the socket off the poller.
                self.open.remove(&(token as u32));
                None
            }
        }
    }

    fn keep(&mut self, token: u64, socket: io::Result<DnsSocket>) -> Option<DnsNews> {
        let Ok(socket) = socket else { return Some(DnsNews::Failed { token }) };
        self.open.insert(token as u32, (token, socket));
        None
    }

    /// What came to a socket that is ready.
    pub(crate) fn receive(&mut self, poller: &Poller, index: u32) -> Vec<DnsNews> {
        match self.open.get_mut(&index) {
            Some((token, DnsSocket::Datagram(socket))) => received(*token, socket),
            Some((token, DnsSocket::Stream(stream))) => {
                advanced(poller, *token, stream).into_iter().collect()
            }
            None => Vec::new(),
        }
    }
}

fn received(token: u64, socket: &UdpSocket) -> Vec<DnsNews> {
    let mut news = Vec::new();
    let mut buf = [0; MAX_DATAGRAM];
    for _ in 0..MAX_BATCH {
        match socket.recv(&mut buf) {
            Ok(length) => news.push(DnsNews::Reply { token, bytes: buf[..length].to_vec() }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => {
                news.push(DnsNews::Failed { token });
                break;
            }
        }
    }
    news
}

fn advanced(poller: &Poller, token: u64, stream: &mut DnsStream) -> Option<DnsNews> {
    let was_sending = stream.is_sending();
    match stream.advance(&mut [0; MAX_DATAGRAM]) {
        Ok(reply) => {
            if was_sending && !stream.is_sending() {
                let _ = poller.modify(&*stream, Token::Dns(token as u32).encode(), Interest::READ);
            }
            reply.map(|bytes| DnsNews::Reply { token, bytes })
        }
        Err(_) => Some(DnsNews::Failed { token }),
    }
}

fn open(poller: &Poller, token: u64, server: SocketAddr, query: Vec<u8>) -> io::Result<DnsStream> {
    let stream = DnsStream::open(server, query)?;
    poller.add(&stream, Token::Dns(token as u32).encode(), Interest::BOTH)?;
    Ok(stream)
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
        assert_eq!(sockets.receive(&poller, 7), [DnsNews::Reply { token: 7, bytes: b"truth".to_vec() }]);
        assert_eq!(sockets.perform(&poller, ResolverOutput::Close { token: 7 }), None);
        assert!(sockets.receive(&poller, 7).is_empty());
    }

    /// What one server of TCP makes of a query: the news it leads to.
    fn news_of(serve: impl FnOnce(std::net::TcpListener) + Send + 'static) -> Vec<DnsNews> {
        let (poller, mut sockets) = (Poller::new().unwrap(), DnsSockets::default());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || serve(listener));
        let query = vec![0, 3, b'a', b's', b'k'];
        let mut news: Vec<DnsNews> = Vec::new();
        news.extend(sockets.perform(&poller, ResolverOutput::Stream { token: 9, server, bytes: query }));
        for _ in 0..1000 {
            if !news.is_empty() {
                break;
            }
            let mut ready = Vec::new();
            poller.wait(Some(Duration::from_secs(2)), &mut ready);
            assert!(ready.iter().all(|event| Token::decode(event.token) == Some(Token::Dns(9))));
            news.extend(sockets.receive(&poller, 9));
        }
        drop(sockets);
        thread.join().unwrap();
        news
    }

    #[test]
    fn a_reply_over_a_stream_may_be_larger_than_any_datagram_and_come_in_pieces() {
        use std::io::{Read, Write};

        let news = news_of(|listener| {
            let mut stream = listener.accept().unwrap().0;
            let mut query = [0; 5];
            stream.read_exact(&mut query).unwrap();
            assert_eq!(&query, b"\x00\x03ask");
            let mut reply = 50_000_u16.to_be_bytes().to_vec();
            reply.resize(50_002, 7);
            reply.chunks(20_001).for_each(|piece| stream.write_all(piece).unwrap());
            // Open until the reply was taken, so that its end is not the end of the stream.
            let _ = stream.read(&mut query);
        });
        assert_eq!(news, [DnsNews::Reply { token: 9, bytes: vec![7; 50_000] }]);
    }

    #[test]
    fn a_stream_that_ends_early_is_a_failure() {
        assert_eq!(news_of(|listener| drop(listener.accept().unwrap())), [DnsNews::Failed { token: 9 }]);
    }
}
