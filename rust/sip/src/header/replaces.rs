//! Replaces: the dialog an INVITE takes the place of (RFC 3891 §6.1).

use std::fmt;

use super::params::Params;
use crate::chars;
use crate::fault::{Cause, Fault};

/// `call-id;to-tag=…;from-tag=…[;early-only]`, the tags as the receiver of the INVITE has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    /// Call-ID of the dialog.
    pub call_id: Box<str>,
    /// Tag of the side that receives the INVITE.
    pub to_tag: Box<str>,
    /// Tag of the other side; empty for a peer of RFC 2543, which writes `0`.
    pub from_tag: Box<str>,
    /// Only a dialog that is not confirmed yet is meant.
    pub early_only: bool,
}

impl Replaces {
    /// Reads one value.
    ///
    /// # Errors
    /// [`Fault::Bad`] with the reason: no Call-ID, a tag missing or given twice.
    pub fn parse(value: &[u8]) -> Result<Self, Fault> {
        Self::read(value).map_err(Fault::value)
    }

    fn read(value: &[u8]) -> Result<Self, Cause> {
        let text = std::str::from_utf8(chars::trim(value)).map_err(|_| Cause::Utf8)?;
        let (call_id, params) = text.split_at(text.find(';').ok_or(Cause::Parameter)?);
        let call_id = chars::trim_text(call_id);
        if call_id.is_empty() {
            return Err(Cause::Empty);
        }
        if call_id.contains(|character: char| character.is_whitespace() || character == ',') {
            return Err(Cause::Character);
        }
        let params = Params::parse(params)?;
        let from_tag = only(params, "from-tag")?;
        Ok(Self {
            call_id: call_id.into(),
            to_tag: only(params, "to-tag")?.into(),
            from_tag: if from_tag == "0" { "" } else { from_tag }.into(),
            early_only: params.has("early-only"),
        })
    }

    /// Whether a dialog with these identifiers is the one meant; `local_tag` is that of the side which is asked.
    pub fn names(&self, call_id: &str, local_tag: &str, remote_tag: &str) -> bool {
        (&*self.call_id, &*self.to_tag, &*self.from_tag) == (call_id, local_tag, remote_tag)
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from_tag = if self.from_tag.is_empty() { "0" } else { &self.from_tag };
        write!(f, "{};to-tag={};from-tag={from_tag}", self.call_id, self.to_tag)?;
        if self.early_only { f.write_str(";early-only") } else { Ok(()) }
    }
}

/// The value of a parameter that must be there exactly once.
fn only<'a>(params: Params<'a>, name: &str) -> Result<&'a str, Cause> {
    let mut found = params.iter().filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (Some((_, Some(value))), None) if !value.is_empty() => Ok(value),
        _ => Err(Cause::Parameter),
    }
}
