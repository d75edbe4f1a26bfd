use std::time::Duration;

use pbx_dns::{Locate, Reach, RecordType, Scheme, ServerTransport, Wanted};

use crate::world::{World, address, name, naptr, srv};

const HOST: &str = "example.com";

/// A domain with records of every kind.
fn world() -> World {
    let mut world = World::new(Reach::Network);
    world.know(HOST, RecordType::A, vec![address("192.0.2.1")]);
    world.know(HOST, RecordType::Aaaa, vec![address("2001:db8::1")]);
    world.know("one.example.com", RecordType::A, vec![address("192.0.2.11")]);
    world.know("two.example.com", RecordType::A, vec![address("192.0.2.12")]);
    world.know(
        "_sip._udp.example.com",
        RecordType::Srv,
        vec![srv(2, 0, 5062, "two.example.com"), srv(1, 0, 5061, "one.example.com")],
    );
    world.know("_sip._tcp.example.com", RecordType::Srv, vec![srv(1, 0, 5070, "two.example.com")]);
    world.know("_sips._tcp.example.com", RecordType::Srv, vec![srv(1, 0, 5071, "two.example.com")]);
    world
}

#[test]
fn an_explicit_port_means_this_very_host() {
    assert_eq!(world().locate((HOST, Some(5080), None, Scheme::Sip)), ["Udp 192.0.2.1:5080"]);
    assert_eq!(world().locate((HOST, Some(5080), None, Scheme::Sips)), ["Tls 192.0.2.1:5080"]);
    let tcp = Some(ServerTransport::Tcp);
    assert_eq!(world().locate((HOST, Some(5080), tcp, Scheme::Sip)), ["Tcp 192.0.2.1:5080"]);
}

#[test]
fn an_explicit_transport_asks_for_its_servers_only() {
    let tcp = Some(ServerTransport::Tcp);
    assert_eq!(world().locate((HOST, None, tcp, Scheme::Sip)), ["Tcp 192.0.2.12:5070"]);
    let mut bare = world();
    bare.zone.retain(|(_, kind), _| *kind == RecordType::A.code());
    assert_eq!(bare.locate((HOST, None, tcp, Scheme::Sip)), ["Tcp 192.0.2.1:5060"]);
}

#[test]
fn services_come_in_the_order_the_domain_wants() {
    let mut world = world();
    world.know(
        HOST,
        RecordType::Naptr,
        vec![
            naptr(50, 50, "SIP+D2U", "_sip._udp.example.com"),
            naptr(10, 60, "SIP+D2T", "_sip._tcp.example.com"),
            naptr(10, 10, "SIP+D2W", "_sip._ws.example.com"),
            naptr(10, 50, "SIPS+D2T", "_sips._tcp.example.com"),
        ],
    );
    let hops = world.locate((HOST, None, None, Scheme::Sip));
    assert_eq!(
        hops,
        ["Tls 192.0.2.12:5071", "Tcp 192.0.2.12:5070", "Udp 192.0.2.11:5061", "Udp 192.0.2.12:5062"]
    );
}

#[test]
fn secure_uris_are_served_over_tls_only() {
    assert_eq!(world().locate((HOST, None, None, Scheme::Sips)), ["Tls 192.0.2.12:5071"]);
    let mut bare = world();
    bare.zone.retain(|(_, kind), _| *kind == RecordType::A.code());
    assert_eq!(bare.locate((HOST, None, None, Scheme::Sips)), ["Tls 192.0.2.1:5061"]);
    bare.ability.tls = false;
    assert!(bare.locate((HOST, None, None, Scheme::Sips)).is_empty());
    let udp = Some(ServerTransport::Udp);
    assert!(world().locate((HOST, None, udp, Scheme::Sips)).is_empty());
}

#[test]
fn without_service_records_all_transports_are_asked_for_servers_then_the_host() {
    let hops = world().locate((HOST, None, None, Scheme::Sip));
    assert_eq!(
        hops,
        ["Udp 192.0.2.11:5061", "Udp 192.0.2.12:5062", "Tcp 192.0.2.12:5070", "Tls 192.0.2.12:5071"]
    );
    let mut bare = world();
    bare.zone.retain(|(_, kind), _| *kind == RecordType::A.code());
    assert_eq!(bare.locate((HOST, None, None, Scheme::Sip)), ["Udp 192.0.2.1:5060"]);
    bare.ability.udp = false;
    assert_eq!(bare.locate((HOST, None, None, Scheme::Sip)), ["Tcp 192.0.2.1:5060"]);
}

#[test]
fn both_families_are_tried_where_we_have_both() {
    let mut world = world();
    world.ability.ipv6 = true;
    let hops = world.locate((HOST, Some(5060), None, Scheme::Sip));
    assert_eq!(hops, ["Udp 192.0.2.1:5060", "Udp [2001:db8::1]:5060"]);
}

#[test]
fn a_service_that_is_decidedly_not_offered_is_not_called() {
    let mut world = world();
    world.know("_sip._tcp.example.com", RecordType::Srv, vec![srv(0, 0, 0, ".")]);
    let tcp = Some(ServerTransport::Tcp);
    assert!(world.locate((HOST, None, tcp, Scheme::Sip)).is_empty());
}

#[test]
fn two_hundred_servers_are_eight_addresses_at_most() {
    let mut world = World::new(Reach::Network);
    let servers = (0..200u16).map(|n| srv(n, 0, 5060, &format!("h{n}.example.com"))).collect();
    world.know("_sip._tcp.example.com", RecordType::Srv, servers);
    for n in 0..200 {
        let many = (0..200).map(|m| address(&format!("198.51.{n}.{m}"))).collect();
        world.know(&format!("h{n}.example.com"), RecordType::A, many);
    }
    let hops = world.locate((HOST, None, Some(ServerTransport::Tcp), Scheme::Sip));
    assert_eq!(hops.len(), 8);
    assert!(world.resolver.counters().queries_total <= 9);
}

#[test]
fn a_search_without_answers_ends_within_four_seconds() {
    let mut world = World::new(Reach::Network);
    let begun = world.now;
    let wanted = Wanted { host: name(HOST), port: None, transport: None, scheme: Scheme::Sip };
    let mut locate = Locate::new(world.now, wanted, world.ability);
    let hops = loop {
        if let Some(hops) = locate.advance(world.now, &mut world.resolver, &mut world.rng) {
            break hops;
        }
        let next = world.resolver.poll_timeout().unwrap().min(locate.ends_at());
        world.now = next;
        world.resolver.handle_timeout(next);
        world.drain();
    };
    assert!(hops.is_empty());
    assert!(world.now - begun <= Duration::from_secs(4));
}

#[test]
fn a_server_that_ignores_service_questions_does_not_stop_the_search() {
    let mut world = World::new(Reach::Network);
    world.know(HOST, RecordType::A, vec![address("192.0.2.1")]);
    let wanted = Wanted { host: name(HOST), port: None, transport: None, scheme: Scheme::Sip };
    let mut locate = Locate::new(world.now, wanted, world.ability);
    let hops = loop {
        if let Some(hops) = locate.advance(world.now, &mut world.resolver, &mut world.rng) {
            break hops;
        }
        world.drain();
        let is_service = |query: &[u8]| query[query.len() - 14] == 35;
        if world.open.iter().any(|(_, _, query)| is_service(query)) {
            world.wait();
        } else {
            world.serve();
        }
    };
    assert_eq!(hops.len(), 1);
}
