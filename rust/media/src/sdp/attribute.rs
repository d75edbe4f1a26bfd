/// One `a=` line: a property (`name`) or a value attribute (`name:value`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The part before the colon.
    pub name: &'a str,
    /// The part after the colon, if there is one.
    pub value: Option<&'a str>,
}

impl<'a> Attribute<'a> {
    /// Splits the text after `a=`; none if it is not UTF-8.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        Some(match text.split_once(':') {
            Some((name, value)) => Self { name, value: Some(value) },
            None => Self { name: text, value: None },
        })
    }

    /// For attributes that speak of one payload type (`rtpmap`, `fmtp`, `rtcp-fb`): the type and the rest.
    pub fn for_payload(&self) -> Option<(u8, &'a str)> {
        payload_and_rest(self.value?)
    }
}

/// Reads a value that begins with a payload type.
pub(crate) fn payload_and_rest(value: &str) -> Option<(u8, &str)> {
    let value = value.trim_start();
    let (payload, rest) = value.split_once(' ').unwrap_or((value, ""));
    Some((payload.parse().ok()?, rest.trim()))
}
