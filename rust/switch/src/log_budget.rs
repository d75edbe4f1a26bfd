//! How often a source may show in the log (`config.md` §0.1, refused{x}).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// A source shows once in this time with each event.
const PERIOD: Duration = Duration::from_secs(60);
/// Sources and events remembered; while the table is full of fresh ones, no new one is logged.
const MAX_SHOWN: usize = 1024;
/// Prefix of an IPv6 source that counts as one (§0.1 source key).
const SOURCE_MASK: u128 = !0 << 64;

/// Event and reason of a line.
pub(crate) type Occasion = (&'static str, &'static str);

/// Who was shown when.
#[derive(Debug, Default)]
pub(crate) struct LogBudget {
    shown: HashMap<(IpAddr, Occasion), Instant>,
    /// No search for old entries before then: a flood of sources must not cost a walk each.
    next_sweep_at: Option<Instant>,
}

impl LogBudget {
    /// Whether this line may be shown.
    pub(crate) fn take(&mut self, now: Instant, source: IpAddr, occasion: Occasion) -> bool {
        let key = (source_key(source), occasion);
        if let Some(shown_at) = self.shown.get_mut(&key) {
            let is_due = now.saturating_duration_since(*shown_at) >= PERIOD;
            if is_due {
                *shown_at = now;
            }
            return is_due;
        }
        if self.shown.len() >= MAX_SHOWN {
            self.sweep(now);
        }
        let has_room = self.shown.len() < MAX_SHOWN;
        if has_room {
            self.shown.insert(key, now);
        }
        has_room
    }

    fn sweep(&mut self, now: Instant) {
        if self.next_sweep_at.is_none_or(|at| at <= now) {
            self.shown.retain(|_, shown_at| now.saturating_duration_since(*shown_at) < PERIOD);
            self.next_sweep_at = Some(now + Duration::from_secs(1));
        }
    }
}

fn source_key(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & SOURCE_MASK).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "virtual time starts at some instant")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn each_source_and_event_shows_once_a_minute() {
        let (mut budget, now) = (LogBudget::default(), start());
        let source = "192.0.2.1".parse().unwrap();
        assert!(budget.take(now, source, ("a", "x")));
        assert!(!budget.take(now, "::ffff:192.0.2.1".parse().unwrap(), ("a", "x")));
        assert!(budget.take(now, source, ("b", "x")));
        assert!(budget.take(now, source, ("a", "y")));
        assert!(budget.take(now, "192.0.2.2".parse().unwrap(), ("a", "x")));
        assert!(!budget.take(now + Duration::from_secs(59), source, ("a", "x")));
        assert!(budget.take(now + Duration::from_secs(60), source, ("a", "x")));
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let (mut budget, now) = (LogBudget::default(), start());
        assert!(budget.take(now, "2001:db8::1".parse().unwrap(), ("a", "x")));
        assert!(!budget.take(now, "2001:db8::ffff:2".parse().unwrap(), ("a", "x")));
        assert!(budget.take(now, "2001:db8:0:1::1".parse().unwrap(), ("a", "x")));
    }

    #[test]
    fn a_flood_of_sources_fills_the_table_and_no_more() {
        let (mut budget, now) = (LogBudget::default(), start());
        let shown = (0..5000_u32).filter(|&n| budget.take(now, IpAddr::V4(n.into()), ("a", "x"))).count();
        assert_eq!((shown, budget.shown.len()), (MAX_SHOWN, MAX_SHOWN));
        assert!(budget.take(now + PERIOD, "198.51.100.1".parse().unwrap(), ("a", "x")));
    }
}
