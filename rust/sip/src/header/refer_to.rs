//! Refer-To: whom the receiver of a REFER is asked to call (RFC 3515 §2.1).

use super::name_addr::NameAddr;
use super::replaces::Replaces;
use crate::fault::{Cause, Fault};
use crate::uri::{Scheme, Uri, decode};

/// A target, and the dialog of his that the call takes the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferTo {
    /// The URI to call, without headers and without a `method` parameter.
    pub uri: Box<str>,
    /// The dialog named by a `Replaces` header inside the URI (RFC 3891 §3, RFC 5589 §7).
    pub replaces: Option<Replaces>,
}

impl ReferTo {
    /// Reads one value.
    ///
    /// # Errors
    /// [`Fault::Bad`] with the reason: no address, a method other than INVITE, a malformed Replaces.
    pub fn parse(value: &[u8]) -> Result<Self, Fault> {
        Self::read(value).map_err(Fault::value)
    }

    fn read(value: &[u8]) -> Result<Self, Cause> {
        let address = NameAddr::read(value)?;
        let uri = Uri::read(address.uri)?;
        if uri.scheme == Scheme::Other {
            return Err(Cause::Scheme);
        }
        if uri.params.value("method").is_some_and(|method| !method.eq_ignore_ascii_case("INVITE")) {
            return Err(Cause::Parameter);
        }
        let replaces = uri.headers.and_then(replaces_of).map(|value| Replaces::parse(value.as_bytes()));
        let replaces = replaces.transpose().map_err(|_| Cause::Parameter)?;
        Ok(Self { uri: bare(&uri).into(), replaces })
    }
}

/// The decoded value of the first header called Replaces.
fn replaces_of(headers: &str) -> Option<String> {
    let pairs = headers.split('&').filter_map(|pair| pair.split_once('='));
    let mut replaces = pairs.filter(|(name, _)| decode(name).eq_ignore_ascii_case("Replaces"));
    replaces.next().map(|(_, value)| decode(value).into_owned())
}

/// A URI that can stand on a request line (RFC 3261 §19.1.1 table 1). A user part may hold semicolons and question
/// marks, so only what was read as parameters and headers is touched.
fn bare(uri: &Uri<'_>) -> String {
    let tail = uri.params.as_str().len() + uri.headers.map_or(0, |headers| headers.len() + 1);
    let text = uri.as_str();
    let mut bare = text[..text.len() - tail].to_owned();
    for (name, value) in uri.params.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("method")) {
        bare.extend([";", name]);
        bare.extend(value.into_iter().flat_map(|value| ["=", value]));
    }
    bare
}
