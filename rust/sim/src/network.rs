//! The network between phones and switch: datagrams are lost, doubled, late and out of order, all from one seed.

use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// How bad the network is. Probabilities are 0.0–1.0 and hold for each datagram and direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Datagrams that never arrive.
    pub loss: f64,
    /// Datagrams that arrive twice.
    pub duplication: f64,
    /// Datagrams held back so that later ones overtake them.
    pub reorder: f64,
    /// Responses of which a copy turns up again, up to 40 s later.
    pub late: f64,
    /// Shortest time under way.
    pub min_delay: Duration,
    /// Longest time under way, unless held back.
    pub max_delay: Duration,
}

impl Network {
    /// Everything arrives, once, in order, after a millisecond.
    pub const PERFECT: Self = Self {
        loss: 0.0,
        duplication: 0.0,
        reorder: 0.0,
        late: 0.0,
        min_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(1),
    };

    /// A perfect network but for its loss.
    pub fn lossy(loss: f64) -> Self {
        Self { loss, max_delay: Duration::from_millis(20), ..Self::PERFECT }
    }
}

/// Longest time after which a response turns up again.
const MAX_LATE: Duration = Duration::from_secs(40);

/// When the copies of a datagram arrive; none was lost, two were doubled.
pub(crate) type Arrivals = [Option<Instant>; 2];

/// The network in use, with its source of chance.
pub(crate) struct Wire {
    pub(crate) network: Network,
    chance: ChaCha8Rng,
}

impl Wire {
    pub(crate) fn new(network: Network, seed: u64) -> Self {
        Self { network, chance: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Decides the fate of one datagram sent `now`.
    pub(crate) fn carry(&mut self, now: Instant) -> Arrivals {
        if self.happens(self.network.loss) {
            return [None, None];
        }
        let first = now + self.delay();
        let second = self.happens(self.network.duplication).then(|| now + self.delay());
        [Some(first), second]
    }

    /// Time under way on a stream, where nothing is lost or overtaken.
    pub(crate) fn lag(&mut self) -> Duration {
        let Network { min_delay, max_delay, .. } = self.network;
        min_delay + max_delay.saturating_sub(min_delay).mul_f64(self.fraction())
    }

    /// When a response turns up again, if it does.
    pub(crate) fn haunt(&mut self, now: Instant) -> Option<Instant> {
        self.happens(self.network.late).then(|| now + MAX_LATE.mul_f64(self.fraction()))
    }

    fn delay(&mut self) -> Duration {
        let Network { min_delay, max_delay, reorder, .. } = self.network;
        let held_back = if self.happens(reorder) { 4 } else { 1 };
        let spread = max_delay.saturating_sub(min_delay) * held_back;
        min_delay + spread.mul_f64(self.fraction())
    }

    fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.fraction() < probability
    }

    fn fraction(&mut self) -> f64 {
        f64::from(self.chance.next_u32()) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(network: Network) -> Vec<usize> {
        let mut wire = Wire::new(network, 3);
        let now = Instant::now();
        (0..10_000).map(|_| wire.carry(now).iter().flatten().count()).collect()
    }

    #[test]
    fn loss_and_duplication_come_at_their_rates() {
        let fates = copies(Network { loss: 0.3, duplication: 0.1, ..Network::PERFECT });
        let lost = fates.iter().filter(|&&copies| copies == 0).count();
        let doubled = fates.iter().filter(|&&copies| copies == 2).count();
        assert!((2_800..3_200).contains(&lost), "{lost}");
        assert!((600..800).contains(&doubled), "{doubled}");
    }

    #[test]
    fn perfect_network_delivers_everything_once_after_its_delay() {
        let mut wire = Wire::new(Network::PERFECT, 3);
        let now = Instant::now();
        assert_eq!(wire.carry(now), [Some(now + Duration::from_millis(1)), None]);
    }

    #[test]
    fn reordering_lets_later_datagrams_overtake() {
        let network = Network { reorder: 0.2, max_delay: Duration::from_millis(50), ..Network::PERFECT };
        let mut wire = Wire::new(network, 3);
        let start = Instant::now();
        let sent = (0..1_000).map(|index| start + Duration::from_millis(10 * index));
        let arrivals: Vec<_> = sent.filter_map(|at| wire.carry(at)[0]).collect();
        assert!(arrivals.windows(2).any(|pair| pair[1] < pair[0]));
    }
}
