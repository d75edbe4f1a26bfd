//! Peers behind NAT and several UDP sockets (`config.md` §2.2 `udp_ports`, §2.6.1, §14).

use pbx_sip::{Message, Method, Name};
use pbx_switch::{Decision, Forward, Target};
use serde_json::json;

use crate::desk::{CALLEE, CALLER, Desk, sdp};

const SOURCE: &str = "192.0.2.7:4000";

/// An INVITE of 1001 from `SOURCE` with a Via and a Contact of its own.
fn invite_from(desk: &mut Desk, via: &str, contact: &str) {
    desk.deliver(
        SOURCE,
        &format!(
            "INVITE sip:1002@127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {via}
             From: <sip:1001@127.0.0.1>;tag=caller
             To: <sip:1002@127.0.0.1>
             Call-ID: call-1
             CSeq: 1 INVITE
             {contact}"
        ),
        &sdp("192.0.2.7", 7000),
    );
}

/// Registers 1002 with that Contact from `SOURCE`, calls it, and gives the INVITE and where it went.
fn rung(nat_fix: bool, contact: &str) -> (String, Message) {
    let mut desk = Desk::new(json!({"nat_fix": nat_fix}));
    desk.register_at("1002", SOURCE, contact);
    desk.invite(&sdp("127.0.0.1", 7000));
    let (to, invite) = desk
        .sent
        .iter()
        .find(|(_, message)| message.method() == Method::Invite && message.is_request())
        .unwrap();
    (to.to_string(), invite.clone())
}

#[test]
fn contact_behind_nat_is_reached_at_its_source_and_keeps_every_parameter() {
    for (contact, nat, host) in [
        ("<sip:u@10.0.0.9:5060;x=1>", true, ""),
        ("\"N\" <sip:u;p=1:pw@10.0.0.9:5060;x=1;transport=udp?h=v>;q=0.7;y", true, ""),
        ("<sip:u@100.64.3.4>", true, ""),
        ("<sip:u@[fd00::1]:5070;x>", true, ""),
        ("<sip:u@169.254.1.1>", true, ""),
        ("<sip:u@abc.invalid;transport=udp>", true, ""),
        ("<sip:u@192.0.2.9:5070;x=1>", false, "192.0.2.9:5070"),
        ("<sip:u@100.128.0.1>", false, "100.128.0.1:5060"),
    ] {
        let (to, invite) = rung(true, contact);
        let text = contact[contact.find("sip:").unwrap()..].split('>').next().unwrap();
        if nat {
            assert_eq!(to, SOURCE, "{contact}");
            let uri = pbx_sip::Uri::parse(text).unwrap();
            assert_eq!(invite.request_uri(), uri.with_host_port("192.0.2.7", Some(4000)), "{contact}");
            let after = |text: &str| {
                text.split_once(['@']).unwrap().1.split_once([';']).map(|(_, tail)| tail.to_owned())
            };
            assert_eq!(after(invite.request_uri()), after(text));
            assert!(invite.request_uri().starts_with(text.split('@').next().unwrap()));
        } else {
            assert_eq!((to.as_str(), invite.request_uri()), (host, text), "{contact}");
        }
    }
}

#[test]
fn without_nat_fix_the_contact_is_believed() {
    let (to, invite) = rung(false, "<sip:u@10.0.0.9:5060;x=1>");
    assert_eq!((to.as_str(), invite.request_uri()), ("10.0.0.9:5060", "sip:u@10.0.0.9:5060;x=1"));
}

#[test]
fn registered_contact_comes_back_as_the_phone_wrote_it() {
    for nat_fix in [true, false] {
        let mut desk = Desk::new(json!({"nat_fix": nat_fix}));
        let answer = desk.register_at("1002", SOURCE, "\"N\" <sip:u@10.0.0.9:5060;x=1?h=v>;y=2");
        let contact = answer.text(Name::Contact).unwrap();
        assert_eq!(contact.split(";expires").next(), Some("\"N\" <sip:u@10.0.0.9:5060;x=1?h=v>;y=2"));
    }
}

