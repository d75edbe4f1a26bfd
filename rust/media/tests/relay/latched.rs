//! Once a source is found (rules 8 and 9), and what is counted.

use pbx_media::relay::{DropReason, LatchResult, Side};

use crate::bench::{Bench, Rtp, SDP, addr, dropped, is_relayed, rtp};

#[test]
fn once_latched_everything_valid_from_the_source_passes_and_nothing_else() {
    let mut bench = Bench::new();
    assert!(bench.run(SDP, 1, 3));
    assert!(is_relayed(bench.hear(SDP, Rtp { ssrc: 99, ..rtp(4_000) })));
    assert!(is_relayed(bench.hear(SDP, Rtp { ssrc: 99, payload: 77, ..rtp(4_000) })));
    assert_eq!(bench.hear("203.0.113.5:4002", rtp(4)), dropped(DropReason::Source));
    assert_eq!(bench.session.counters(Side::Caller, 0).unwrap().ssrc_changed_total, 1);
}

#[test]
fn a_rebound_source_is_followed_once_the_old_one_is_silent() {
    let mut bench = Bench::new();
    assert!(bench.run(SDP, 1, 3));
    bench.latched();
    bench.pass(1_500);
    let moved = "192.0.2.200:1024";
    assert_eq!(bench.hear(moved, rtp(80)), dropped(DropReason::Source));
    assert_eq!(bench.hear(moved, rtp(81)), dropped(DropReason::Source));
    assert!(is_relayed(bench.hear(moved, rtp(82))));
    assert_eq!(
        bench.latched().map(|latched| (latched.addr, latched.result)),
        Some((addr(moved), LatchResult::Moved))
    );
    assert_eq!(bench.target_addr(), Some(addr(moved)));
    assert_eq!(bench.hear(SDP, rtp(83)), dropped(DropReason::Source));
}

#[test]
fn a_rival_needs_silence_the_ssrc_and_a_fitting_sequence() {
    let rival = "192.0.2.200:1024";
    let try_with = |quiet: u64, packet: Rtp| {
        let mut bench = Bench::new();
        bench.run(SDP, 1, 3);
        bench.pass(quiet);
        (0..10)
            .any(|index| is_relayed(bench.hear(rival, Rtp { seq: packet.seq.wrapping_add(index), ..packet })))
    };
    assert!(try_with(1_000, rtp(4)));
    assert!(!try_with(999, rtp(4)), "the old source was heard less than a second ago");
    assert!(!try_with(1_500, Rtp { ssrc: 8, ..rtp(4) }));
    assert!(!try_with(1_500, rtp(3 + 251)), "too far ahead for the time passed");
    assert!(try_with(1_500, rtp(3 + 250)));
    assert!(!try_with(1_500, rtp(65_500)), "behind");
}

#[test]
fn a_packet_of_the_old_source_cancels_a_rival() {
    let mut bench = Bench::new();
    bench.run(SDP, 1, 3);
    bench.pass(1_100);
    let rival = "192.0.2.200:1024";
    bench.hear(rival, rtp(4));
    bench.hear(rival, rtp(5));
    assert!(is_relayed(bench.hear(SDP, rtp(4))));
    assert_eq!(bench.hear(rival, rtp(6)), dropped(DropReason::Source));
    assert_eq!(bench.target_addr(), Some(addr(SDP)));
}

#[test]
fn a_copied_ssrc_never_wins_against_a_living_source() {
    let mut bench = Bench::new();
    bench.run(SDP, 1, 3);
    for seq in 4..400 {
        bench.pass(20);
        assert!(is_relayed(bench.hear(SDP, rtp(seq))));
        assert_eq!(bench.hear("192.0.2.66:5000", rtp(seq + 1)), dropped(DropReason::Source));
    }
}

#[test]
fn mapped_addresses_are_the_addresses_they_carry() {
    let mut bench = Bench::new();
    assert!(bench.run("[::ffff:203.0.113.5]:4000", 1, 3));
    assert_eq!(bench.latched().map(|latched| latched.addr), Some(addr(SDP)));
}

#[test]
fn accepted_packets_are_timed_and_counted() {
    let mut bench = Bench::new();
    assert_eq!(bench.session.last_accepted_at(Side::Caller, 0), None);
    bench.run(SDP, 1, 3);
    let at = bench.now;
    bench.pass(5_000);
    bench.hear("192.0.2.66:5000", rtp(4));
    assert_eq!(bench.session.last_accepted_at(Side::Caller, 0), Some(at));
    let stats = bench.session.stats();
    let caller = stats.streams.iter().find(|stream| stream.side == Side::Caller).unwrap();
    assert_eq!((caller.counters.packets_total, caller.counters.octets_total), (3, 3 * 172));
    assert_eq!(caller.counters.dropped_total(DropReason::Source), 1);
}
