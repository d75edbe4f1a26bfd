//! Messages on a stream: two octets of length before each (RFC 1035 §4.2.2).

/// The octets of a query on a stream; both parts leave in one segment (RFC 7766 §8).
pub(crate) fn framed(query: &[u8]) -> Vec<u8> {
    let mut out = (query.len() as u16).to_be_bytes().to_vec();
    out.extend(query);
    out
}

/// The one reply that is read from a stream. Its length has two octets, which bounds what is kept.
#[derive(Debug, Default)]
pub struct StreamReply {
    octets: Vec<u8>,
}

impl StreamReply {
    /// Takes what arrived; gives the message once it is whole. Octets behind it are nobody's.
    pub fn handle_octets(&mut self, octets: &[u8]) -> Option<Vec<u8>> {
        self.octets.extend(octets.iter().take((2 + usize::from(u16::MAX)).saturating_sub(self.octets.len())));
        let (length, rest) = self.octets.split_first_chunk::<2>()?;
        rest.get(..usize::from(u16::from_be_bytes(*length))).map(<[u8]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_whatever_the_cuts() {
        let octets = framed(b"message");
        let mut reply = StreamReply::default();
        for octet in &octets[..octets.len() - 1] {
            assert_eq!(reply.handle_octets(&[*octet]), None);
        }
        assert_eq!(reply.handle_octets(b"e and more"), Some(b"message".to_vec()));
    }
}
