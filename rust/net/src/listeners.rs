//! The sockets we listen on, bound before anything runs.

use std::io;
use std::net::{SocketAddr, TcpListener};

use pbx_sip::Transport;
use pbx_switch::Locals;

use crate::bind;
use crate::config::NetConfig;
use crate::start_error::StartError;
use crate::udp::UdpListener;

/// Those of one signalling thread.
pub(crate) struct Listeners {
    pub(crate) udp: Vec<UdpListener>,
    pub(crate) streams: Vec<(Transport, TcpListener)>,
    pub(crate) locals: Locals,
}

/// Binds every listener once for each thread: the system deals datagrams and connections out by their peer.
pub(crate) fn bind_all(net: &NetConfig) -> Result<Vec<Listeners>, StartError> {
    let is_shared = net.sip_worker_threads > 1;
    if is_shared {
        // A shared port would be shared with a process that has it already, and each get half of the calls.
        Listeners::bind(net, false)?;
    }
    let first = Listeners::bind(net, is_shared)?;
    let mut same = net.clone();
    let Locals { udp, tcp, tls, ws } = first.locals.clone();
    (same.udp, same.tcp, same.tls, same.ws) = (udp, tcp, tls, ws);
    let mut all = vec![first];
    for _ in 1..net.sip_worker_threads {
        all.push(Listeners::bind(&same, is_shared)?);
    }
    Ok(all)
}

impl Listeners {
    fn bind(net: &NetConfig, shared: bool) -> Result<Self, StartError> {
        let mut bound = Self { udp: Vec::new(), streams: Vec::new(), locals: Locals::default() };
        for &address in &net.udp {
            let error = |cause| StartError::Bind { transport: Transport::Udp, address, cause };
            let v6_only = bind::is_v6_only(address, &net.udp);
            let listener = UdpListener::bind(address, v6_only, shared).map_err(error)?;
            bound.locals.udp.push(listener.local());
            bound.udp.push(listener);
        }
        bound.listen(Transport::Tcp, &net.tcp, shared)?;
        bound.listen(Transport::Tls, &net.tls, shared)?;
        bound.listen(Transport::Ws, &net.ws, shared)?;
        Ok(bound)
    }

    fn listen(
        &mut self,
        transport: Transport,
        addresses: &[SocketAddr],
        shared: bool,
    ) -> Result<(), StartError> {
        for &address in addresses {
            let error = |cause| StartError::Bind { transport, address, cause };
            let (listener, local) = stream(address, addresses, shared).map_err(error)?;
            match transport {
                Transport::Tls => self.locals.tls.push(local),
                Transport::Ws | Transport::Wss => self.locals.ws.push(local),
                Transport::Udp | Transport::Tcp => self.locals.tcp.push(local),
            }
            self.streams.push((transport, listener));
        }
        Ok(())
    }
}

fn stream(address: SocketAddr, all: &[SocketAddr], shared: bool) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = bind::tcp_listener(address, bind::is_v6_only(address, all), shared)?;
    let local = listener.local_addr()?;
    Ok((listener, local))
}
