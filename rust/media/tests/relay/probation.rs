//! Until a source is found (rules 1 to 7).

use pbx_media::relay::{Arrival, DropReason, LatchResult, Remote, Side, Verdict};

use crate::bench::{Bench, PEER, Rtp, SDP, addr, dropped, ip, is_relayed, plain, rtp};

#[test]
fn nothing_passes_before_a_description_or_for_a_refused_line() {
    let mut bench = Bench::new();
    bench.describe(|remote| remote.rtp = None);
    assert_eq!(bench.hear(SDP, rtp(1)), dropped(DropReason::Idle));
    assert_eq!(bench.target(), dropped(DropReason::Idle));
    let arrival = Arrival { side: Side::Caller, line: 9, rtcp: false };
    let verdict = bench.session.handle_packet(bench.now, arrival, addr(SDP), &rtp(1).octets());
    assert_eq!(verdict, dropped(DropReason::Idle));
}

#[test]
fn packets_from_the_described_address_pass_at_once_and_latch_after_a_run() {
    let mut bench = Bench::new();
    let to = addr(PEER);
    for seq in [65_534, 65_535] {
        let expected = Verdict::Forward { side: Side::Callee, line: 0, rtcp: false, to };
        assert_eq!(bench.hear(SDP, rtp(seq)), expected);
        assert_eq!(bench.latched(), None);
    }
    assert!(is_relayed(bench.hear(SDP, rtp(0))), "65535 to 0 is in order");
    let latched = bench.latched().unwrap();
    assert_eq!((latched.addr, latched.tier, latched.packets), (addr(SDP), 1, 3));
    assert_eq!(latched.result, LatchResult::Run);
    assert_eq!(bench.latched(), None, "told once");
}

#[test]
fn broken_and_foreign_packets_are_not_rtp() {
    let mut bench = Bench::new();
    let mut short_list = rtp(1).octets();
    short_list[0] = 0x8f;
    short_list.truncate(60);
    for octets in [&b""[..], &[0x80], &rtp(1).octets()[..11], &short_list, &[0; 20], &[22; 40], b"\r\n\r\n"] {
        assert_eq!(bench.hear_octets(SDP, false, octets), dropped(DropReason::NotRtp));
    }
    let counters = bench.session.counters(Side::Caller, 0).unwrap();
    assert_eq!((counters.dropped_total(DropReason::NotRtp), counters.packets_total), (7, 0));
}

#[test]
fn a_private_address_is_replaced_by_a_public_signalling_source() {
    let mut bench = Bench::with(plain("10.0.0.9:4000", "203.0.113.5"));
    assert_eq!(bench.target_addr(), Some(addr("203.0.113.5:4000")));
    assert!(bench.run("203.0.113.5:31000", 1, 3));
    assert_eq!(bench.latched().map(|latched| latched.tier), Some(3));
    assert_eq!(bench.target_addr(), Some(addr("203.0.113.5:31000")));
}

#[test]
fn nothing_is_sent_to_ourselves_to_groups_or_into_our_host() {
    for forbidden in
        ["127.0.0.1:4000", "0.0.0.0:4000", "224.0.0.1:4000", "255.255.255.255:9", "169.254.169.254:80"]
    {
        let mut bench = Bench::with(plain(forbidden, "203.0.113.5"));
        bench.describe(|remote| remote.signalling = ip("10.1.1.1"));
        let mut never = Bench::with(Remote { latching: false, ..plain(forbidden, "203.0.113.5") });
        assert_eq!(never.target(), dropped(DropReason::Idle), "{forbidden}");
        assert_eq!(bench.target_addr().filter(|to| *to == addr(forbidden)), None, "{forbidden}");
    }
    let mut bench = Bench::new();
    let own = addr("203.0.113.6:4000");
    bench.remote.rtp = Some(own);
    bench.session.describe(Side::Caller, 0, &bench.remote, &|address| address == own);
    assert_eq!(bench.target(), dropped(DropReason::Idle));
    let mut local = Bench::with(plain("127.0.0.1:4000", "127.0.0.1"));
    assert_eq!(local.target_addr(), Some(addr("127.0.0.1:4000")));
}

#[test]
fn strangers_are_neither_heard_nor_counted() {
    let mut bench = Bench::new();
    for seq in 0..100 {
        let spray = Rtp { marker: true, ..rtp(seq) };
        assert_eq!(bench.hear("192.0.2.66:5000", spray), dropped(DropReason::Source));
        assert_eq!(bench.target_addr(), Some(addr(SDP)));
    }
    assert!(bench.run(SDP, 1, 3));
    assert_eq!(bench.latched().map(|latched| latched.packets), Some(3));
}

