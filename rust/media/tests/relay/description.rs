//! New descriptions, and latching switched off (rules 11 and 12).

use pbx_media::relay::{DropReason, Remote};
use pbx_media::sdp::Direction;

use crate::bench::{Bench, SDP, addr, dropped, ip, is_relayed, plain, rtp};

#[test]
fn an_unchanged_description_keeps_the_latch() {
    let mut bench = Bench::with(plain("10.0.0.9:4000", "203.0.113.5"));
    bench.run("203.0.113.5:31000", 1, 3);
    bench.describe(|_| {});
    bench.describe(|remote| remote.signalling = ip("198.18.0.9"));
    assert_eq!(bench.target_addr(), Some(addr("203.0.113.5:31000")));
    assert!(is_relayed(bench.hear("203.0.113.5:31000", rtp(4))));
}

#[test]
fn a_changed_address_starts_over_and_drops_the_old_one() {
    let mut bench = Bench::new();
    bench.run(SDP, 1, 3);
    bench.describe(|remote| {
        (remote.rtp, remote.signalling) = (Some(addr("192.0.2.30:7000")), ip("192.0.2.30"));
    });
    assert_eq!(bench.target_addr(), Some(addr("192.0.2.30:7000")));
    assert_eq!(bench.hear(SDP, rtp(4)), dropped(DropReason::Source));
    assert!(bench.run("192.0.2.30:7000", 1, 3));
}

#[test]
fn a_held_party_gets_nothing_and_its_latch_is_kept() {
    let source = "203.0.113.5:31000";
    for hold in [Direction::SendOnly, Direction::Inactive] {
        let mut bench = Bench::with(plain("10.0.0.9:4000", "203.0.113.5"));
        bench.run(source, 1, 3);
        bench.describe(|remote| remote.direction = hold);
        assert_eq!(bench.target(), dropped(DropReason::Held));
        assert!(is_relayed(bench.hear(source, rtp(4))), "music on hold may still flow");
    }
    let mut bench = Bench::new();
    bench.run(SDP, 1, 3);
    bench.describe(|remote| remote.rtp = Some(addr("0.0.0.0:4000")));
    assert_eq!(bench.target(), dropped(DropReason::Held));
    bench.describe(|remote| remote.rtp = Some(addr(SDP)));
    assert_eq!(bench.target_addr(), Some(addr(SDP)));
}

#[test]
fn after_a_resume_the_old_source_is_as_good_as_named_and_still_sent_to() {
    let source = "203.0.113.5:31000";
    let mut bench = Bench::with(plain("10.0.0.9:4000", "203.0.113.5"));
    bench.run(source, 1, 3);
    bench.latched();
    bench.describe(|remote| remote.direction = Direction::SendOnly);
    bench.describe(|remote| remote.direction = Direction::SendRecv);
    assert_eq!(bench.target_addr(), Some(addr(source)));
    assert!(bench.run(source, 900, 3));
    assert_eq!(bench.latched().map(|latched| latched.tier), Some(1));
}

#[test]
fn without_latching_the_description_alone_counts() {
    let mut bench = Bench::with(Remote { latching: false, ..plain("10.0.0.9:4000", "203.0.113.5") });
    assert_eq!(bench.target_addr(), Some(addr("10.0.0.9:4000")));
    assert!(is_relayed(bench.hear("10.0.0.9:9999", rtp(1))), "any port of the described host");
    assert_eq!(bench.hear("203.0.113.5:4000", rtp(2)), dropped(DropReason::Source));
    assert_eq!(bench.target_addr(), Some(addr("10.0.0.9:4000")));
    assert_eq!(bench.latched(), None);
}
