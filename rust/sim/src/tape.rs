//! What went over the network, kept when a run is to be looked at.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use pbx_sip::{Bytes, Limits, Message};

/// One datagram as it was sent.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Time since the start of the run.
    pub at: Duration,
    /// Sender.
    pub from: SocketAddr,
    /// Addressee.
    pub to: SocketAddr,
    /// How many copies arrive: 0 lost, 2 doubled.
    pub copies: usize,
    /// The datagram.
    pub bytes: Bytes,
}

impl Sighting {
    /// The datagram as a message, if it is one.
    pub fn message(&self) -> Option<Message> {
        Message::parse(self.bytes.clone(), &Limits::default()).ok()
    }

    fn first_line(&self) -> String {
        let end = self.bytes.iter().position(|&octet| octet == b'\r').unwrap_or(self.bytes.len());
        String::from_utf8_lossy(&self.bytes[..end]).into_owned()
    }

    fn write(&self, ladder: &mut String) {
        let fate = match self.copies {
            0 => "-x ",
            1 => "-> ",
            _ => "=> ",
        };
        let line = self.first_line();
        let message = self.message();
        let call = message.as_ref().map_or("", |message| message.call_id());
        let short = &call[..call.len().min(8)];
        let cseq = message.as_ref().and_then(|message| message.text(pbx_sip::Name::CSeq)).unwrap_or("");
        let tag = message.as_ref().and_then(Message::to_tag).unwrap_or("");
        let tag = tag.get(..6).unwrap_or(tag);
        let _ = writeln!(
            ladder,
            "{:>9.3} {:>20} {fate}{:<20} {line:<48} {short:<8} {cseq:<10} {tag}",
            self.at.as_secs_f64(),
            self.from.to_string(),
            self.to.to_string(),
        );
    }
}

/// The record of a run; empty unless asked for.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    is_on: bool,
    sightings: Vec<Sighting>,
}

impl Tape {
    pub(crate) fn new(is_on: bool) -> Self {
        Self { is_on, sightings: Vec::new() }
    }

    pub(crate) fn record(&mut self, sighting: impl FnOnce() -> Sighting) {
        if self.is_on {
            self.sightings.push(sighting());
        }
    }

    /// Everything that was sent, in order.
    pub fn sightings(&self) -> &[Sighting] {
        &self.sightings
    }

    /// The message ladder: time, sender, fate, addressee, first line, beginning of the Call-ID, CSeq, beginning of
    /// the To tag.
    /// `-x` was lost, `=>` doubled.
    pub fn ladder(&self) -> String {
        let mut ladder = String::new();
        for sighting in &self.sightings {
            sighting.write(&mut ladder);
        }
        ladder
    }
}
