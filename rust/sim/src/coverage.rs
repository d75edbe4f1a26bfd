//! How often what is to be proven happened at all: a rule about a feature that no run uses says nothing.

use std::fmt;

/// Something a run may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// A phone sent REFER.
    ReferSent,
    /// It was accepted.
    ReferAccepted,
    /// It was refused.
    ReferRefused,
    /// A phone was asked by REFER, and followed it.
    ReferFollowed,
    /// A phone was asked by REFER, and declined.
    ReferDeclined,
    /// A final NOTIFY told of success.
    TransferTold,
    /// A final NOTIFY told of failure.
    TransferFailureTold,
    /// The switch transferred a party to somebody new.
    BlindDone,
    /// It could not.
    BlindFailed,
    /// The switch joined the far ends of two calls.
    AttendedDone,
    /// It could not.
    AttendedFailed,
    /// A phone took another one's place by INVITE with Replaces.
    ReplacesDone,
    /// It could not.
    ReplacesFailed,
    /// A name server was asked.
    NameAsked,
    /// A server of a name was left for the next.
    NextServer,
    /// A call to a name was answered.
    NameAnswered,
    /// A phone refreshed a session by re-INVITE.
    PhoneRefreshedByInvite,
    /// A phone refreshed a session by UPDATE.
    PhoneRefreshedByUpdate,
    /// A phone ended a session nobody refreshed.
    PhoneExpired,
    /// A phone found an interval too small (422).
    IntervalRefused,
    /// The switch refreshed a session.
    SwitchRefreshed,
    /// The switch ended a session nobody refreshed.
    SwitchExpired,
    /// A provisional response was acknowledged.
    Acknowledged,
    /// An offer by UPDATE before the answer was answered.
    EarlyUpdated,
    /// The same was refused, as when both ends make one.
    EarlyUpdateRefused,
    /// An offer by UPDATE in a call was answered.
    Updated,
    /// A party was put on hold.
    Held,
    /// A re-INVITE met another one (491).
    Glare,
    /// A phone answered for several devices behind it.
    Forked,
}

impl Feature {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 29] = [
        Self::ReferSent,
        Self::ReferAccepted,
        Self::ReferRefused,
        Self::ReferFollowed,
        Self::ReferDeclined,
        Self::TransferTold,
        Self::TransferFailureTold,
        Self::BlindDone,
        Self::BlindFailed,
        Self::AttendedDone,
        Self::AttendedFailed,
        Self::ReplacesDone,
        Self::ReplacesFailed,
        Self::NameAsked,
        Self::NextServer,
        Self::NameAnswered,
        Self::PhoneRefreshedByInvite,
        Self::PhoneRefreshedByUpdate,
        Self::PhoneExpired,
        Self::IntervalRefused,
        Self::SwitchRefreshed,
        Self::SwitchExpired,
        Self::Acknowledged,
        Self::EarlyUpdated,
        Self::EarlyUpdateRefused,
        Self::Updated,
        Self::Held,
        Self::Glare,
        Self::Forked,
    ];

    /// The feature a counter of the switch tells of.
    fn of_counter(name: &str) -> Option<Self> {
        Some(match name {
            "transfers_total{blind,ok}" => Self::BlindDone,
            "transfers_total{blind,failed}" => Self::BlindFailed,
            "transfers_total{attended,ok}" => Self::AttendedDone,
            "transfers_total{attended,failed}" => Self::AttendedFailed,
            "transfers_total{replaces,ok}" => Self::ReplacesDone,
            "transfers_total{replaces,failed}" => Self::ReplacesFailed,
            "session_refresh_total{invite,ok}" | "session_refresh_total{update,ok}" => Self::SwitchRefreshed,
            "calls_total{session_expired}" => Self::SwitchExpired,
            _ => return None,
        })
    }
}

/// How often each feature was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage([u64; Feature::ALL.len()]);

impl Coverage {
    /// Counts one use.
    pub(crate) fn count(&mut self, feature: Feature) {
        self.0[feature as usize] += 1;
    }

    /// Takes over what the switch counted.
    pub(crate) fn heed(&mut self, counters: &[(String, u64)]) {
        for (name, total) in counters {
            if let Some(feature) = Feature::of_counter(name) {
                self.0[feature as usize] += total;
            }
        }
    }

    /// How often a feature was used.
    pub fn of(&self, feature: Feature) -> u64 {
        self.0[feature as usize]
    }

    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }

    /// What never happened.
    pub fn missing(&self) -> Vec<Feature> {
        Feature::ALL.into_iter().filter(|&feature| self.of(feature) == 0).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, feature) in Feature::ALL.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{feature:?} {}", self.of(feature))?;
        }
        Ok(())
    }
}
