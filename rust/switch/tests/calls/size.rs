//! Messages larger than we take (`config.md` §3 step 2).

use crate::desk::{CALLER, Desk};
use pbx_sip::{Bytes, Fault, Flow, Transport};
use serde_json::json;

#[test]
fn message_too_large_is_refused_once_under_its_own_reason_whatever_carries_it() {
    let mut desk = Desk::new(json!({}));
    let udp = Flow { transport: Transport::Udp, socket: 0, remote: CALLER.parse().unwrap() };
    let datagram = format!(
        "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bKlarge\r\nCall-ID: large\r\n\
         From: <sip:1001@127.0.0.1>;tag=a\r\nTo: <sip:127.0.0.1>\r\nCSeq: 1 OPTIONS\r\nContent-Length: 65536\r\n\r\n{}",
        "x".repeat(65_536)
    );
    desk.switch.handle_bytes(desk.now, udp, Bytes::from(datagram));
    desk.drain();
    assert_eq!(desk.caller_statuses(), [513]);
    let stream = Flow { transport: Transport::Tcp, ..udp };
    desk.switch.handle_framing_fault(desk.now, stream, &Fault::TooLarge, None);
    desk.drain();
    assert_eq!(desk.logged.iter().filter(|event| **event == "refused").count(), 1, "{:?}", desk.logged);
    let counters = desk.switch.health().counters;
    assert!(counters.contains(&("refused_total{too_large}".to_owned(), 2)), "{counters:?}");
    desk.switch.handle_framing_fault(desk.now, stream, &Fault::NotSip, None);
    desk.drain();
    assert_eq!(desk.logged.iter().filter(|event| **event == "refused").count(), 2, "another reason");
}
