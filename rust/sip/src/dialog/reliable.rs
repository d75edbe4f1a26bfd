//! A reliable provisional response until its PRACK comes (RFC 3262 §3).

use std::time::{Duration, Instant};

use super::RepeatVerdict;
use crate::transaction::TransactionSettings;
use crate::{Message, Method, Name};

/// When to send a reliable provisional response of ours again.
///
/// The PRACK ends it; the owner then drops this value.
#[derive(Clone, Copy, Debug)]
pub struct Reliable1xx {
    repeat_at: Instant,
    gives_up_at: Instant,
    interval: Duration,
}

impl Reliable1xx {
    /// The response was sent at `now`.
    pub fn new(now: Instant, settings: TransactionSettings) -> Self {
        Self { repeat_at: now + settings.t1, gives_up_at: now + settings.t1x64, interval: settings.t1 }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn next_at(&self) -> Instant {
        self.repeat_at.min(self.gives_up_at)
    }

    /// The interval starts at T1 and doubles without T2 as its bound.
    pub fn handle_timeout(&mut self, now: Instant) -> RepeatVerdict {
        if self.gives_up_at <= now {
            return RepeatVerdict::GiveUp;
        }
        if self.repeat_at > now {
            return RepeatVerdict::Wait;
        }
        self.interval *= 2;
        self.repeat_at = now + self.interval;
        RepeatVerdict::Repeat
    }
}

/// Number of a provisional response that asks for a PRACK; `None` for one that does not (RFC 3262 §4).
pub fn rseq(response: &Message) -> Option<u32> {
    let is_reliable = response.has_token(Name::Require, "100rel") && response.status() > 100;
    response.number(Name::RSeq).filter(|&number| number > 0 && is_reliable)
}

/// RSeq and CSeq numbers of the response to an INVITE that a PRACK is for; `None` if malformed or for another
/// method (RFC 3262 §7.2).
pub fn rack(prack: &Message) -> Option<(u32, u32)> {
    let mut parts = prack.text(Name::RAck)?.split_ascii_whitespace();
    let numbers = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let is_invite = parts.next()? == Method::Invite.as_str() && parts.next().is_none();
    is_invite.then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtual_time::epoch;
    use crate::{Bytes, Limits};

    fn message(text: &str) -> Message {
        let head = "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: c\r\n";
        let text = text.replacen("\r\n", &format!("\r\n{head}"), 1);
        Message::parse(Bytes::from(text), &Limits::default()).unwrap()
    }

    #[test]
    fn a_reliable_1xx_is_repeated_from_t1_doubling_for_64_t1() {
        let base = epoch();
        let mut reliable = Reliable1xx::new(base, TransactionSettings::default());
        let mut sent = Vec::new();
        let end = loop {
            let now = reliable.next_at();
            match reliable.handle_timeout(now) {
                RepeatVerdict::Repeat => sent.push((now - base).as_millis()),
                RepeatVerdict::GiveUp => break (now - base).as_millis(),
                RepeatVerdict::Wait => panic!("nothing due"),
            }
        };
        assert_eq!(sent, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
        assert_eq!(end, 32_000);
    }

    #[test]
    fn only_a_response_that_requires_100rel_and_has_a_number_is_reliable() {
        let of = |more: &str| rseq(&message(&format!("SIP/2.0 183 P\r\nCSeq: 1 INVITE\r\n{more}\r\n")));
        assert_eq!(of("Require: 100rel\r\nRSeq: 7\r\n"), Some(7));
        assert_eq!(of("Require: 100rel\r\nRSeq: 0\r\n"), None);
        assert_eq!(of("RSeq: 7\r\n"), None);
        assert_eq!(of("Require: 100rel\r\n"), None);
    }

    #[test]
    fn a_rack_names_the_response_and_its_invite() {
        let of = |rack_text: &str| {
            rack(&message(&format!("PRACK sip:b@h SIP/2.0\r\nCSeq: 2 PRACK\r\nRAck: {rack_text}\r\n\r\n")))
        };
        assert_eq!(of("7 1 INVITE"), Some((7, 1)));
        assert_eq!(of("7  1\tINVITE"), Some((7, 1)));
        for bad in ["7 1 UPDATE", "7 1", "x 1 INVITE", "7 1 INVITE x"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
