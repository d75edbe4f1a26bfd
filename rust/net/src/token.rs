//! What a registration with epoll stands for.

/// Kind in the upper half, index in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A datagram socket of the switch.
    Udp(u32),
    /// A listening stream socket.
    Listener(u32),
    /// A connection, by its id.
    Stream(u32),
    /// The inbox of the thread.
    Inbox,
    /// What the other signalling threads pass on.
    Passed,
    /// Connections the HTTP server hands over.
    Handover,
    /// Events of one media worker.
    Worker(u32),
    /// A media socket, by its place.
    Media(u32),
    /// A socket towards a resolver, by its attempt.
    Dns(u32),
}

impl Token {
    pub(crate) fn encode(self) -> u64 {
        let (kind, index) = match self {
            Self::Udp(index) => (0, index),
            Self::Listener(index) => (1, index),
            Self::Stream(index) => (2, index),
            Self::Inbox => (3, 0),
            Self::Worker(index) => (4, index),
            Self::Media(index) => (5, index),
            Self::Handover => (6, 0),
            Self::Dns(index) => (7, index),
            Self::Passed => (8, 0),
        };
        (kind << 32) | u64::from(index)
    }

    pub(crate) fn decode(token: u64) -> Option<Self> {
        let index = token as u32;
        match token >> 32 {
            0 => Some(Self::Udp(index)),
            1 => Some(Self::Listener(index)),
            2 => Some(Self::Stream(index)),
            3 => Some(Self::Inbox),
            4 => Some(Self::Worker(index)),
            5 => Some(Self::Media(index)),
            6 => Some(Self::Handover),
            7 => Some(Self::Dns(index)),
            8 => Some(Self::Passed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_kernel() {
        for token in [
            Token::Udp(0),
            Token::Listener(3),
            Token::Stream(u32::MAX),
            Token::Inbox,
            Token::Passed,
            Token::Handover,
            Token::Worker(63),
            Token::Media(9),
            Token::Dns(7),
        ] {
            assert_eq!(Token::decode(token.encode()), Some(token));
        }
    }
}
