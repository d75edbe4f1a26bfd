//! One binding: a contact of an address-of-record and the way there.

use std::borrow::Cow;
use std::time::Instant;

use pbx_sip::{Flow, Message, Name, NameAddr, Uri};

/// Octets of text one binding may hold: Contact, Call-ID and Path. Push contacts (RFC 8599) take about 800.
const MAX_TEXT: usize = 4096;
/// Characters of User-Agent kept; the rest is cut off.
const MAX_USER_AGENT: usize = 96;

/// What a phone wrote, in one piece of memory: Contact, Call-ID, Path and User-Agent one after the other.
/// A binding lives long and there are many, so its memory counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BindingText {
    text: Box<str>,
    contact_end: u16,
    call_id_end: u16,
    path_end: u16,
    uri: (u16, u16),
    instance: (u16, u16),
}

impl BindingText {
    /// `None`: more text than a binding may hold.
    pub(super) fn new(request: &Message, written: &[u8], address: &NameAddr<'_>) -> Option<Self> {
        let contact = contact_text(written, address);
        let path = path_of(request);
        let call_id = request.call_id();
        if contact.len() + call_id.len() + path.len() > MAX_TEXT {
            return None;
        }
        let user_agent = request.text(Name::UserAgent).unwrap_or_default();
        let user_agent =
            user_agent.char_indices().nth(MAX_USER_AGENT).map_or(user_agent, |(at, _)| &user_agent[..at]);
        let instance = address.params.value("+sip.instance").unwrap_or_default();
        let contact_end = contact.len() as u16;
        let call_id_end = contact_end + call_id.len() as u16;
        Some(Self {
            uri: span(&contact, address.uri),
            instance: span(&contact, instance),
            contact_end,
            call_id_end,
            path_end: call_id_end + path.len() as u16,
            text: [&contact, call_id, &path, user_agent].concat().into(),
        })
    }

    fn part(&self, from: u16, to: u16) -> &str {
        self.text.get(usize::from(from)..usize::from(to)).unwrap_or_default()
    }

    /// Contact as written, without its `expires`.
    pub(super) fn contact(&self) -> &str {
        self.part(0, self.contact_end)
    }

    pub(super) fn call_id(&self) -> &str {
        self.part(self.contact_end, self.call_id_end)
    }

    pub(super) fn uri(&self) -> &str {
        self.part(self.uri.0, self.uri.1)
    }

    fn path(&self) -> &str {
        self.part(self.call_id_end, self.path_end)
    }

    fn user_agent(&self) -> &str {
        self.part(self.path_end, self.text.len() as u16)
    }

    /// `+sip.instance` as written (RFC 5626 §4.1).
    pub(super) fn instance(&self) -> Option<&str> {
        Some(self.part(self.instance.0, self.instance.1)).filter(|instance| !instance.is_empty())
    }
}

/// What a REGISTER says about one contact.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    pub(super) text: BindingText,
    pub(super) cseq: u32,
    /// Preference in thousandths.
    pub(super) q: u16,
    /// Flow number of the instance (RFC 5626 §4.2).
    pub(super) reg_id: Option<u32>,
    /// Only the flow leads there: an outbound registration (RFC 5626 §6), or `ob` in the Contact (§4.3).
    pub(super) keeps_flow: bool,
}

impl Registration {
    /// Preference of a contact that states none (RFC 3261 §16.6 treats it as the best).
    pub(super) const FULL_Q: u16 = 1000;

    /// Whether this contact replaces the one of `other`: the same instance and flow, else the same URI.
    pub(super) fn replaces(&self, uri: &Uri<'_>, other: &Self) -> bool {
        match (self.text.instance(), other.text.instance()) {
            (Some(left), Some(right)) => left.eq_ignore_ascii_case(right) && self.reg_id == other.reg_id,
            _ => {
                self.text.uri() == other.text.uri()
                    || Uri::parse(other.text.uri()).is_ok_and(|other| uri.equals(&other))
            }
        }
    }

    /// Whether it comes from the same sequence of requests, and not after `other` (RFC 3261 §10.3).
    pub(super) fn is_stale(&self, other: &Self) -> bool {
        self.text.call_id() == other.text.call_id() && self.cseq <= other.cseq
    }
}

/// A contact of an address-of-record.
#[derive(Clone, Debug)]
pub struct Binding {
    pub(super) registration: Registration,
    /// The flow the REGISTER came on.
    pub flow: Flow,
    /// When it ends, without grace.
    pub expires_at: Instant,
    /// Grows with each binding made or taken over by another Call-ID, so the largest is the newest phone.
    pub(super) order: u64,
    /// Whether the flow, not the Contact, leads there (§2.6.1), by the `nat_fix` of the last REGISTER.
    pub nat: bool,
}

