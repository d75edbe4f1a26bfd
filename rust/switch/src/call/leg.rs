//! One side of an answered call: its dialog, and what is owed to or expected from the peer.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use pbx_sip::dialog::{Accepted2xx, Dialog};
use pbx_sip::transaction::TransactionId;
use pbx_sip::{Body, Bytes, Flow, Message, Method, Scheme, Transport, Uri};

use super::dial::through_flow;
use super::farewell::Farewell;
use super::headers;
use super::id::CallId;
use super::session_refresh::Refresh;
use super::session_timer::SessionTimer;
use crate::core::{Core, Owner, Role};

/// A 2xx of ours that waits for its ACK.
pub(super) struct Accepting {
    pub(super) repeat: Accepted2xx,
    pub(super) transaction: TransactionId,
    pub(super) cseq: u32,
    pub(super) bytes: Bytes,
    /// The 2xx carried an offer, so the ACK must carry the answer.
    pub(super) offered: bool,
}

/// Our dialog with one party.
pub(super) struct Leg {
    pub(super) dialog: Dialog,
    /// The peer is reached over its flow, not its Contact (§2.6.1).
    pub(super) behind_nat: bool,
    pub(super) accepting: Option<Accepting>,
    /// Our last ACK to a 2xx of the peer, repeated for each copy of that 2xx.
    pub(super) ack: Option<(u32, Bytes)>,
    /// CSeq of a 2xx of the peer whose ACK waits for the answer of the other leg.
    pub(super) owed_ack: Option<u32>,
    /// BYE was sent, received, or waits for the ACK.
    pub(super) closing: bool,
    /// BYE must wait until our 2xx is acknowledged (RFC 3261 §15).
    pub(super) bye_held: bool,
    /// Whose rights the peer has: who proved himself, or whose binding was rung.
    pub(super) user: Option<Box<str>>,
    /// User part of our Contact on this leg, when a decision chose one.
    pub(super) contact: Option<Box<str>>,
    pub(super) session: SessionTimer,
    /// Info packages the peer takes, comma-separated.
    pub(super) recv_info: Option<Box<str>>,
    /// A refresh of ours under way.
    pub(super) refresh: Option<Refresh>,
}

impl Leg {
    pub(super) fn new(dialog: Dialog, behind_nat: bool) -> Self {
        let mut leg = Self {
            dialog,
            behind_nat,
            accepting: None,
            ack: None,
            owed_ack: None,
            closing: false,
            bye_held: false,
            user: None,
            contact: None,
            session: SessionTimer::default(),
            recv_info: None,
            refresh: None,
        };
        leg.retarget();
        leg
    }

    /// What stands where a leg was that has another call now. Nothing fits it.
    pub(super) fn spent(dialog: &Dialog) -> Self {
        let dialog = Dialog { local_tag: Box::default(), ..dialog.clone() };
        Self { closing: true, ..Self::new(dialog, false) }
    }

    /// Whether a request is of this dialog: Call-ID and both tags must fit (RFC 3261 §12.2.2). A peer of RFC 2543 has
    /// no tag.
    pub(super) fn has_sent(&self, request: &Message) -> bool {
        request.to_tag() == Some(&*self.dialog.local_tag)
            && request.from_tag().unwrap_or_default() == &*self.dialog.remote_tag
            && request.call_id() == &*self.dialog.call_id
    }

    /// Whether only the place of a leg is here.
    pub(super) fn is_spent(&self) -> bool {
        self.dialog.local_tag.is_empty()
    }

    /// Takes the Contact of a target refresh (RFC 3261 §12.2).
    pub(super) fn update_target(&mut self, message: &Message) {
        self.dialog.update_target(message);
        self.heed_packages(message);
        self.retarget();
    }

    /// Takes the route set and target of the 2xx that confirms an early dialog (RFC 3261 §13.2.2.4). What cannot be
    /// read changes nothing.
    pub(super) fn confirm(&mut self, response: &Message) {
        if self.dialog.confirm(response).is_ok() {
            self.retarget();
        }
    }

    /// Follows a phone that came back on a new connection, or whose NAT moved it (RFC 5626 §5.3).
    pub(super) fn follow(&mut self, flow: Flow) {
        if self.behind_nat || flow.transport.is_reliable() || self.keeps_flow() {
            self.dialog.flow = flow;
            self.retarget();
        }
    }

    /// The connection is gone. Behind NAT nothing else leads there, and what was secret stays so.
    pub(super) fn reconnect(&mut self) {
        let is_secret = matches!(self.dialog.flow.transport, Transport::Tls | Transport::Wss);
        let flow = endpoint_flow(self.next_hop(), &self.dialog.flow)
            .filter(|flow| !self.behind_nat && (!is_secret || flow.transport == Transport::Tls));
        if let Some(flow) = flow {
            self.dialog.flow = flow;
        }
    }

    /// Behind NAT the flow is the target, and the Request-URI says so (§2.6.1 rule 2). With proxies between,
    /// they need the Contact as it is.
    fn retarget(&mut self) {
        if self.behind_nat && self.dialog.route_set.is_empty() {
            self.dialog.remote_target =
                through_flow(&self.dialog.remote_target, self.dialog.flow.remote).into();
        }
    }

    /// Whether an INVITE of ours that refreshes the session is unanswered.
    pub(super) fn is_refreshing_by_invite(&self) -> bool {
        self.refresh.is_some_and(Refresh::is_invite)
    }

    /// Whether the peer still gets something from us: a 2xx without ACK, or a BYE that waits for it.
    pub(super) fn is_owed(&self) -> bool {
        self.accepting.is_some() || self.bye_held
    }

