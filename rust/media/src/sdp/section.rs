use bytes::Bytes;

use super::attribute::Attribute;
use super::direction::Direction;

/// The lines of one part of a description: the session part, or what follows one `m=` line.
///
/// Values point into the received body until they are edited, so an untouched line is written back as it came.
#[derive(Clone)]
pub struct Section {
    pub(crate) source: Bytes,
    pub(crate) lines: Vec<Line>,
}

/// One `letter=value` line.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) letter: u8,
    pub(crate) value: Text,
}

/// Octets of the received body, or octets of ours.
#[derive(Clone)]
pub(crate) enum Text {
    Received { start: u32, end: u32 },
    Ours(Box<[u8]>),
}

impl Text {
    pub(crate) fn ours(text: impl Into<String>) -> Self {
        Self::Ours(text.into().into_bytes().into_boxed_slice())
    }

    pub(crate) fn read<'a>(&'a self, source: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Received { start, end } => source.get(*start as usize..*end as usize).unwrap_or_default(),
            Self::Ours(octets) => octets,
        }
    }

    pub(crate) fn read_str<'a>(&'a self, source: &'a [u8]) -> &'a str {
        std::str::from_utf8(self.read(source)).unwrap_or_default()
    }
}

impl Section {
    pub(crate) fn new(source: Bytes) -> Self {
        Self { source, lines: Vec::new() }
    }

    /// Every line as letter and value, in order.
    pub fn lines(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.lines.iter().map(|line| (line.letter, line.value.read(&self.source)))
    }

    /// The first line with this letter.
    pub fn line(&self, letter: u8) -> Option<&[u8]> {
        self.lines.iter().find(|line| line.letter == letter).map(|line| line.value.read(&self.source))
    }

    /// Every `a=` line that is UTF-8, in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        self.lines().filter(|(letter, _)| *letter == b'a').filter_map(|(_, value)| Attribute::parse(value))
    }

    /// Values of the attributes of this name, in order; an empty text for one without a value.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        // The name is compared before the line is known to be text: most lines are somebody else's.
        let named = self.lines.iter().filter(move |line| line.is_attribute(&self.source, name));
        let value = move |line: &'a Line| line.value.read(&self.source).get(name.len()..);
        named.filter_map(value).filter_map(|rest| std::str::from_utf8(rest.get(1..).unwrap_or_default()).ok())
    }

    /// Value of the first attribute of this name; an empty text for one without a value.
    pub fn attribute<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// Whether there is an attribute of this name.
    pub fn has_attribute(&self, name: &str) -> bool {
        self.lines.iter().any(|line| line.is_attribute(&self.source, name))
    }

    /// The first direction attribute.
    pub(crate) fn find_direction(&self) -> Option<Direction> {
        self.lines().filter(|(letter, _)| *letter == b'a').find_map(|(_, value)| Direction::of(value))
    }

    /// Puts `value` into the first line with this letter and removes the others; adds it at its place if new.
    pub(crate) fn set_line(&mut self, letter: u8, value: String) {
        let mut value = Some(Text::ours(value));
        self.lines.retain_mut(|line| {
            if line.letter != letter {
                return true;
            }
            value.take().map(|value| line.value = value).is_some()
        });
        if let Some(value) = value {
            self.lines.push(Line { letter, value });
        }
    }

    /// Adds an attribute at the end.
    pub(crate) fn push_attribute(&mut self, text: impl Into<String>) {
        self.lines.push(Line { letter: b'a', value: Text::ours(text) });
    }

    /// Removes every line with this letter.
    pub(crate) fn remove_lines(&mut self, letter: u8) {
        self.lines.retain(|line| line.letter != letter);
    }

    /// Keeps the attributes for which `keep` holds; lines of other letters stay.
    pub(crate) fn retain_attributes(&mut self, mut keep: impl FnMut(&Attribute<'_>) -> bool) {
        let Self { source, lines } = self;
        lines.retain(|line| {
            line.letter != b'a'
                || Attribute::parse(line.value.read(source)).is_none_or(|attribute| keep(&attribute))
        });
    }
}

impl Line {
    fn is_attribute(&self, source: &[u8], name: &str) -> bool {
        let matches = |value: &[u8]| match value.strip_prefix(name.as_bytes()) {
            Some(rest) => rest.first().is_none_or(|octet| *octet == b':'),
            None => false,
        };
        self.letter == b'a' && matches(self.value.read(source))
    }
}