#[test]
fn responses_name_the_source_and_go_there_when_rport_was_asked_for() {
    for (nat_fix, via, to, received, rport) in [
        (false, "10.0.0.9:5060;branch=z9hG4bKa;rport", SOURCE, true, Some("4000")),
        (true, "10.0.0.9:5060;branch=z9hG4bKa;rport", SOURCE, true, Some("4000")),
        // Without rport a peer where it says is answered at the port it names …
        (true, "192.0.2.7:5071;branch=z9hG4bKa", "192.0.2.7:5071", false, None),
        (true, "192.0.2.7;branch=z9hG4bKa", "192.0.2.7:5060", false, None),
        // … one behind NAT at its source, unless nobody is to be helped.
        (true, "10.0.0.9:5071;branch=z9hG4bKa", SOURCE, true, None),
        (false, "10.0.0.9:5071;branch=z9hG4bKa", "192.0.2.7:5071", true, None),
    ] {
        let mut desk = Desk::new(json!({"nat_fix": nat_fix}));
        invite_from(&mut desk, via, "Contact: <sip:1001@192.0.2.7:4000>");
        let (target, response) = desk.sent.pop().unwrap();
        assert_eq!(target.to_string(), to, "{nat_fix} {via}");
        let top = response.via().unwrap();
        assert_eq!(top.params.value("received"), received.then_some("192.0.2.7"), "{nat_fix} {via}");
        assert_eq!(top.params.value("rport"), rport, "{nat_fix} {via}");
    }
}

#[test]
fn contact_that_cannot_be_parsed_is_400_and_never_patched() {
    for contact in ["Contact: <sip:@@>", "Contact: sip:", "Contact: <sip:u@10.0.0.9:99999>", "Subject: none"]
    {
        let mut desk = Desk::new(json!({}));
        desk.register("1002", CALLEE);
        invite_from(&mut desk, "10.0.0.9:5060;branch=z9hG4bKa;rport", contact);
        let answers = desk.taken(SOURCE);
        assert_eq!(answers.last().unwrap().status(), 400, "{contact}");
        assert!(desk.taken(CALLEE).is_empty());
    }
}

#[test]
fn calls_keep_to_the_socket_they_began_on() {
    let mut desk = Desk::new(json!({}));
    desk.on_socket(1, |desk| desk.register("1002", CALLEE));
    desk.on_socket(2, |desk| desk.invite(&sdp("127.0.0.1", 7000)));
    assert_eq!(desk.last_socket, 1, "a binding is reached through the socket it registered on");
    let invite = desk.taken(CALLEE).remove(0);
    assert!(invite.text(Name::Via).unwrap().contains("127.0.0.1:5070"), "{invite:?}");
    assert!(invite.text(Name::Contact).unwrap().contains("127.0.0.1:5070"));
    desk.on_socket(1, |desk| desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002)));
    assert_eq!(desk.last_socket, 2, "a response leaves where its request came");
    let answer = desk.taken(CALLER).pop().unwrap();
    assert!(answer.text(Name::Contact).unwrap().contains("127.0.0.1:5080"));
    desk.on_socket(2, |desk| desk.ack(&answer, 1, ""));
    desk.taken(CALLEE);
    desk.on_socket(1, |desk| desk.callee_request("INFO", &invite, "callee", 1, ""));
    assert_eq!(desk.last_socket, 2, "requests in the dialog too");
    desk.on_socket(2, |desk| desk.in_dialog("BYE", answer.to_tag().unwrap(), 2, ""));
    assert!(desk.taken(CALLEE).iter().any(|message| message.method() == Method::Bye && message.is_request()));
}

#[test]
fn calls_by_address_leave_from_the_first_socket() {
    let mut desk = Desk::new(json!({"call": {"ask_router": true}}));
    desk.on_socket(2, |desk| desk.invite(&sdp("127.0.0.1", 7000)));
    let targets = vec![Target::Uri("sip:x@127.0.0.1:6002".to_owned())];
    let forward = Decision::Forward(Forward { targets, ..Forward::default() });
    desk.switch.handle_decision(desk.now, desk.asked[0].id, forward);
    desk.drain();
    assert_eq!(desk.last_socket, 0);
    assert!(desk.taken(CALLEE)[0].text(Name::Via).unwrap().contains("127.0.0.1:5060"));
}
