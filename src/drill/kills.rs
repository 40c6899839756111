//! When the server is killed in a round: a pure function of seed and round.

use std::time::Duration;

use crate::demo::random::Random;

/// What a kill hits. Each five rounds have each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hit {
    /// Right after the load began.
    FirstRequests,
    /// Some time under load.
    Load,
    /// While a snapshot is written.
    Snapshot,
    /// Under load, and again while it recovers.
    Recovery,
    /// Under load, and again while what had no answer is sent once more.
    Retries,
}

impl Hit {
    const ALL: [Self; 5] = [Self::FirstRequests, Self::Load, Self::Snapshot, Self::Recovery, Self::Retries];

    /// In words, for the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::FirstRequests => "first requests",
            Self::Load => "load",
            Self::Snapshot => "snapshot",
            Self::Recovery => "load, recovery",
            Self::Retries => "load, retries",
        }
    }
}

/// One round's kills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kills {
    pub(crate) hit: Hit,
    /// From the begin of the load to the first kill; for [`Hit::Snapshot`] the time after a snapshot was seen.
    pub(crate) first: Duration,
    /// The second kill: thousandths of the latest recovery's time, or of the retries' first moments.
    second: u32,
}

/// The kill of the first requests comes within this.
const FIRST_REQUESTS_MS: u64 = 40;
/// A snapshot of a small store takes some milliseconds.
const SNAPSHOT_MS: u64 = 4;
/// The kill of the retries comes within this.
const RETRIES: Duration = Duration::from_millis(15);

impl Kills {
    /// Those of a round whose load lasts about `span`.
    pub(crate) fn of(seed: u64, round: u32, span: Duration) -> Self {
        let mut random = Random::new(seed ^ (u64::from(round) << 32) ^ 0x6b69_6c6c);
        let hits = u64::try_from(Hit::ALL.len()).unwrap_or(1);
        let place = usize::try_from((seed % hits + u64::from(round)) % hits).unwrap_or(0);
        let hit = Hit::ALL[place];
        let span_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let first_us = match hit {
            Hit::FirstRequests => random.within(0, FIRST_REQUESTS_MS * 1_000),
            Hit::Snapshot => random.within(0, SNAPSHOT_MS * 1_000),
            Hit::Load | Hit::Recovery | Hit::Retries => random.within(span_us / 10, span_us),
        };
        let second = u32::try_from(random.within(0, 950)).unwrap_or(0);
        Self { hit, first: Duration::from_micros(first_us), second }
    }

    /// How long a recovery goes on before it is killed, when the one before took `latest`.
    pub(crate) fn in_recovery(&self, latest: Duration) -> Option<Duration> {
        (self.hit == Hit::Recovery).then(|| latest * self.second / 1_000)
    }

    /// How long the retries go on before the server is killed.
    pub(crate) fn in_retries(&self) -> Option<Duration> {
        (self.hit == Hit::Retries).then(|| RETRIES * self.second / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_five_rounds_hit_everything_and_the_seed_tells_them_again() {
        let span = Duration::from_secs(2);
        for seed in 0..20 {
            let kills: Vec<_> = (3..8).map(|round| Kills::of(seed, round, span)).collect();
            for hit in Hit::ALL {
                assert!(kills.iter().any(|kills| kills.hit == hit), "seed {seed}: {hit:?}");
            }
            assert!(kills.iter().all(|kills| kills.first <= span), "seed {seed}: {kills:?}");
            assert_eq!(kills, (3..8).map(|round| Kills::of(seed, round, span)).collect::<Vec<_>>());
        }
    }
}
