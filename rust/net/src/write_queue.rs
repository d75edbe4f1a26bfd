//! What a stream peer has not taken yet.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};

use bytes::{Buf, Bytes};

/// Messages in order, the first perhaps partly written.
#[derive(Debug, Default)]
pub(crate) struct WriteQueue {
    messages: VecDeque<Bytes>,
    octets: usize,
}

impl WriteQueue {
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.octets += bytes.len();
            self.messages.push_back(bytes);
        }
    }

    pub(crate) fn extend(&mut self, bytes: Option<Bytes>) {
        if let Some(bytes) = bytes {
            self.push(bytes);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let first = self.messages.pop_front()?;
        self.octets -= first.len();
        Some(first)
    }

    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Writes until everything is out or the peer takes no more.
    pub(crate) fn flush(&mut self, peer: &mut impl Write) -> io::Result<()> {
        while let Some(first) = self.messages.front_mut() {
            match peer.write(first) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    first.advance(written);
                    self.octets -= written;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if first.is_empty() {
                self.messages.pop_front();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few octets, then none until asked again.
    struct Slow {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Slow {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            let len = buf.len().min(self.room);
            if len == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= len;
            self.taken.extend_from_slice(&buf[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn partial_writes_lose_and_repeat_nothing() {
        let mut queue = WriteQueue::default();
        queue.push(Bytes::from_static(b"INVITE"));
        queue.push(Bytes::from_static(b"BYE"));
        let mut peer = Slow { taken: Vec::new(), room: 0 };
        for _ in 0..9 {
            peer.room = 1;
            queue.flush(&mut peer).unwrap();
        }
        assert_eq!(peer.taken, b"INVITEBYE");
        assert!(queue.is_empty());
        assert_eq!(queue.octets(), 0);
    }
}
