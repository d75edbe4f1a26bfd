//! Any order of inputs, sensible or not: the table keeps its books and empties in the end.

use proptest::prelude::*;

use super::support::{Station, TCP, UDP, answer, theirs};
use crate::transaction::{Incoming, TransactionSettings};

const METHODS: [&str; 5] = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS"];
const CODES: [u16; 7] = [100, 180, 200, 202, 302, 408, 486];
const CAP: usize = 6;

#[derive(Clone, Debug)]
enum Order {
    Receive { method: usize, branch: u8, is_stream: bool },
    Respond { which: usize, code: usize },
    Send { method: usize, is_stream: bool },
    Answer { which: usize, method: usize, code: usize },
    Cancel { which: usize },
    Abandon { which: usize },
    Break { is_stream: bool },
    Wait { milliseconds: u64 },
}

fn order() -> impl Strategy<Value = Order> {
    let method = 0..METHODS.len();
    let code = 0..CODES.len();
    let which = 0_usize..20;
    prop_oneof![
        4 => (method.clone(), 0_u8..4, any::<bool>())
            .prop_map(|(method, branch, is_stream)| Order::Receive { method, branch, is_stream }),
        3 => (which.clone(), code.clone()).prop_map(|(which, code)| Order::Respond { which, code }),
        2 => (method.clone(), any::<bool>()).prop_map(|(method, is_stream)| Order::Send { method, is_stream }),
        4 => (which.clone(), method, code)
            .prop_map(|(which, method, code)| Order::Answer { which, method, code }),
        1 => which.clone().prop_map(|which| Order::Cancel { which }),
        1 => which.prop_map(|which| Order::Abandon { which }),
        1 => any::<bool>().prop_map(|is_stream| Order::Break { is_stream }),
        3 => (0_u64..40_000).prop_map(|milliseconds| Order::Wait { milliseconds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_order_of_inputs_leaves_a_table_that_empties(orders in proptest::collection::vec(order(), 1..60)) {
        let mut station = Station::with(TransactionSettings::default(), CAP);
        let (mut served, mut sent) = (Vec::new(), Vec::new());
        let mut clock = 0;
        let flow = |is_stream: bool| if is_stream { TCP } else { UDP };
        for order in orders {
            match order {
                Order::Receive { method, branch, is_stream } => {
                    let text = theirs(METHODS[method], &format!("z9hG4bK{branch}"));
                    match station.receive(flow(is_stream), &text) {
                        Incoming::Request { id, .. } | Incoming::Cancel { id, .. } => served.push(id),
                        Incoming::Ack(_) | Incoming::Absorbed | Incoming::Refused { .. } => {}
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
                Order::Respond { which, code } => {
                    if let Some(&id) = served.get(which) {
                        station.respond(id, CODES[code]);
                    }
                }
                Order::Send { method, is_stream } if station.layer.len() < CAP => {
                    sent.push(station.send(flow(is_stream), METHODS[method]));
                }
                Order::Send { .. } => prop_assert!(station.layer.open(station.now(), UDP).is_none()),
                Order::Answer { which, method, code } => {
                    if let Some((_, branch)) = sent.get(which) {
                        station.receive(UDP, &answer(branch, CODES[code], METHODS[method], "callee"));
                    }
                }
                Order::Cancel { which } => {
                    if let Some(&(id, _)) = sent.get(which) {
                        station.cancel(id);
                    }
                }
                Order::Abandon { which } => {
                    if let Some(&(id, _)) = sent.get(which) {
                        station.layer.abandon(id);
                    }
                }
                Order::Break { is_stream } => station.break_flow(flow(is_stream)),
                Order::Wait { milliseconds } => {
                    clock += milliseconds;
                    station.advance_to(clock);
                }
            }
            station.layer.check_books();
            prop_assert!(station.layer.len() <= 2 * CAP, "{} transactions", station.layer.len());
        }
        for id in served {
            station.respond(id, 500);
        }
        station.advance_to(clock + 300_000);
        station.layer.check_books();
        prop_assert!(station.layer.is_empty());
        prop_assert_eq!(station.layer.server_len(), 0);
        prop_assert_eq!(station.layer.poll_timeout(), None);
    }
}
