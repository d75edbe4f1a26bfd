//! Counters of the signalling thread. They only grow.

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
    pub(crate) connections_accepted_total: u64,
    pub(crate) connections_opened_total: u64,
    pub(crate) connections_refused_total: u64,
    pub(crate) connections_closed_idle_total: u64,
    pub(crate) connections_closed_partial_total: u64,
    pub(crate) connections_closed_slow_total: u64,
    pub(crate) connections_closed_fault_total: u64,
    pub(crate) connects_failed_total: u64,
    pub(crate) accept_paused_total: u64,
    pub(crate) asks_refused_total: u64,
    pub(crate) media_commands_expired_total: u64,
}

impl NetCounters {
    /// Names and values in a fixed order.
    pub(crate) fn all(&self) -> [(&'static str, u64); 18] {
        [
            ("sip_messages_total{udp,in}", self.udp_received_total),
            ("sip_messages_total{udp,out}", self.udp_sent_total),
            ("sip_messages_total{tcp,in}", self.tcp_received_total),
            ("sip_messages_total{tcp,out}", self.tcp_sent_total),
            ("udp_sends_total{blocked}", self.udp_blocked_total),
            ("udp_sends_total{lost}", self.udp_lost_total),
            ("udp_sends_total{unreachable}", self.udp_unreachable_total),
            ("connections_total{accepted}", self.connections_accepted_total),
            ("connections_total{opened}", self.connections_opened_total),
            ("refused_total{connections}", self.connections_refused_total),
            ("connections_closed_total{idle}", self.connections_closed_idle_total),
            ("connections_closed_total{partial}", self.connections_closed_partial_total),
            ("connections_closed_total{slow}", self.connections_closed_slow_total),
            ("connections_closed_total{fault}", self.connections_closed_fault_total),
            ("connects_failed_total", self.connects_failed_total),
            ("accept_paused_total", self.accept_paused_total),
            ("asks_refused_total", self.asks_refused_total),
            ("media_commands_expired_total", self.media_commands_expired_total),
        ]
    }
}