#[test]
fn a_stranger_is_admissible_only_where_signalling_says_nothing() {
    let mut bench = Bench::with(Remote { behind_proxy: true, ..plain("10.0.0.9:4000", "203.0.113.5") });
    for seq in 1..6 {
        assert!(is_relayed(bench.hear("192.0.2.66:5000", rtp(seq))), "{seq}");
        assert_eq!(bench.target_addr(), Some(addr("203.0.113.5:4000")), "nothing is sent there yet");
    }
    assert!(is_relayed(bench.hear("192.0.2.66:5000", rtp(6))));
    let latched = bench.latched().unwrap();
    assert_eq!((latched.tier, latched.packets, latched.result), (4, 6, LatchResult::Forced));
    let mut public = Bench::with(Remote { behind_proxy: true, ..plain(SDP, "198.18.0.1") });
    assert_eq!(public.hear("192.0.2.66:5000", rtp(1)), dropped(DropReason::Source));
}

#[test]
fn a_better_tier_holds_back_the_run_of_a_worse_one() {
    let mut bench = Bench::with(plain(SDP, "198.18.0.1"));
    assert!(is_relayed(bench.hear(SDP, rtp(500))));
    assert!(!is_relayed(bench.hear("203.0.113.5:9999", Rtp { ssrc: 8, ..rtp(1) })));
    bench.hear("203.0.113.5:9999", Rtp { ssrc: 8, ..rtp(2) });
    bench.hear("203.0.113.5:9999", Rtp { ssrc: 8, ..rtp(3) });
    assert_eq!(bench.latched(), None, "the described address is still in the race");
    bench.hear(SDP, rtp(501));
    assert!(is_relayed(bench.hear(SDP, rtp(502))));
    assert_eq!(bench.latched().map(|latched| latched.addr), Some(addr(SDP)));
}

#[test]
fn listed_sources_and_negotiated_payload_types_are_required_while_probing() {
    let mut bench = Bench::with(Remote { ssrcs: vec![7, 9], ..plain(SDP, "203.0.113.5") });
    assert_eq!(bench.hear(SDP, Rtp { ssrc: 8, ..rtp(1) }), dropped(DropReason::Ssrc));
    assert_eq!(bench.hear(SDP, Rtp { payload: 18, ..rtp(1) }), dropped(DropReason::Payload));
    assert!(is_relayed(bench.hear(SDP, Rtp { payload: 13, ..rtp(1) })), "comfort noise needs no negotiation");
    assert_eq!(bench.hear(SDP, rtp(1)), dropped(DropReason::Duplicate));
}

#[test]
fn a_lossy_source_is_chosen_when_the_probation_count_is_used_up() {
    for (probation, decisive) in [(4, 4), (1, 1), (0, 1), (2, 2)] {
        let mut bench = Bench::with(Remote { probation, ..plain(SDP, "203.0.113.5") });
        for packet in 1..=decisive {
            assert_eq!(bench.latched(), None);
            bench.hear(SDP, rtp(packet * 2));
        }
        let latched = bench.latched().unwrap();
        assert_eq!((latched.result, latched.packets), (LatchResult::Forced, decisive));
    }
}

#[test]
fn late_packets_count_but_do_not_break_a_run() {
    let mut bench = Bench::with(Remote { probation: 50, ..plain(SDP, "203.0.113.5") });
    for seq in [100, 101, 90, 102] {
        bench.hear(SDP, rtp(seq));
    }
    let latched = bench.latched().unwrap();
    assert_eq!((latched.result, latched.packets), (LatchResult::Run, 4));
    let mut jumping = Bench::with(Remote { probation: 50, ..plain(SDP, "203.0.113.5") });
    for seq in [100, 101, 5_000, 5_001, 20, 21] {
        jumping.hear(SDP, rtp(seq));
    }
    assert_eq!(jumping.latched(), None);
}

#[test]
fn only_the_leader_is_heard_and_the_table_has_four_places() {
    let mut bench = Bench::with(Remote { probation: 200, ..plain(SDP, "203.0.113.5") });
    assert!(is_relayed(bench.hear(SDP, rtp(1))));
    assert!(is_relayed(bench.hear(SDP, rtp(2))));
    for ssrc in 100..140 {
        let other = Rtp { ssrc, ..rtp(1) };
        assert_eq!(bench.hear("203.0.113.5:7000", other), dropped(DropReason::Probing), "{ssrc}");
    }
    assert!(is_relayed(bench.hear(SDP, rtp(3))), "the leader was never pushed out");
    assert_eq!(bench.latched().map(|latched| latched.packets), Some(43));
}

#[test]
fn a_choice_that_falls_on_another_does_not_relay_the_deciding_packet() {
    let mut bench = Bench::with(Remote { probation: 3, ..plain(SDP, "203.0.113.5") });
    bench.hear(SDP, rtp(10));
    bench.hear(SDP, rtp(20));
    assert_eq!(bench.hear("203.0.113.5:7000", Rtp { ssrc: 8, ..rtp(1) }), dropped(DropReason::Source));
    assert_eq!(bench.latched().map(|latched| latched.addr), Some(addr(SDP)));
}
