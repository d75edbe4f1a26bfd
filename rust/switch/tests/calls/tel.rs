//! `tel:` URIs (RFC 3966, `config.md` §1, §3).

use serde_json::json;

use crate::desk::{CALLEE, Desk, SECOND, sdp};

#[test]
fn number_rings_its_user_whatever_its_visual_separators() {
    for (user, uri) in [
        ("1002", "tel:1002"),
        ("1002", "tel:10-02;phone-context=lab.test"),
        ("+49301", "tel:+49-30.1"),
        ("+49301", "tel:+49(30)1;isub=5"),
    ] {
        let mut desk = Desk::new(json!({}));
        desk.register(user, CALLEE);
        desk.invite_to(uri, "X-None: -", &sdp("127.0.0.1", 7000));
        let invite = desk.taken(CALLEE).remove(0);
        assert_eq!(invite.request_uri(), format!("sip:{user}@{CALLEE}"), "{uri}");
    }
}

#[test]
fn number_means_a_user_of_the_realm_its_context_names() {
    // From is of the first realm.
    for (uri, rung) in [
        ("tel:1002", CALLEE),
        ("tel:1002;phone-context=b.test", SECOND),
        ("tel:1002;phone-context=c.test", CALLEE),
        ("tel:1002;phone-context=+49", CALLEE),
    ] {
        let realms = json!([{"host": "a.test", "port": null}, {"host": "b.test", "port": null}]);
        let mut desk = Desk::new(json!({"identity": {"realms": realms}}));
        for (realm, from) in [("a.test", CALLEE), ("b.test", SECOND)] {
            desk.deliver(
                from,
                &format!(
                    "REGISTER sip:{realm} SIP/2.0
             Via: SIP/2.0/UDP {from};branch=z9hG4bK{realm};rport
             From: <sip:1002@{realm}>;tag=r
             To: <sip:1002@{realm}>
             Call-ID: {realm}
             CSeq: 1 REGISTER
             Contact: <sip:1002@{from}>"
                ),
                "",
            );
            assert_eq!(desk.taken(from)[0].status(), 200);
        }
        desk.invite_to(uri, "X-None: -", &sdp("127.0.0.1", 7000));
        assert_eq!(desk.taken(rung).len(), 1, "{uri}");
    }
}

#[test]
fn nobody_registers_a_number() {
    let mut desk = Desk::new(json!({}));
    desk.deliver(
        CALLEE,
        &format!(
            "REGISTER sip:127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {CALLEE};branch=z9hG4bKtel;rport
             From: <tel:1002>;tag=r
             To: <tel:1002>
             Call-ID: tel
             CSeq: 1 REGISTER
             Contact: <sip:1002@{CALLEE}>"
        ),
        "",
    );
    assert!(matches!(desk.taken(CALLEE)[0].status(), 400 | 404));
    assert_eq!(desk.switch.health().registrations, 0);
}
