//! Reading what a REGISTER asks for.

use pbx_sip::{Contact, Message, Name, NameAddr, Uri};

use super::binding::{BindingText, Registration};
use super::outcome::RegisterFault;
use crate::config::RegistrarConfig;

/// Shortest interval granted (`Min-Expires`), seconds.
pub const MIN_EXPIRES_SECS: u32 = 10;
/// What a malformed expiry means (RFC 3261 §20.10, §20.19), seconds.
const MALFORMED_EXPIRES_SECS: u32 = 3600;

/// The wish of a REGISTER.
pub(super) enum Update<'a> {
    /// No Contact: tell what is there.
    Query,
    /// `Contact: *` with Expires 0.
    RemoveAll,
    /// Contacts in order.
    Contacts(Vec<Wish<'a>>),
}

/// One Contact of a REGISTER.
pub(super) struct Wish<'a> {
    /// The URI, parsed.
    pub(super) uri: Uri<'a>,
    /// What a binding made from it holds.
    pub(super) registration: Registration,
    /// Seconds granted; 0 removes.
    pub(super) expires_secs: u32,
    /// Registers a flow (RFC 5626 §6).
    pub(super) is_outbound: bool,
}

/// RFC 5626 §6: one flow at a time, and a proxy next to the phone that keeps it. That proxy was the first to write
/// a Path, which is the last value then.
fn check_flows(request: &Message, wishes: &[Wish<'_>]) -> Result<(), RegisterFault> {
    let mut flows = wishes.iter().filter(|wish| wish.is_outbound && wish.expires_secs > 0);
    if flows.next().is_none() {
        return Ok(());
    }
    if flows.next().is_some() {
        return Err(RegisterFault::Flows);
    }
    let is_direct = request.values(Name::Via).nth(1).is_none();
    let first_hop = request.values(Name::Path).last().and_then(|hop| NameAddr::parse(hop).ok());
    let keeps_flow = first_hop.and_then(|hop| hop.uri().ok()).is_some_and(|uri| uri.params.has("ob"));
    if is_direct || keeps_flow { Ok(()) } else { Err(RegisterFault::FirstHop) }
}

impl<'a> Update<'a> {
    /// Whether it registers a flow (RFC 5626 §6).
    pub(super) fn is_outbound(&self) -> bool {
        matches!(self, Self::Contacts(wishes) if wishes.iter().any(|wish| wish.is_outbound))
    }

    pub(super) fn read(request: &'a Message, config: &RegistrarConfig) -> Result<Self, RegisterFault> {
        // More contacts than could replace every binding are refused unread: comparing URIs is dear.
        let most = config.max_bindings.saturating_mul(2);
        let mut wishes = Vec::new();
        let (mut has_star, mut count) = (false, 0);
        for value in request.values(Name::Contact) {
            count += 1;
            if count > most {
                return Err(RegisterFault::TooMany);
            }
            match Contact::parse(value).map_err(|_| RegisterFault::Contact)? {
                Contact::Star => has_star = true,
                Contact::Addr(address) => wishes.push(Wish::read(request, value, &address, config)?),
            }
        }
        match (has_star, count) {
            (true, 1) if request.expires() == Some(0) => Ok(Self::RemoveAll),
            (true, _) => Err(RegisterFault::Wildcard),
            (false, 0) => Ok(Self::Query),
            (false, _) => {
                check_flows(request, &wishes)?;
                Ok(Self::Contacts(wishes))
            }
        }
    }
}

impl<'a> Wish<'a> {
    fn read(
        request: &Message,
        written: &'a [u8],
        address: &NameAddr<'a>,
        config: &RegistrarConfig,
    ) -> Result<Self, RegisterFault> {
        let uri = address.uri().map_err(|_| RegisterFault::Contact)?;
        let text = BindingText::new(request, written, address).ok_or(RegisterFault::TooLong)?;
        let reg_id = address.params.value("reg-id").and_then(|id| id.parse().ok());
        let is_outbound =
            reg_id.is_some() && text.instance().is_some() && request.has_token(Name::Supported, "outbound");
        Ok(Self {
            uri,
            is_outbound,
            registration: Registration {
                text,
                cseq: request.cseq(),
                q: address.q().unwrap_or(Registration::FULL_Q),
                reg_id,
                keeps_flow: is_outbound || uri.params.has("ob"),
            },
            expires_secs: granted(request, address, config)?,
        })
    }
}

/// Seconds granted to one contact (§10.3 step 7).
fn granted(
    request: &Message,
    address: &NameAddr<'_>,
    config: &RegistrarConfig,
) -> Result<u32, RegisterFault> {
    let wish = if address.params.has("expires") {
        address.expires().unwrap_or(MALFORMED_EXPIRES_SECS)
    } else if request.header(Name::Expires).is_some() {
        request.expires().unwrap_or(MALFORMED_EXPIRES_SECS)
    } else {
        config.expires_secs
    };
    match wish {
        0 => Ok(0),
        1..MIN_EXPIRES_SECS => Err(RegisterFault::TooShort),
        _ => Ok(wish.min(config.max_expires_secs)),
    }
}
