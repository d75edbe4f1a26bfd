//! Making sockets: options every listener and media socket shares.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Asked for in both directions of a SIP socket; the kernel gives what its limits allow.
const SIP_BUFFER: usize = 4 << 20;
/// Connections waiting to be accepted; the kernel cuts it to its own limit.
const BACKLOG: i32 = 1024;

/// A SIP datagram socket. `"::"` is dual stack unless `v6_only`. The datagrams of one peer always come to the same one
/// of several `shared` sockets, and all such sockets must be.
pub(crate) fn udp_listener(address: SocketAddr, v6_only: bool, shared: bool) -> io::Result<UdpSocket> {
    let socket = unbound(address, Type::DGRAM, Protocol::UDP, v6_only)?;
    socket.set_reuse_port(shared)?;
    // Larger buffers ride out a burst; a system that refuses them still works. Root may pass the limit.
    if set_socket_recv_buffer_size_force(&socket, SIP_BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(SIP_BUFFER);
    }
    let _ = socket.set_send_buffer_size(SIP_BUFFER);
    socket.bind(&SockAddr::from(address))?;
    Ok(socket.into())
}

/// A media socket with the system's own buffer sizes: a full buffer is a quarter of a second too old.
pub(crate) fn media(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = unbound(address, Type::DGRAM, Protocol::UDP, false)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket.into())
}

/// A listening stream socket. `"::"` is dual stack unless `v6_only`. The system deals connections out to `shared` ones.
pub(crate) fn tcp_listener(address: SocketAddr, v6_only: bool, shared: bool) -> io::Result<TcpListener> {
    let socket = unbound(address, Type::STREAM, Protocol::TCP, v6_only)?;
    socket.set_reuse_port(shared)?;
    // Connections of the previous run in TIME_WAIT must not stop a restart.
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A stream socket on its way to `remote`.
pub(crate) fn connecting(remote: SocketAddr) -> io::Result<Socket> {
    let socket = unbound(remote, Type::STREAM, Protocol::TCP, false)?;
    match socket.connect(&SockAddr::from(remote)) {
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
            Err(error)
        }
        _ => Ok(socket),
    }
}

/// Whether `"::"` must keep to IPv6 because a listener of its own serves `"0.0.0.0"` on the same port.
pub(crate) fn is_v6_only(address: SocketAddr, all: &[SocketAddr]) -> bool {
    address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        && address.port() != 0
        && all.iter().any(|other| other.is_ipv4() && other.port() == address.port())
}

fn unbound(address: SocketAddr, kind: Type, protocol: Protocol, v6_only: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind.nonblocking(), Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(v6_only)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_may_share_a_port() {
        let v4 = udp_listener("0.0.0.0:0".parse().unwrap(), false, false).unwrap().local_addr().unwrap();
        let v6 = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), v4.port());
        assert!(is_v6_only(v6, &[v6, SocketAddr::new("0.0.0.0".parse().unwrap(), v4.port())]));
        assert!(!is_v6_only(v6, &[v6]));
    }
}