impl Binding {
    /// Contact as the phone wrote it, without its `expires` parameter.
    pub fn contact(&self) -> &str {
        self.registration.text.contact()
    }

    /// Contact URI as written.
    pub fn uri(&self) -> &str {
        self.registration.text.uri()
    }

    /// The phone, when it says which one it is (RFC 5626 §4.1).
    pub fn instance(&self) -> Option<&str> {
        self.registration.text.instance()
    }

    /// Whether both are ways to one phone, to be tried one after the other (RFC 5626 §5.3).
    pub fn is_same_phone(&self, other: &Self) -> bool {
        match (self.instance(), other.instance()) {
            (Some(left), Some(right)) => left.eq_ignore_ascii_case(right),
            _ => false,
        }
    }

    /// Whether the flow leads there whatever the Contact says.
    pub fn keeps_flow(&self) -> bool {
        self.registration.keeps_flow
    }

    /// Route set towards the phone (RFC 3327), first hop first.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        self.registration.text.path().split('\n').filter(|hop| !hop.is_empty())
    }

    /// Preference in thousandths.
    pub fn q(&self) -> u16 {
        self.registration.q
    }

    /// User-Agent of the phone.
    pub fn user_agent(&self) -> Option<&str> {
        Some(self.registration.text.user_agent()).filter(|agent| !agent.is_empty())
    }

    /// Larger for a binding made later.
    pub fn order(&self) -> u64 {
        self.order
    }

    /// Seconds left, a started one counted whole: a phone told 0 would think it is gone.
    pub fn remaining_secs(&self, now: Instant) -> u64 {
        let remaining = self.expires_at.saturating_duration_since(now);
        remaining.as_secs() + u64::from(remaining.subsec_nanos() > 0)
    }

    /// Whether it still holds.
    pub fn is_live(&self, now: Instant) -> bool {
        self.expires_at > now
    }

    /// Whether a call can be sent there; other schemes are kept and listed only.
    pub(super) fn is_reachable(&self) -> bool {
        Uri::parse(self.uri()).is_ok_and(|uri| uri.is_sip())
    }
}

/// The Contact as written but for its `expires` and its addresses of RFC 5627, which are ours to say. Folding becomes a blank, and a display
/// name that is not UTF-8 is left out.
fn contact_text(written: &[u8], address: &NameAddr<'_>) -> String {
    let Ok(text) = std::str::from_utf8(written) else {
        return format!("<{}>{}", address.uri, without_ours(address.params.as_str()));
    };
    let head = text.strip_suffix(address.params.as_str()).unwrap_or(text);
    let mut contact = [head, &without_ours(address.params.as_str())].concat();
    if contact.contains(['\r', '\n', '\t']) {
        contact = contact.replace(['\r', '\n', '\t'], " ");
    }
    contact.truncate(contact.trim_end().len());
    contact
}

fn without_ours(params: &str) -> Cow<'_, str> {
    let is_ours = |param: &&str| {
        let name = param.trim_start_matches(';').split('=').next().unwrap_or_default().trim();
        ["expires", "pub-gruu", "temp-gruu"].iter().any(|ours| name.eq_ignore_ascii_case(ours))
    };
    if params.len() < ";expires".len() || !pieces(params).any(|param| is_ours(&param)) {
        return Cow::Borrowed(params);
    }
    Cow::Owned(pieces(params).filter(|param| !is_ours(param)).collect())
}

/// Parameters with their leading semicolon, cut outside quoted strings.
fn pieces(params: &str) -> impl Iterator<Item = &str> {
    let mut rest = params;
    std::iter::from_fn(move || {
        let (mut quoted, mut escaped) = (false, false);
        let end = rest.bytes().enumerate().find_map(|(index, byte)| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b';' if !quoted && index > 0 => return Some(index),
                _ => {}
            }
            None
        });
        let (piece, tail) = rest.split_at(end.unwrap_or(rest.len()));
        rest = tail;
        Some(piece).filter(|piece| !piece.is_empty())
    })
}

/// Path values (RFC 3327 §5.3), one per line. They are kept for phones that do not know them as well: the proxies
/// between want to be passed all the same.
fn path_of(request: &Message) -> String {
    if request.header(Name::Path).is_none() {
        return String::new();
    }
    let hop = |value| String::from_utf8_lossy(value).replace(['\r', '\n'], " ");
    request.values(Name::Path).map(hop).collect::<Vec<_>>().join("\n")
}

/// Where `part` stands in `text`; (0, 0) if it does not.
fn span(text: &str, part: &str) -> (u16, u16) {
    match text.find(part) {
        Some(start) if !part.is_empty() => (start as u16, (start + part.len()) as u16),
        _ => (0, 0),
    }
}
