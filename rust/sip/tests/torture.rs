//! P1 and P2 of the reliability checks, parser part: what the torture indexes say of each message.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::net::IpAddr;

use pbx_sip::{Builder, Method, Name, Scheme};
use support::{parse, text, torture, torture_message};

#[test]
fn every_torture_message_is_accepted_or_refused_as_the_index_says() {
    let mut wrong = Vec::new();
    for (entry, octets) in torture() {
        let outcome = parse(octets);
        let expected = text(&entry, "parse");
        let good = match expected {
            "ok" => outcome.is_ok(),
            "error" => outcome.is_err(),
            _ => true,
        };
        if !good {
            wrong.push(format!("{}: expected {expected}, got {outcome:?}", text(&entry, "file")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_refused_request_is_answered_with_an_allowed_status() {
    for (entry, octets) in torture() {
        let (file, Err(error)) = (text(&entry, "file"), parse(octets)) else { continue };
        let allowed: Vec<u16> = status_any(&entry);
        match &error.partial {
            Some(partial) => {
                assert!(allowed.contains(&error.fault.status()), "{file}: {error}");
                let answer =
                    Builder::response(partial, error.fault.status(), &error.fault.reason(), Some("t"));
                assert_eq!(
                    pbx_sip::Message::parse(answer.finish(), &pbx_sip::Limits::default()).is_ok(),
                    has_all(partial)
                );
            }
            None => assert_eq!(
                entry["silence_ok"].as_bool(),
                Some(true),
                "{file}: {error} leaves nothing to answer"
            ),
        }
    }
}

fn status_any(entry: &toml::Table) -> Vec<u16> {
    entry["status_any"].as_array().unwrap().iter().map(|code| code.as_integer().unwrap() as u16).collect()
}

/// Whether the answer to a bad request can be well formed: it can only repeat what was well formed in the request.
fn has_all(partial: &pbx_sip::Message) -> bool {
    let via = partial.via().is_ok_and(|via| via.version == "2.0");
    via && partial.from().is_ok_and(|from| from.uri().is_ok())
        && partial.to().is_ok_and(|to| to.uri().is_ok())
        && partial.header(Name::CallId).is_some()
        && partial
            .header(Name::CSeq)
            .is_some_and(|cseq| cseq.len() < 40 && !cseq.starts_with(b"36893488147419103232"))
}

#[test]
fn the_fault_names_the_header() {
    let fault = |file: &str| {
        let (_, octets) = torture().into_iter().find(|(entry, _)| text(entry, "file") == file).unwrap();
        let error = parse(octets).unwrap_err();
        (error.fault.status(), error.fault.reason())
    };
    assert_eq!(fault("badinv01.dat"), (400, "Bad Via".into()));
    assert_eq!(fault("clerr.dat"), (400, "Bad Content-Length".into()));
    assert_eq!(fault("ncl.dat"), (400, "Bad Content-Length".into()));
    assert_eq!(fault("scalar02.dat"), (400, "Bad CSeq".into()));
    assert_eq!(fault("badvers.dat"), (505, "Version Not Supported".into()));
    assert_eq!(fault("mismatch01.dat"), (400, "Bad CSeq".into()));
    assert_eq!(fault("mismatch02.dat"), (400, "Bad CSeq".into()));
    assert_eq!(fault("insuf.dat"), (400, "Missing From".into()));
    assert_eq!(fault("multi01.dat").0, 400);
    assert!(fault("multi01.dat").1.starts_with("Duplicate "));
    assert_eq!(fault("mcl01.dat"), (400, "Duplicate Content-Length".into()));
    assert_eq!(fault("quotbal.dat"), (400, "Bad To".into()));
    assert_eq!(fault("ipv6-bad.dat"), (400, "Bad Request-URI".into()));
    assert_eq!(fault("ltgtruri.dat"), (400, "Bad Request-URI".into()));
    assert_eq!(fault("lwsruri.dat"), (400, "Bad Request-URI".into()));
}

#[test]
fn odd_white_space_is_no_part_of_any_value() {
    let message = torture_message("wsinv.dat");
    assert_eq!(message.to_tag(), Some("1918181833n"));
    assert_eq!(message.from_tag(), Some("98asjd8"));
    assert_eq!(message.from().unwrap().display_name().unwrap(), r#"J Rosenberg \""#);
    assert_eq!(message.max_forwards(), Some(68));
    assert_eq!((message.cseq(), message.cseq_method()), (9, Method::Invite));
    assert_eq!(message.text(Name::Subject), Some(""));
    assert_eq!(message.body().len(), 150);
    let vias: Vec<_> = message.vias().map(Result::unwrap).collect();
    let read: Vec<_> = vias.iter().map(|via| (via.transport, via.host, via.branch().unwrap())).collect();
    let expected = [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ];
    assert_eq!(read, expected);
    let contact = message.contacts().next().unwrap().unwrap();
    let contact = *contact.addr().unwrap();
    assert_eq!(contact.display_name().unwrap(), r#"Quoted string """#);
    assert_eq!((contact.params.value("newparam"), contact.q()), (Some("newvalue"), Some(330)));
    assert_eq!(
        message.named("newfangledheader").next(),
        Some(&b"newfangled value\r\n continued newfangled value"[..])
    );
    assert_eq!(message.named("UnknownHeaderWithUnusualValue").next(), Some(&b";;,,;;,;"[..]));
}

#[test]
fn every_legal_character_of_a_token_is_taken() {
    let message = torture_message("intmeth.dat");
    assert_eq!(message.method(), Method::Other);
    assert_eq!(message.method_text(), "!interesting-Method0123456789_*+`.%indeed'~");
    let uri = pbx_sip::Uri::parse(message.request_uri()).unwrap();
    assert_eq!(uri.user, Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(uri.password, Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(uri.host, "example.com");
    assert_eq!(message.to().unwrap().display_name().unwrap(), "BEL:\u{7} NUL:\0 DEL:\u{7f}");
    assert_eq!(message.from_tag(), Some("_token~1'+`*%!-."));
    assert_eq!(message.cseq(), 139_122_385);
}

#[test]
fn escapes_are_decoded_once_and_never_invent_headers() {
    let message = torture_message("esc01.dat");
    let uri = pbx_sip::Uri::parse(message.request_uri()).unwrap();
    assert_eq!((uri.user_decoded().as_ref(), uri.host), ("sips:user@example.com", "example.net"));
    let message = torture_message("escnull.dat");
    assert_eq!(message.to().unwrap().uri().unwrap().user_decoded(), "null-%00-null".replace("%00", "\0"));
    let contacts: Vec<_> = message.contacts().map(|contact| contact.unwrap().addr().unwrap().uri).collect();
    assert_eq!(contacts.len(), 2);
    assert_ne!(contacts[0], contacts[1]);
    let message = torture_message("esc02.dat");
    assert_eq!(message.method(), Method::Other);
    let contacts: Vec<_> = message.contacts().map(|contact| contact.unwrap().addr().unwrap().uri).collect();
    assert_eq!(contacts, ["sip:alias1@host1.example.com", "sip:alias3@host3.example.com"]);
    let message = torture_message("semiuri.dat");
    let uri = pbx_sip::Uri::parse(message.request_uri()).unwrap();
    assert_eq!((uri.user_decoded().as_ref(), uri.host), ("user;par=u@example.net", "example.com"));
}

#[test]
fn octets_after_the_body_are_no_second_message() {
    let message = torture_message("dblreq.dat");
    assert_eq!(message.method(), Method::Register);
    assert!(message.body().is_empty());
    assert_eq!(message.headers(Name::CallId).count(), 1);
    let message = torture_message("mpart01.dat");
    assert_eq!(message.body().len(), 553);
}

#[test]
fn long_lists_keep_their_order() {
    let message = torture_message("longreq.dat");
    assert_eq!(message.vias().flatten().count(), 34);
    assert_eq!(message.via().unwrap().host, "sip33.example.com");
    let transports = torture_message("transports.dat");
    let read: Vec<_> = transports.vias().map(|via| via.unwrap().transport.to_owned()).collect();
    assert_eq!(read, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

#[test]
fn responses_keep_their_reason_or_have_none() {
    let message = torture_message("unreason.dat");
    assert!(!message.is_request());
    assert_eq!(
        (message.status(), message.reason().chars().count() > 3, message.method()),
        (200, true, Method::Invite)
    );
    let message = torture_message("noreason.dat");
    assert_eq!((message.status(), message.reason()), (100, ""));
}

#[test]
fn header_parameters_and_uri_parameters_stay_apart() {
    let outside = torture_message("cparam01.dat");
    let contact = outside.contacts().next().unwrap().unwrap();
    let contact = contact.addr().unwrap();
    assert!(contact.params.has("unknownparam") && contact.uri().unwrap().params.is_empty());
    let inside = torture_message("cparam02.dat");
    let contact = inside.contacts().next().unwrap().unwrap();
    let contact = contact.addr().unwrap();
    assert!(contact.params.is_empty() && contact.uri().unwrap().params.has("unknownparam"));
    let bad = torture_message("regbadct.dat");
    assert!(bad.contacts().next().unwrap().is_err());
}

#[test]
fn schemes_are_known_without_being_served() {
    let scheme = |file: &str| {
        let message = torture_message(file);
        pbx_sip::Uri::parse(message.request_uri()).unwrap().scheme
    };
    assert_eq!(scheme("unkscm.dat"), Scheme::Other);
    assert_eq!(scheme("novelsc.dat"), Scheme::Other);
    let message = torture_message("unksm2.dat");
    assert_eq!(message.to().unwrap().uri().unwrap().scheme, Scheme::Other);
    assert_eq!(message.from().unwrap().uri().unwrap().scheme, Scheme::Other);
}

#[test]
fn rfc_2543_requests_lack_branch_and_tag() {
    let message = torture_message("inv2543.dat");
    assert_eq!(
        (message.via().unwrap().branch(), message.from_tag(), message.max_forwards()),
        (None, None, None)
    );
    assert!(message.sdp().is_some());
    assert_eq!(torture_message("zeromf.dat").max_forwards(), Some(0));
}

#[test]
fn ipv6_hosts_and_ports_are_told_apart() {
    let of = |file: &str| {
        let message = torture_message(file);
        let uri = pbx_sip::Uri::parse(message.request_uri()).unwrap();
        (uri.host_ip(), uri.port)
    };
    let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    assert_eq!(of("ipv6-good.dat"), (address("2001:db8::10"), None));
    assert_eq!(of("port-ambiguous.dat"), (address("2001:db8::10:5070"), None));
    assert_eq!(of("port-unambiguous.dat"), (address("2001:db8::10"), Some(5070)));
    for file in ["via-received-param-with-delim.dat", "via-received-param-no-delim.dat"] {
        let message = torture_message(file);
        assert_eq!(message.via().unwrap().received(), address("2001:db8::9:255"), "{file}");
    }
    let message = torture_message("ipv6-good.dat");
    assert!(message.via().unwrap().ip().is_some_and(|ip| ip.is_ipv6()));
    let contact = message.contacts().next().unwrap().unwrap();
    assert!(contact.addr().unwrap().uri().unwrap().host_ip().is_some_and(|ip| ip.is_ipv6()));
    assert_eq!(torture_message("mult-ip-in-header.dat").vias().flatten().count(), 3);
    let mapped = torture_message("ipv4-mapped-ipv6.dat");
    let seen: Vec<_> = mapped.vias().map(|via| via.unwrap().ip().map(|ip| ip.to_canonical())).collect();
    assert_eq!(seen, [address("192.0.2.10"), address("192.0.2.2")]);
}
