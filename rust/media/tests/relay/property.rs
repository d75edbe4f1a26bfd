//! What holds for any order of packets.

use pbx_media::relay::{DropReason, Remote};
use proptest::prelude::*;

use crate::bench::{Bench, Rtp, SDP, addr, dropped, is_relayed, plain, rtp};

#[derive(Clone, Debug)]
enum Event {
    Victim,
    Stranger { addr: u8, ssrc: u32, seq: u16, marker: bool },
    Copycat { ahead: u16 },
    Octets(Vec<u8>),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Victim),
        3 => (any::<u8>(), any::<u32>(), any::<u16>(), any::<bool>())
            .prop_map(|(addr, ssrc, seq, marker)| Event::Stranger { addr, ssrc, seq, marker }),
        2 => (0_u16..200).prop_map(|ahead| Event::Copycat { ahead }),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Event::Octets),
        2 => (0_u64..40).prop_map(Event::Wait),
    ]
}

proptest! {
    /// M1 and M2: whatever strangers send, nothing is sent to them and nothing of theirs is heard while the
    /// peer's own address is known and alive; the marker bit and wrapping numbers change nothing.
    #[test]
    fn strangers_never_win_while_the_peer_is_alive(first in any::<u16>(), events in proptest::collection::vec(event(), 0..200)) {
        let mut bench = Bench::new();
        let mut seq = first;
        let mut silent_since = bench.now;
        for event in events {
            match event {
                Event::Victim => {
                    silent_since = bench.now;
                    prop_assert!(is_relayed(bench.hear(SDP, rtp(seq))));
                    seq = seq.wrapping_add(1);
                }
                Event::Stranger { addr, ssrc, seq, marker } => {
                    let from = format!("192.0.2.{addr}:5000");
                    let packet = Rtp { seq, ssrc, payload: 0, marker };
                    prop_assert!(!is_relayed(bench.hear(&from, packet)));
                }
                Event::Copycat { ahead } => {
                    prop_assert!(!is_relayed(bench.hear("192.0.2.1:6000", rtp(seq.wrapping_add(ahead)))));
                }
                Event::Octets(octets) => {
                    prop_assert!(!is_relayed(bench.hear_octets("192.0.2.1:6000", octets.len() % 2 == 0, &octets)));
                }
                Event::Wait(millis) if (bench.now - silent_since).as_millis() < 900 => bench.pass(millis),
                Event::Wait(_) => {}
            }
            prop_assert_eq!(bench.target_addr(), Some(addr(SDP)));
        }
    }

    /// The probation bound: at the latest the N-th counted packet decides, whatever the order.
    #[test]
    fn probation_never_outlasts_its_count(probation in 0_u8..20, seqs in proptest::collection::vec((any::<u16>(), 0_u32..8), 1..60)) {
        let mut bench = Bench::with(Remote { probation, ..plain(SDP, "203.0.113.5") });
        let mut counted = 0;
        for (seq, ssrc) in seqs {
            let verdict = bench.hear(SDP, Rtp { ssrc, ..rtp(seq) });
            counted += u32::from(verdict != dropped(DropReason::Duplicate));
            if let Some(latched) = bench.latched() {
                prop_assert!(u32::from(latched.packets) <= u32::from(probation.max(1)));
                prop_assert_eq!(u32::from(latched.packets), counted);
                return Ok(());
            }
            prop_assert!(counted < u32::from(probation.max(1)));
        }
    }
}
