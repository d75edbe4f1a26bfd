/// Which way media flows, seen from the side that wrote the description (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways; what a description without a direction means.
    #[default]
    SendRecv,
    /// The writer sends only.
    SendOnly,
    /// The writer receives only.
    RecvOnly,
    /// Neither way; RTCP goes on.
    Inactive,
}

impl Direction {
    /// All four, in the order of the RFC.
    pub const ALL: [Self; 4] = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];

    /// The direction with these two abilities.
    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Reads an attribute name; names are case-sensitive in SDP.
    pub fn parse(name: &str) -> Option<Self> {
        Self::of(name.as_bytes())
    }

    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.as_str().as_bytes() == name)
    }

    /// The attribute name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// Whether the writer put the other side on hold (RFC 3264 §8.4).
    pub fn is_hold(self) -> bool {
        matches!(self, Self::SendOnly | Self::Inactive)
    }

    /// The same flow seen from the other side.
    pub fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// The flow both descriptions allow, seen from the writer of `self`.
    pub fn limited_by(self, other: Self) -> Self {
        Self::new(self.sends() && other.receives(), self.receives() && other.sends())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reversing_twice_changes_nothing_and_names_round_trip() {
        for direction in Direction::ALL {
            assert_eq!(direction.reversed().reversed(), direction);
            assert_eq!(Direction::parse(direction.as_str()), Some(direction));
        }
        assert_eq!(Direction::parse("SendRecv"), None);
    }

    #[test]
    fn a_flow_needs_a_sender_and_a_receiver() {
        assert_eq!(Direction::SendRecv.limited_by(Direction::SendOnly), Direction::RecvOnly);
        assert_eq!(Direction::SendOnly.limited_by(Direction::SendOnly), Direction::Inactive);
        assert_eq!(Direction::SendOnly.limited_by(Direction::RecvOnly), Direction::SendOnly);
    }
}
