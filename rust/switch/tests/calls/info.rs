//! Requests inside a dialog that are no INVITE: INFO packages (RFC 6086), hops, subscriptions.

use crate::desk::{CALLEE, CALLER, Desk, sdp};
use pbx_sip::{Method, Name};
use serde_json::json;

/// A call whose callee listed packages. Gives our tag towards the caller.
fn established(desk: &mut Desk, recv_info: &str) -> String {
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, &format!("200 OK\n{recv_info}"), "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.ack(&answer, 1, "");
    desk.taken(CALLEE);
    answer.to_tag().unwrap().to_owned()
}

#[test]
fn info_package_nobody_listed_is_469_with_what_is_taken() {
    for (recv_info, listed) in [("X-None: -", ""), ("Recv-Info: dtmf;x=1, other", "dtmf;x=1, other")] {
        let mut desk = Desk::new(json!({}));
        let tag = established(&mut desk, recv_info);
        desk.in_dialog_with("INFO", (&tag, 2), "Info-Package: conference", "");
        let refused = desk.taken(CALLER).pop().unwrap();
        assert_eq!((refused.status(), refused.text(Name::RecvInfo)), (469, Some(listed)));
        assert!(desk.taken(CALLEE).is_empty());
    }
}

#[test]
fn info_package_the_other_party_listed_crosses() {
    let mut desk = Desk::new(json!({}));
    let tag = established(&mut desk, "Recv-Info: other, DTMF");
    desk.in_dialog_with("INFO", (&tag, 2), "Info-Package: dtmf;y", "");
    let info = desk.taken(CALLEE).remove(0);
    assert_eq!((info.method(), info.text(Name::InfoPackage)), (Method::Info, Some("dtmf;y")));
}

#[test]
fn request_without_hops_left_is_483_unless_we_answer_it() {
    let mut desk = Desk::new(json!({}));
    let (invite, _) = desk.established();
    for (cseq, method, status) in
        [(1, "INFO", 483), (2, "MESSAGE", 483), (3, "OPTIONS", 200), (4, "BYE", 200)]
    {
        let text = |name| String::from_utf8_lossy(invite.header(name).unwrap()).into_owned();
        desk.deliver(
            CALLEE,
            &format!(
                "{method} sip:pbx@127.0.0.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {CALLEE};branch=z9hG4bKhops{cseq};rport
             From: {};tag=callee
             To: {}
             Call-ID: {}
             CSeq: {cseq} {method}
             Max-Forwards: 0",
                text(Name::To),
                text(Name::From),
                text(Name::CallId)
            ),
            "",
        );
        assert_eq!(desk.taken(CALLEE).pop().unwrap().status(), status, "{method}");
    }
}

#[test]
fn notify_without_subscription_is_481() {
    let mut desk = Desk::new(json!({}));
    let tag = established(&mut desk, "X-None: -");
    desk.in_dialog_with("NOTIFY", (&tag, 2), "Event: x", "");
    assert_eq!(desk.caller_statuses(), [481]);
}
