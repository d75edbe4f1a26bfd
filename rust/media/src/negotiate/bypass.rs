use std::net::IpAddr;

use super::local_origin::LocalOrigin;
use crate::net_set::is_private;
use crate::sdp::Sdp;

/// The rewrite of `media_proxy = "bypass"`: `o=` becomes ours, `s=` a dash, and a private media address that is
/// not where the signalling comes from gives way to the address it does come from, port kept. The media still
/// flows between the parties.
pub fn rewrite_bypass(
    sdp: &mut Sdp,
    origin: &mut LocalOrigin,
    username: &str,
    address: IpAddr,
    signalling_source: IpAddr,
) {
    let source = signalling_source.to_canonical();
    let is_hidden = |ip: Option<IpAddr>| {
        ip.is_some_and(|ip| !ip.is_unspecified() && is_private(ip) && ip.to_canonical() != source)
    };
    if is_hidden(sdp.session_connection().and_then(|connection| connection.ip())) {
        sdp.set_connection(source);
    }
    for line in 0..sdp.media.len() {
        if is_hidden(sdp.connection(line).and_then(|connection| connection.ip())) {
            sdp.set_media_connection(line, source);
        }
    }
    sdp.set_name("-");
    sdp.put_in_order();
    origin.stamp(sdp, username, address);
}