    /// Way to the peer for requests inside the dialog.
    pub(super) fn flow(&self) -> Flow {
        let flow = self.dialog.flow;
        if self.behind_nat || flow.transport.is_reliable() || self.keeps_flow() {
            return flow;
        }
        endpoint_flow(self.next_hop(), &flow).unwrap_or(flow)
    }

    /// The URI requests inside the dialog are sent to.
    fn next_hop(&self) -> &str {
        self.dialog.route_set.first().map_or(&*self.dialog.remote_target, |route| &**route)
    }

    /// Whether the peer is to be reached the way it came: it asked for that (`ob`, RFC 5626 §4.3), or its Contact
    /// is a GRUU, which names a domain where others name a socket (RFC 5627 §3.1).
    fn keeps_flow(&self) -> bool {
        self.dialog.route_set.is_empty()
            && Uri::parse(&self.dialog.remote_target)
                .is_ok_and(|uri| uri.params.has("ob") || uri.params.has("gr"))
    }

    /// Our Contact towards the peer.
    pub(super) fn contact(&self, core: &Core) -> String {
        core.contact(&self.dialog.flow, self.contact.as_deref(), self.next_hop())
    }

    /// Sends BYE, unless it was sent or must wait for an ACK. `true`: a transaction of the call began.
    pub(super) fn hang_up(
        &mut self,
        core: &mut Core,
        now: Instant,
        call: CallId,
        farewell: Farewell<'_>,
    ) -> bool {
        if self.closing {
            return false;
        }
        if self.accepting.is_some() {
            self.bye_held = true;
            return false;
        }
        self.closing = true;
        let owner = Owner::Call { call, role: Role::Bye };
        let flow = self.flow();
        let dialog = &mut self.dialog;
        let request = |via: &str| farewell.write(dialog.request(Method::Bye, via));
        let begun = core.request(now, flow, Method::Bye, Some(owner), request).is_some();
        if !begun {
            // Full up, but the peer must not be left in a call that is over.
            let dialog = &mut self.dialog;
            core.send_once(flow, |via| farewell.write(dialog.request(Method::Bye, via)));
        }
        begun
    }

    /// Acknowledges the peer's 2xx and remembers the ACK for copies of it.
    pub(super) fn acknowledge(&mut self, core: &mut Core, cseq: u32, body: Option<&Body>) {
        let flow = self.flow();
        let bytes = core.send_once(flow, |via| {
            let builder = self.dialog.ack(cseq, via);
            match body {
                Some(body) => builder.body(&headers::unfolded(&body.content_type), &body.octets),
                None => builder,
            }
        });
        self.ack = Some((cseq, bytes));
    }

    /// Sends the ACK that waited for the other leg, with the answer if there is one.
    pub(super) fn settle_ack(&mut self, core: &mut Core, body: Option<&Body>) {
        if let Some(cseq) = self.owed_ack.take() {
            self.acknowledge(core, cseq, body);
        }
    }

    /// Acknowledges a 2xx to an INVITE nobody waits for any more: a copy gets the same ACK, one that waits for
    /// the answer of the other leg goes on waiting.
    pub(super) fn acknowledge_late(&mut self, core: &mut Core, cseq: u32) {
        match &self.ack {
            Some((acked, bytes)) if *acked == cseq => core.transmit(self.flow(), bytes.clone()),
            _ if self.owed_ack == Some(cseq) => {}
            _ => self.acknowledge(core, cseq, None),
        }
    }

    /// Answers a copy of the peer's 2xx with the same ACK.
    pub(super) fn repeat_ack(&self, core: &mut Core, cseq: u32) {
        if let Some((acked, bytes)) = &self.ack
            && *acked == cseq
        {
            core.transmit(self.flow(), bytes.clone());
        }
    }
}

/// Numeric address a URI names, as a flow of the same socket. `None`: names, which need DNS; addresses nobody can
/// answer from; and transports on which nobody can be called. `sips` is TLS (RFC 3261 §26.2.2), and TLS to an
/// address asks for a certificate of that address.
pub(super) fn endpoint_flow(uri: &str, like: &Flow) -> Option<Flow> {
    let text = uri.trim().trim_start_matches('<');
    let uri = Uri::parse(text.split('>').next().unwrap_or(text)).ok()?;
    let transport = transport_of(&uri)?;
    let port = if transport == Transport::Tls { 5061 } else { 5060 };
    let remote = SocketAddr::new(uri.host_ip()?, uri.port.unwrap_or(port));
    let socket = match transport {
        Transport::Udp if like.transport == Transport::Udp => like.socket,
        Transport::Udp => 0,
        _ => Flow::NEW,
    };
    is_unicast(remote).then_some(Flow { transport, socket, remote })
}

/// What a URI without looked-up names is sent over (RFC 3263 §4.1). Nobody can be called over WebSocket
/// (RFC 7118 §3).
pub(super) fn transport_of(uri: &Uri<'_>) -> Option<Transport> {
    let named = match uri.params.value("transport") {
        Some(name) => Some(Transport::parse(name)?),
        None => None,
    };
    match (uri.scheme, named) {
        (Scheme::Sip, None) => Some(Transport::Udp),
        (Scheme::Sip, Some(Transport::Ws | Transport::Wss)) => None,
        (Scheme::Sip, named) => named,
        (Scheme::Sips, None | Some(Transport::Tcp | Transport::Tls)) => Some(Transport::Tls),
        _ => None,
    }
}

fn is_unicast(address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast
}
