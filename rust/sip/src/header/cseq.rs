//! CSeq (RFC 3261 §20.16).

use crate::chars::{self, LWS, TOKEN};
use crate::fault::Cause;

/// Sequence numbers are below 2^31 (RFC 3261 §8.1.1.5).
pub(crate) const MAX_CSEQ: u32 = (1 << 31) - 1;

/// Reads number and method token.
pub(crate) fn read(value: &[u8]) -> Result<(u32, &[u8]), Cause> {
    let end = value.iter().position(|&octet| chars::is(octet, LWS)).ok_or(Cause::Number)?;
    let number = chars::decimal(&value[..end], MAX_CSEQ).ok_or(Cause::Number)?;
    let method = chars::trim_start(&value[end..]);
    if chars::all(method, TOKEN) { Ok((number, method)) } else { Err(Cause::Character) }
}
