//! Via (RFC 3261 §20.42, RFC 3581).

use std::net::IpAddr;

use super::params::Params;
use crate::chars::{self, LWS, TOKEN};
use crate::fault::{Cause, Fault};
use crate::host;

/// One Via value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// Version of the protocol; `2.0` in any message that passed the parser.
    pub version: &'a str,
    /// Transport token as written: `UDP`, `TCP`, …
    pub transport: &'a str,
    /// Host of sent-by as written, brackets of IPv6 included.
    pub host: &'a str,
    /// Port of sent-by.
    pub port: Option<u16>,
    /// Parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one value. Any `SIP/` version is read; judging it is the message parser's work.
    ///
    /// # Errors
    /// [`Fault::Bad`] with the reason.
    pub fn parse(value: &'a [u8]) -> Result<Self, Fault> {
        Self::read(value).map_err(Fault::value)
    }

    pub(crate) fn read(value: &'a [u8]) -> Result<Self, Cause> {
        let text = std::str::from_utf8(value).map_err(|_| Cause::Utf8)?;
        let (protocol, rest) = split_token(text, b'/')?;
        let (version, rest) = split_token(rest, b'/')?;
        if !protocol.eq_ignore_ascii_case("SIP") {
            return Err(Cause::Protocol);
        }
        let rest = chars::trim_text_start(rest);
        let end = rest.bytes().position(|octet| !chars::is(octet, TOKEN)).ok_or(Cause::Protocol)?;
        let (transport, rest) = rest.split_at(end);
        if transport.is_empty() || !chars::is(rest.as_bytes()[0], LWS) {
            return Err(Cause::Protocol);
        }
        let sent_by_end = memchr::memchr(b';', rest.as_bytes()).unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at(sent_by_end);
        let (host, port) = host::split_port_spaced(sent_by)?;
        Ok(Self { version, transport, host, port, params: Params::parse(params)? })
    }

    /// Transaction identifier chosen by the sender.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.value("branch")
    }

    /// Address of sent-by, if it is one and not a name.
    pub fn ip(&self) -> Option<IpAddr> {
        host::ip(self.host)
    }

    /// Address an earlier hop saw the message come from; IPv6 with or without brackets (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        host::ip(self.params.value("received")?)
    }

    /// RFC 3581: absent, asked for, or filled in.
    pub fn rport(&self) -> Option<Option<u16>> {
        let value = self.params.get("rport")?;
        Some(value.and_then(|port| chars::decimal(port.as_bytes(), u16::MAX.into())).map(|port| port as u16))
    }

    /// Multicast address.
    pub fn maddr(&self) -> Option<&'a str> {
        self.params.value("maddr")
    }

    /// Multicast time to live.
    pub fn ttl(&self) -> Option<u8> {
        chars::decimal(self.params.value("ttl")?.as_bytes(), u8::MAX.into()).map(|ttl| ttl as u8)
    }
}

/// A token before a separator, and what follows that.
fn split_token(text: &str, separator: u8) -> Result<(&str, &str), Cause> {
    let at = text.bytes().position(|octet| octet == separator).ok_or(Cause::Protocol)?;
    let token = chars::trim_text(&text[..at]);
    if chars::all(token.as_bytes(), TOKEN) { Ok((token, &text[at + 1..])) } else { Err(Cause::Protocol) }
}
