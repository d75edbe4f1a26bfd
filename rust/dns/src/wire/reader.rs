//! Reading octets that anybody may have written.

use crate::name::Name;

/// Jumps within one name. They lead backwards only, so they end anyway; this bounds the work for one name.
const MAX_JUMPS: usize = 32;
/// Octets of a name with its dots, generously.
const MAX_TEXT: usize = 255;

/// A name on the wire: of a host or service, the root, or one that is neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WireName {
    Known(Name),
    Root,
    Odd,
}

impl WireName {
    pub(super) fn known(self) -> Option<Name> {
        match self {
            Self::Known(name) => Some(name),
            Self::Root | Self::Odd => None,
        }
    }
}

/// A place in a message. Every method gives `None` at what is not there or not allowed.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let octets = self.message.get(self.at..end)?;
        self.at = end;
        Some(octets)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A length octet and as many others (RFC 1035 §3.3).
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(length.into())
    }

    /// A name, whose pointers may only lead backwards (RFC 1035 §4.1.4).
    pub(super) fn name(&mut self) -> Option<WireName> {
        let mut text = String::new();
        let mut is_odd = false;
        let mut reader = *self;
        let mut start = self.at;
        let mut jumps = 0;
        loop {
            let length = reader.u8()?;
            match length {
                0 => break,
                1..=63 => {
                    let label = reader.take(length.into())?;
                    is_odd |= label.contains(&b'.') || !label.is_ascii();
                    text.push_str(&String::from_utf8_lossy(label));
                    text.push('.');
                    if text.len() > MAX_TEXT * 3 {
                        return None;
                    }
                }
                0xc0.. => {
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, reader.u8()?]));
                    if jumps == 0 {
                        self.at = reader.at;
                    }
                    jumps += 1;
                    if target >= start || jumps > MAX_JUMPS {
                        return None;
                    }
                    start = target;
                    reader.at = target;
                }
                _ => return None,
            }
        }
        if jumps == 0 {
            self.at = reader.at;
        }
        Some(match text.as_str() {
            "" => WireName::Root,
            _ if is_odd => WireName::Odd,
            text => Name::parse(text).map_or(WireName::Odd, WireName::Known),
        })
    }
}
