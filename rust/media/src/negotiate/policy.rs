use super::codec::AudioCodec;

/// What may pass between two legs.
#[derive(Clone, Copy, Debug)]
pub struct CodecPolicy<'a> {
    /// Encodings allowed on the leg that offers.
    pub offerer: &'a [AudioCodec],
    /// Encodings allowed on the leg that is offered to, best first.
    pub answerer: &'a [AudioCodec],
    /// Whether the legs are of the same kind (both plain, or both WebRTC), so that lines other than audio and
    /// video can pass.
    pub same_kind: bool,
}

impl CodecPolicy<'_> {
    /// The policy for an offer in the other direction.
    pub fn reversed(self) -> Self {
        Self { offerer: self.answerer, answerer: self.offerer, ..self }
    }
}
