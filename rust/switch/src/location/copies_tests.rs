//! A follower has what the writer has.

use std::time::Duration;

use pbx_sip::{Transport, Uri};
use proptest::prelude::*;

use super::bench::{Ask, Bench, contacts, flow, secs};
use super::{Location, Reached};

/// What both know of everybody.
fn listing(location: &Location, bench: &Bench) -> Vec<(String, String, u64)> {
    let views = location.views(bench.now, 1000, None);
    views.into_iter().map(|view| (view.aor, view.contact, view.expires_secs)).collect()
}

fn follow(bench: &mut Bench, follower: &mut Location) {
    while let Some(copy) = bench.location.poll_copy() {
        follower.handle_copy(bench.now, copy);
    }
}

fn pair() -> (Bench, Location) {
    let mut bench = Bench::new();
    bench.location.be_followed();
    (bench, Location::new([3; 32]))
}

#[test]
fn nobody_is_told_where_nobody_follows() {
    let mut bench = Bench::new();
    bench.register(1, &["Contact: <sip:a@192.0.2.7>"]);
    assert!(bench.location.poll_copy().is_none());
}

#[test]
fn a_temporary_address_leads_to_its_phone_at_the_follower_too() {
    let (mut bench, mut follower) = pair();
    for user in ["1001", "1002"] {
        let lines = ["Contact: <sip:x@192.0.2.7>;+sip.instance=\"<urn:uuid:1>\"", "Supported: gruu"];
        let outcome = bench.ask(Ask { user, call_id: user, cseq: 1, lines: &lines });
        let contact = contacts(&outcome).concat();
        let uri = contact.split("temp-gruu=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        follow(&mut bench, &mut follower);
        let (aor, uri) = (bench.policy.aor(user, "lab.test"), Uri::parse(uri).unwrap());
        assert!(matches!(follower.reached(bench.now, &aor, &uri), Reached::Phone(ways) if ways.len() == 1));
        bench.ask(Ask { user, call_id: user, cseq: 2, lines: &["Contact: *", "Expires: 0"] });
        follow(&mut bench, &mut follower);
        assert!(matches!(follower.reached(bench.now, &aor, &uri), Reached::Invalid));
    }
}

#[test]
fn a_closed_connection_ends_bindings_at_the_follower() {
    let (mut bench, mut follower) = pair();
    bench.flow = flow(Transport::Tcp, 9, "192.0.2.7:4000");
    bench.register(1, &["Contact: <sip:a@192.0.2.7>"]);
    follow(&mut bench, &mut follower);
    assert!(follower.has_stream(bench.flow));
    bench.location.handle_flow_closed(bench.now, bench.flow);
    follow(&mut bench, &mut follower);
    assert!(follower.is_empty() && !follower.has_stream(bench.flow));
}

proptest! {
    #[test]
    fn after_every_change_both_list_the_same(
        steps in prop::collection::vec((0..4_u8, 0..3_usize, 0..3_u8, 10..50_u32), 1..60)
    ) {
        let (mut bench, mut follower) = pair();
        for (cseq, (kind, user, contact, expires)) in (1..).zip(steps) {
            let user = ["1001", "1002", "1003"][user];
            let line = format!("Contact: <sip:{contact}@192.0.2.7>;expires={expires}");
            let gone = format!("Contact: <sip:{contact}@192.0.2.7>;expires=0");
            match kind {
                0 | 1 => drop(bench.ask(Ask { user, call_id: "a", cseq, lines: &[&line] })),
                2 => drop(bench.ask(Ask { user, call_id: "a", cseq, lines: &[&gone] })),
                _ => bench.pass(secs(u64::from(expires) / 2)),
            }
            follow(&mut bench, &mut follower);
            follower.handle_timeout(bench.now);
            prop_assert_eq!(listing(&bench.location, &bench), listing(&follower, &bench));
            prop_assert_eq!(bench.location.len(), follower.len());
        }
        bench.pass(Duration::from_secs(3600));
        follow(&mut bench, &mut follower);
        follower.handle_timeout(bench.now);
        prop_assert!(follower.is_empty() && follower.poll_timeout().is_none());
    }
}
