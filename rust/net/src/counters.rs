//! Counters of the signalling thread. They only grow.

use pbx_sip::Transport;

/// One field for each thing that is counted; shown with the switch's own counters in `Health`.
#[derive(Debug, Default)]
#[expect(clippy::struct_field_names, reason = "every counter's name ends so")]
pub(crate) struct NetCounters {
    pub(crate) udp_received_total: u64,
    pub(crate) udp_sent_total: u64,
    pub(crate) udp_blocked_total: u64,
    pub(crate) udp_lost_total: u64,
    pub(crate) udp_unreachable_total: u64,
    pub(crate) tcp_received_total: u64,
    pub(crate) tcp_sent_total: u64,
    pub(crate) tls_received_total: u64,
    pub(crate) tls_sent_total: u64,
    pub(crate) ws_received_total: u64,
    pub(crate) ws_sent_total: u64,
    pub(crate) wss_received_total: u64,
    pub(crate) wss_sent_total: u64,
    pub(crate) tls_handshakes_ok_total: u64,
    pub(crate) tls_handshakes_failed_total: u64,
    pub(crate) tls_handshakes_overdue_total: u64,
    pub(crate) connections_accepted_total: u64,
    pub(crate) connections_opened_total: u64,
    pub(crate) connections_refused_total: u64,
    pub(crate) connections_closed_handshake_total: u64,
    pub(crate) connections_closed_idle_total: u64,
    pub(crate) connections_closed_partial_total: u64,
    pub(crate) connections_closed_silent_total: u64,
    pub(crate) connections_closed_slow_total: u64,
    pub(crate) connections_closed_fault_total: u64,
    pub(crate) connects_failed_total: u64,
    pub(crate) accept_paused_total: u64,
    pub(crate) asks_refused_total: u64,
    pub(crate) media_commands_expired_total: u64,
}

impl NetCounters {
    /// Names and values in a fixed order.
    pub(crate) fn all(&self) -> [(&'static str, u64); 29] {
        [
            ("sip_messages_total{udp,in}", self.udp_received_total),
            ("sip_messages_total{udp,out}", self.udp_sent_total),
            ("sip_messages_total{tcp,in}", self.tcp_received_total),
            ("sip_messages_total{tcp,out}", self.tcp_sent_total),
            ("sip_messages_total{tls,in}", self.tls_received_total),
            ("sip_messages_total{tls,out}", self.tls_sent_total),
            ("sip_messages_total{ws,in}", self.ws_received_total),
            ("sip_messages_total{ws,out}", self.ws_sent_total),
            ("sip_messages_total{wss,in}", self.wss_received_total),
            ("sip_messages_total{wss,out}", self.wss_sent_total),
            ("tls_handshakes_total{ok}", self.tls_handshakes_ok_total),
            ("tls_handshakes_total{failed}", self.tls_handshakes_failed_total),
            ("tls_handshakes_total{timeout}", self.tls_handshakes_overdue_total),
            ("udp_sends_total{blocked}", self.udp_blocked_total),
            ("udp_sends_total{lost}", self.udp_lost_total),
            ("udp_sends_total{unreachable}", self.udp_unreachable_total),
            ("connections_total{accepted}", self.connections_accepted_total),
            ("connections_total{opened}", self.connections_opened_total),
            ("refused_total{connections}", self.connections_refused_total),
            ("connections_closed_total{handshake}", self.connections_closed_handshake_total),
            ("connections_closed_total{idle}", self.connections_closed_idle_total),
            ("connections_closed_total{partial}", self.connections_closed_partial_total),
            ("connections_closed_total{silent}", self.connections_closed_silent_total),
            ("connections_closed_total{slow}", self.connections_closed_slow_total),
            ("connections_closed_total{fault}", self.connections_closed_fault_total),
            ("connects_failed_total", self.connects_failed_total),
            ("accept_paused_total", self.accept_paused_total),
            ("asks_refused_total", self.asks_refused_total),
            ("media_commands_expired_total", self.media_commands_expired_total),
        ]
    }

    /// A message came.
    pub(crate) fn count_received(&mut self, transport: Transport) {
        match transport {
            Transport::Udp => self.udp_received_total += 1,
            Transport::Tcp => self.tcp_received_total += 1,
            Transport::Tls => self.tls_received_total += 1,
            Transport::Ws => self.ws_received_total += 1,
            Transport::Wss => self.wss_received_total += 1,
        }
    }

    /// A message was handed to a transport.
    pub(crate) fn count_sent(&mut self, transport: Transport) {
        match transport {
            Transport::Udp => self.udp_sent_total += 1,
            Transport::Tcp => self.tcp_sent_total += 1,
            Transport::Tls => self.tls_sent_total += 1,
            Transport::Ws => self.ws_sent_total += 1,
            Transport::Wss => self.wss_sent_total += 1,
        }
    }
}
