//! Which Info packages a party takes (RFC 6086). We take none ourselves: a package is carried across if the other
//! party listed it, and INFO without a package always is.

use pbx_sip::{Message, Name};

use super::id::Side;
use super::leg::Leg;
use super::state::Call;
use crate::refusal::Refusal;

/// Octets of a list that are remembered.
const MAX_LISTED: usize = 256;

impl Leg {
    /// Remembers the packages the peer lists, if it says anything of them.
    pub(super) fn heed_packages(&mut self, message: &Message) {
        if message.header(Name::RecvInfo).is_none() {
            return;
        }
        let mut listed = String::new();
        for package in message.values(Name::RecvInfo).filter_map(|value| std::str::from_utf8(value).ok()) {
            if listed.len() + package.len() + 2 > MAX_LISTED || package.contains(['\r', '\n']) {
                break;
            }
            if !listed.is_empty() {
                listed.push_str(", ");
            }
            listed.push_str(package);
        }
        self.recv_info = Some(listed.into());
    }
}

impl Call {
    /// Judges the package of an INFO from a side (RFC 6086 §4.2.2).
    ///
    /// # Errors
    /// The other party does not take it.
    pub(super) fn judge_package(&self, side: Side, info: &Message) -> Result<(), Refusal> {
        let Some(package) = info.header(Name::InfoPackage).map(name) else { return Ok(()) };
        let listed = self.leg(side.other()).and_then(|leg| leg.recv_info.as_deref()).unwrap_or_default();
        let is_taken = listed.split(", ").any(|known| name(known.as_bytes()).eq_ignore_ascii_case(package));
        if is_taken && !package.is_empty() { Ok(()) } else { Err(Refusal::InfoPackage(listed.to_owned())) }
    }
}

/// A package without its parameters.
fn name(package: &[u8]) -> &[u8] {
    package.split(|&octet| octet == b';').next().unwrap_or_default().trim_ascii()
}
