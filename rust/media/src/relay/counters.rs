use super::drop_reason::DropReason;
use crate::demux::PacketClass;

/// What was received on one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// RTP packets relayed.
    pub packets_total: u64,
    /// Their octets, RTP header included.
    pub octets_total: u64,
    /// RTCP packets relayed.
    pub rtcp_packets_total: u64,
    /// Times the source took another SSRC.
    pub ssrc_changed_total: u32,
    dropped_total: [u32; DropReason::ALL.len()],
}

impl Counters {
    /// Packets dropped for `reason`.
    pub fn dropped_total(&self, reason: DropReason) -> u32 {
        self.dropped_total[reason as usize]
    }

    pub(super) fn count(&mut self, class: PacketClass, octets: usize) {
        if class == PacketClass::Rtcp {
            self.rtcp_packets_total += 1;
        } else {
            self.packets_total += 1;
            self.octets_total += octets as u64;
        }
    }

    pub(super) fn count_drop(&mut self, reason: DropReason) {
        let count = &mut self.dropped_total[reason as usize];
        *count = count.saturating_add(1);
    }
}
