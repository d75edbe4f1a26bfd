/// Who made a description and which version of it this is: the `o=` line (RFC 8866 §5.2).
///
/// Identifiers stay text: peers write numbers beyond 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// User name, `-` if there is none.
    pub username: &'a str,
    /// Session identifier.
    pub session_id: &'a str,
    /// Version; a higher one announces a changed description (RFC 3264 §8).
    pub version: &'a str,
    /// Address type, `IP4` or `IP6`.
    pub family: &'a str,
    /// Address of the maker.
    pub address: &'a str,
}

impl<'a> Origin<'a> {
    /// Reads the text after `o=`. The five last fields count, since some phones put blanks in the user name.
    pub(crate) fn parse(value: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?.trim();
        let mut fields = text.rsplitn(6, [' ', '\t']);
        let (address, family, _net) = (fields.next()?, fields.next()?, fields.next()?);
        let (version, session_id, username) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Self { username: username.trim(), session_id, version, family, address })
    }
}
