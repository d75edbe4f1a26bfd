//! Request and status lines (RFC 3261 §7.1, §7.2).

use crate::chars::{self, TOKEN};
use crate::fault::{Cause, Fault, Part};
use crate::method::Method;

/// A start line as offsets from the start of the line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartLine {
    pub(crate) method: Method,
    /// 0 for a request.
    pub(crate) status: u16,
    /// End of the method token; 0 for a response.
    pub(crate) method_end: usize,
    /// Request-URI or reason phrase.
    pub(crate) text: (usize, usize),
}

/// Reads a start line without its line end. `Err` of the pair: nothing more can be made of the message. A fault beside
/// a start line: the message is bad, but known to be a request of that method.
pub(crate) fn read(line: &[u8]) -> Result<(StartLine, Option<Fault>), Fault> {
    if line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"SIP/") {
        return read_status_line(line).map(|line| (line, None));
    }
    let method_end = line.iter().position(|&octet| !chars::is(octet, TOKEN)).unwrap_or(line.len());
    if method_end == 0 || line.get(method_end) != Some(&b' ') {
        return Err(Fault::NotSip);
    }
    let uri_start = method_end + 1;
    let uri_end = memchr::memrchr(b' ', line).filter(|&end| end > uri_start).ok_or(Fault::StartLine)?;
    let start = StartLine {
        method: Method::parse(&line[..method_end]),
        status: 0,
        method_end,
        text: (uri_start, uri_end),
    };
    let fault = judge_version(&line[uri_end + 1..]).or_else(|| judge_uri(&line[uri_start..uri_end]));
    Ok((start, fault))
}

fn read_status_line(line: &[u8]) -> Result<StartLine, Fault> {
    let version_end = memchr::memchr(b' ', line).ok_or(Fault::StartLine)?;
    if let Some(fault) = judge_version(&line[..version_end]) {
        return Err(fault);
    }
    let code_start = version_end + 1;
    let code_end = memchr::memchr(b' ', &line[code_start..]).map_or(line.len(), |at| code_start + at);
    let code = &line[code_start..code_end];
    let status = chars::decimal(code, 699).filter(|&status| code.len() == 3 && status >= 100);
    Ok(StartLine {
        method: Method::Other,
        status: status.ok_or(Fault::StatusCode)? as u16,
        method_end: 0,
        text: ((code_end + 1).min(line.len()), line.len()),
    })
}

fn judge_version(version: &[u8]) -> Option<Fault> {
    if version.eq_ignore_ascii_case(b"SIP/2.0") {
        return None;
    }
    let named = version.len() > 4 && version[..4].eq_ignore_ascii_case(b"SIP/");
    let numbers = named && version[4..].iter().all(|&octet| octet.is_ascii_digit() || octet == b'.');
    Some(if numbers { Fault::Version } else { Fault::StartLine })
}

fn judge_uri(uri: &[u8]) -> Option<Fault> {
    let cause = match std::str::from_utf8(uri) {
        Ok(text) => crate::uri::Uri::read(text).err()?,
        Err(_) => Cause::Utf8,
    };
    Some(Fault::Bad { part: Part::RequestUri, cause })
}
