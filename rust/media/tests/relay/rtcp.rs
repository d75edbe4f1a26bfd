//! RTCP beside RTP (rule 10).

use pbx_media::relay::{Arrival, DropReason, Remote, Side, Verdict};

use crate::bench::{Bench, RECEIVER_REPORT, SDP, addr, dropped, plain, rtp};

#[test]
fn rtcp_waits_for_the_latch_then_fixes_its_port() {
    let mut bench = Bench::new();
    assert_eq!(bench.hear_octets("203.0.113.5:4001", true, &RECEIVER_REPORT), dropped(DropReason::Source));
    bench.run(SDP, 1, 3);
    let expected =
        Verdict::Forward { side: Side::Callee, line: 0, rtcp: true, to: addr("198.51.100.9:6001") };
    assert_eq!(bench.hear_octets("203.0.113.5:4001", true, &RECEIVER_REPORT), expected);
    assert_eq!(bench.hear_octets("192.0.2.66:4001", true, &RECEIVER_REPORT), dropped(DropReason::Source));
    assert_eq!(bench.hear_octets(SDP, false, &RECEIVER_REPORT), dropped(DropReason::Rtcp), "not negotiated");
    assert_eq!(bench.hear_octets("203.0.113.5:4001", true, &rtp(1).octets()), dropped(DropReason::NotRtp));
}

#[test]
fn rtcp_goes_to_the_described_port_until_the_peer_shows_its_own() {
    let mut bench = Bench::new();
    bench.describe(|remote| remote.rtcp = Some(addr("203.0.113.5:4999")));
    bench.run(SDP, 1, 3);
    let report = |bench: &mut Bench| {
        let arrival = Arrival { side: Side::Callee, line: 0, rtcp: true };
        match bench.session.handle_packet(bench.now, arrival, addr("198.51.100.9:6001"), &RECEIVER_REPORT) {
            Verdict::Forward { to, .. } => to,
            Verdict::Drop(reason) => panic!("{reason:?}"),
        }
    };
    assert_eq!(report(&mut bench), addr("203.0.113.5:4999"));
    bench.hear_octets("203.0.113.5:40007", true, &RECEIVER_REPORT);
    assert_eq!(report(&mut bench), addr("203.0.113.5:40007"));
}

#[test]
fn muxed_rtcp_shares_the_rtp_address() {
    let mut bench = Bench::with(Remote { rtcp_mux: true, ..plain(SDP, "203.0.113.5") });
    assert_eq!(bench.hear_octets(SDP, false, &RECEIVER_REPORT), dropped(DropReason::Source));
    bench.run(SDP, 1, 3);
    let expected =
        Verdict::Forward { side: Side::Callee, line: 0, rtcp: true, to: addr("198.51.100.9:6001") };
    assert_eq!(bench.hear_octets(SDP, false, &RECEIVER_REPORT), expected);
    assert_eq!(bench.hear_octets("203.0.113.5:4001", true, &RECEIVER_REPORT), dropped(DropReason::Rtcp));
    let arrival = Arrival { side: Side::Callee, line: 0, rtcp: true };
    let verdict =
        bench.session.handle_packet(bench.now, arrival, addr("198.51.100.9:6001"), &RECEIVER_REPORT);
    assert_eq!(verdict, Verdict::Forward { side: Side::Caller, line: 0, rtcp: false, to: addr(SDP) });
}

#[test]
fn broken_rtcp_is_dropped() {
    let mut bench = Bench::new();
    bench.run(SDP, 1, 3);
    for end in 2..8 {
        let verdict = bench.hear_octets("203.0.113.5:4001", true, &RECEIVER_REPORT[..end]);
        assert_eq!(verdict, dropped(DropReason::Rtcp), "{end}");
    }
    let wrong_length = [0x80, 201, 0, 9, 0, 0, 0, 7];
    assert_eq!(bench.hear_octets("203.0.113.5:4001", true, &wrong_length), dropped(DropReason::Rtcp));
}
