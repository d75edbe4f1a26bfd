use std::net::IpAddr;

use super::local_origin::LocalOrigin;
use crate::sdp::{Attribute, Sdp};

/// Our side of an anchored leg.
#[derive(Clone, Debug)]
pub struct LegMedia {
    /// Address the peer is told to send to.
    pub address: IpAddr,
    /// RTP port of each media line; 0 or missing = the line is refused.
    pub ports: Vec<u16>,
    /// Our `o=` line towards this leg.
    pub origin: LocalOrigin,
}

/// Puts us in the place of the party that wrote `sdp`: our address and ports, our origin, and nothing that
/// would lead media around us (ICE, bundling, RTCP addresses).
///
/// A hold by address (`c=0.0.0.0`) becomes one by direction, since the address is ours from here on.
pub fn anchor(sdp: &mut Sdp, leg: &mut LegMedia) {
    for line in 0..sdp.media.len() {
        let meant = sdp.meant_direction(line);
        let is_said = meant == sdp.direction(line);
        let media = &mut sdp.media[line];
        let port = leg.ports.get(line).copied().filter(|_| media.is_active()).unwrap_or_default();
        if port == 0 {
            media.refuse();
            continue;
        }
        media.port = port;
        media.port_count = 1;
        media.section.remove_lines(b'c');
        media.section.retain_attributes(|attribute| !leads_around_us(attribute));
        if !is_said {
            media.set_direction(meant);
        }
    }
    sdp.session.retain_attributes(|attribute| !leads_around_us(attribute));
    sdp.set_connection(leg.address);
    sdp.put_in_order();
    leg.origin.stamp(sdp, "-", leg.address);
}

fn leads_around_us(attribute: &Attribute<'_>) -> bool {
    match attribute.name {
        "candidate" | "remote-candidates" | "end-of-candidates" | "rtcp" | "bundle-only" => true,
        "group" => attribute.value.is_some_and(|value| value.starts_with("BUNDLE")),
        name => name.starts_with("ice-"),
    }
}
