//! Whether credentials were made for this request (`config.md` §10.6).

use pbx_sip::{Scheme, Uri};

use crate::policy::Host;

/// Whether the digest `uri` names the Request-URI: same scheme, user and host, and port equal or default.
/// Parameters are not compared, since proxies on the way add and drop them.
pub(super) fn is_same_target(digest_uri: &str, request_uri: &str) -> bool {
    if digest_uri == request_uri {
        return true;
    }
    let (Ok(left), Ok(right)) = (Uri::parse(digest_uri), Uri::parse(request_uri)) else { return false };
    left.scheme == right.scheme
        && left.scheme != Scheme::Other
        && left.user_decoded() == right.user_decoded()
        && Host::parse(left.host) == Host::parse(right.host)
        && port(&left) == port(&right)
}

fn port(uri: &Uri<'_>) -> u16 {
    uri.port.unwrap_or(if uri.scheme == Scheme::Sips { 5061 } else { 5060 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_user_host_and_port_must_agree_and_parameters_need_not() {
        let request = "sip:1002@Lab.Test;user=phone";
        for same in ["sip:1002@lab.test", "sip:1002@lab.test:5060;x=y", "sip:%31002@lab.test.", request] {
            assert!(is_same_target(same, request), "{same}");
        }
        for other in [
            "sip:1003@lab.test",
            "sips:1002@lab.test",
            "sip:1002@lab.test:5070",
            "sip:1002@lab.tes",
            "sip:lab.test",
            "",
            "*",
            "1002",
        ] {
            assert!(!is_same_target(other, request), "{other}");
        }
        assert!(is_same_target("sip:[2001:db8::1]", "sip:[2001:DB8:0::1]:5060"));
        assert!(!is_same_target("urn:service:sos", "urn:service:fire"));
    }
}
