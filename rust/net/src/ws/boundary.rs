//! Where frames and messages end (RFC 6455 §5.2). The library knows and does not tell.

/// The longest header: two octets, a length of eight, a mask of four.
const MAX_HEADER: usize = 14;
const CONTROL: u8 = 0x08;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// Follows the octets of a peer.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    header: [u8; MAX_HEADER],
    /// Octets of the header that have come.
    filled: usize,
    /// Octets of the payload that have not.
    left: u64,
    /// A message has begun whose last fragment has not (§5.4).
    in_fragments: bool,
}

impl Boundary {
    /// Nothing has begun that has not ended.
    pub(super) fn is_at_end(&self) -> bool {
        self.filled == 0 && self.left == 0 && !self.in_fragments
    }

    /// Goes over octets that have come.
    pub(super) fn pass(&mut self, mut octets: &[u8]) {
        loop {
            let skipped = octets.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            octets = &octets[skipped..];
            self.left -= skipped as u64;
            let Some((&octet, rest)) = octets.split_first() else { return };
            octets = rest;
            self.header[self.filled] = octet;
            self.filled += 1;
            if self.filled == self.header_length() {
                self.begin_payload();
            }
        }
    }

    /// As far as the octets that have come tell.
    fn header_length(&self) -> usize {
        if self.filled < 2 {
            return 2;
        }
        let length = match self.header[1] & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + length + if self.header[1] & MASKED == 0 { 0 } else { 4 }
    }

    fn begin_payload(&mut self) {
        let [first, second, long @ ..] = self.header;
        self.left = match second & !MASKED {
            126 => u64::from(u16::from_be_bytes([long[0], long[1]])),
            127 => long[..8].iter().fold(0, |length, &octet| length << 8 | u64::from(octet)),
            short => u64::from(short),
        };
        // Control frames come between fragments too.
        if first & CONTROL == 0 {
            self.in_fragments = first & FINAL == 0;
        }
        self.filled = 0;
    }
}
