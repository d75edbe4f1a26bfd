//! Bringing a description into the order of RFC 8866 §5 and giving it the lines it must have.

use std::net::{IpAddr, Ipv4Addr};

use super::connection::family_and_address;
use super::description::Sdp;
use super::section::{Line, Section, Text};

impl Sdp {
    /// Sorts lines into the order strict parsers insist on, keeps the order within one letter, and adds the
    /// lines every description must have. A description that is in order is not changed.
    pub(crate) fn put_in_order(&mut self) {
        self.add_missing(b'o', || {
            format!("- 0 0 IN {}", family_and_address(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
        });
        self.add_missing(b's', || "-".to_owned());
        self.add_missing(b't', || "0 0".to_owned());
        sort(&mut self.session, session_rank);
        for media in &mut self.media {
            sort(&mut media.section, media_rank);
        }
    }

    fn add_missing(&mut self, letter: u8, value: impl FnOnce() -> String) {
        if self.session.line(letter).is_none() {
            self.session.lines.push(Line { letter, value: Text::ours(value()) });
        }
    }
}

fn sort(section: &mut Section, rank: fn(u8) -> u8) {
    if !section.lines.is_sorted_by_key(|line| rank(line.letter)) {
        section.lines.sort_by_key(|line| rank(line.letter));
    }
}

/// Times, their repeats and zone adjustments form groups, so they share a rank.
fn session_rank(letter: u8) -> u8 {
    match letter {
        b'v' => 0,
        b'o' => 1,
        b's' => 2,
        b'i' => 3,
        b'u' => 4,
        b'e' => 5,
        b'p' => 6,
        b'c' => 7,
        b'b' => 8,
        b't' | b'r' | b'z' => 9,
        b'k' => 10,
        _ => 11,
    }
}

fn media_rank(letter: u8) -> u8 {
    match letter {
        b'i' => 0,
        b'c' => 1,
        b'b' => 2,
        b'k' => 3,
        _ => 4,
    }
}
