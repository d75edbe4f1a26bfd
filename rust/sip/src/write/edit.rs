//! Changes to a received message, kept as a list and applied once.

use bytes::Bytes;

use crate::chars::{self, TOKEN};
use crate::message::Message;
use crate::name::Name;

/// A copy of a message with some fields changed. Everything not touched keeps its octets and its place.
#[derive(Clone, Debug)]
pub struct Edit<'a> {
    message: &'a Message,
    start_line: Option<String>,
    top: Vec<u8>,
    removed: Vec<Name>,
    bottom: Vec<u8>,
    body: Option<Vec<u8>>,
    dropped: usize,
}

impl<'a> Edit<'a> {
    /// Begins without any change: [`Edit::finish`] then serialises the message, octets after the body left out and
    /// Content-Length made right.
    pub fn new(message: &'a Message) -> Self {
        Self {
            message,
            start_line: None,
            top: Vec::new(),
            removed: vec![Name::ContentLength],
            bottom: Vec::new(),
            body: None,
            dropped: 0,
        }
    }

    /// Replaces the Request-URI of a request.
    pub fn request_uri(mut self, uri: &str) -> Self {
        if self.message.is_request() && chars::all(uri.as_bytes(), chars::URI) {
            self.start_line = Some(format!("{} {uri} SIP/2.0\r\n", self.message.method_text()));
        } else {
            self.dropped += 1;
        }
        self
    }

    /// Puts a field before all others.
    pub fn prepend(mut self, name: Name, value: &[u8]) -> Self {
        let mut line = Vec::new();
        if self.admit(name.as_str(), value, &mut line) {
            line.append(&mut self.top);
            self.top = line;
        }
        self
    }

    /// Puts a field after all others.
    pub fn append(mut self, name: &str, value: &[u8]) -> Self {
        let mut line = std::mem::take(&mut self.bottom);
        self.admit(name, value, &mut line);
        self.bottom = line;
        self
    }

    /// Removes every field of that name.
    pub fn remove(mut self, name: Name) -> Self {
        if name != Name::Other {
            self.removed.push(name);
        }
        self
    }

    /// Removes every field of that name and appends one with this value.
    pub fn set(self, name: Name, value: &[u8]) -> Self {
        self.remove(name).append(name.as_str(), value)
    }

    /// Replaces the body and its type.
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Self {
        self.body = Some(body.to_vec());
        self.set(Name::ContentType, content_type.as_bytes())
    }

    /// How many changes were left out because they cannot stand in a message.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Applies the changes.
    pub fn finish(self) -> Bytes {
        let message = self.message;
        let body = self.body.as_deref().unwrap_or_else(|| message.body());
        let mut out = Vec::with_capacity(message.bytes().len() + self.top.len() + self.bottom.len() + 32);
        match &self.start_line {
            Some(line) => out.extend_from_slice(line.as_bytes()),
            None => out.extend_from_slice(message.start_line()),
        }
        out.extend_from_slice(&self.top);
        for field in message.fields().filter(|field| !self.removed.contains(&field.id)) {
            out.extend_from_slice(field.raw);
        }
        out.extend_from_slice(&self.bottom);
        out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        out.extend_from_slice(body);
        Bytes::from(out)
    }

    fn admit(&mut self, name: &str, value: &[u8], line: &mut Vec<u8>) -> bool {
        let clean = memchr::memchr3(b'\r', b'\n', 0, value).is_none();
        let allowed =
            chars::all(name.as_bytes(), TOKEN) && Name::parse(name.as_bytes()) != Name::ContentLength;
        if !clean || !allowed {
            self.dropped += 1;
            return false;
        }
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            line.extend_from_slice(part);
        }
        true
    }
}
