//! Via (RFC 3261 §20.42, RFC 3581).

use std::net::IpAddr;

use super::params::Params;
use crate::chars::{self, TOKEN};
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
        let (protocol, rest) = split_token(text, '/')?;
        let (version, rest) = split_token(rest, '/')?;
        if !protocol.eq_ignore_ascii_case("SIP") {
            return Err(Cause::Protocol);
        }
        let rest = rest.trim_start_matches(LWS);
        let (transport, rest) = rest.split_once(LWS).ok_or(Cause::Protocol)?;
        if !chars::all(transport.as_bytes(), TOKEN) {
            return Err(Cause::Protocol);
        }
        let sent_by_end = memchr::memchr(b';', rest.as_bytes()).unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at(sent_by_end);
        let (host, port) = host::split_port(chars::trim_text(sent_by))?;
        host::check(host)?;
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

const LWS: [char; 4] = [' ', '\t', '\r', '\n'];

fn split_token(text: &str, separator: char) -> Result<(&str, &str), Cause> {
    let (token, rest) = text.split_once(separator).ok_or(Cause::Protocol)?;
    let token = chars::trim_text(token);
    if chars::all(token.as_bytes(), TOKEN) { Ok((token, rest)) } else { Err(Cause::Protocol) }
}
