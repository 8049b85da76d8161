//! The load model: the load of each key, and how operations and time change it.

use std::collections::BTreeMap;
use std::time::Duration;

use emberkeep_core::load::Load;
use emberkeep_core::time::Timestamp;

use super::scenario_op::ScenarioOp;
use super::setup::ScenarioKeys;
use crate::random_stream::RandomStream;
use crate::workload::zipf;

/// The keys with their initial load, and the modifiers in effect.
#[derive(Debug)]
pub(super) struct LoadModel {
    /// Positions and initial rates, by rank from 1.
    keys: Vec<(u64, Load)>,
    random: RandomStream,
    now: LoadModifiers,
}

/// The modifiers of the load. Shares and factors in thousandths.
#[derive(Debug, Clone)]
struct LoadModifiers {
    scale: u64,
    wave: Option<Wave>,
    /// The share of each hot key, by rank.
    hot_keys: BTreeMap<u64, u64>,
    hot_range: Option<HotRange>,
    crowds: Vec<Crowd>,
}

#[derive(Debug, Clone, Copy)]
struct Wave {
    by: u64,
    period: Duration,
    began: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct HotRange {
    from: u64,
    to: u64,
    share: u64,
}

#[derive(Debug, Clone)]
struct Crowd {
    /// The affected keys, by index in `LoadModel::keys`.
    keys: Vec<usize>,
    share: u64,
    fades_over: Option<Duration>,
    began: Timestamp,
}

/// The random stream of key positions; clusters use streams with small numbers.
const STREAM: u64 = u64::MAX;

impl LoadModel {
    pub(super) fn new(keys: ScenarioKeys, total: Load, seed: u64) -> Self {
        let mut random = RandomStream::new(seed, STREAM);
        let rates = zipf(total, keys.count, keys.exponent);
        Self {
            keys: rates.into_iter().map(|rate| (random.next(), rate)).collect(),
            random,
            now: LoadModifiers::none(),
        }
    }

    /// The position of the key of that rank, or of the last key if the rank is higher.
    pub(super) fn position_of(&self, rank: u64) -> u64 {
        self.keys[self.place_of(rank)].0
    }

    /// Applies an operation on the load; returns `false` for an operation that does not concern the load.
    pub(super) fn apply(&mut self, op: &ScenarioOp, now: Timestamp) -> bool {
        match *op {
            ScenarioOp::HotKey { key, share } => {
                self.now.hot_keys.insert(key, share);
            }
            ScenarioOp::Crowd {
                key_count,
                share,
                fades_over,
            } => {
                let count = self.keys.len() as u64;
                let keys = (0..key_count).map(|_| self.random.below(count) as usize).collect();
                self.now.crowds.push(Crowd {
                    keys,
                    share,
                    fades_over,
                    began: now,
                });
            }
            ScenarioOp::HotRange { from, to, share } => self.now.hot_range = Some(HotRange { from, to, share }),
            ScenarioOp::MoveRange { by } => {
                if let Some(range) = &mut self.now.hot_range {
                    let width = range.to - range.from;
                    range.from = (range.from + by) % 1_000;
                    range.to = range.from + width;
                }
            }
            ScenarioOp::Scale { to } => self.now.scale = to,
            ScenarioOp::Wave { by, period } => self.now.wave = Some(Wave { by, period, began: now }),
            ScenarioOp::Calm => self.now = LoadModifiers::none(),
            ScenarioOp::Inject { .. }
            | ScenarioOp::Add { .. }
            | ScenarioOp::ReplaceNext
            | ScenarioOp::RestartNext
            | ScenarioOp::ChangeLeader
            | ScenarioOp::Freeze(_)
            | ScenarioOp::Set(_) => return false,
        }
        true
    }

    /// Whether the load changes over time without further operations.
    pub(super) fn is_time_dependent(&self) -> bool {
        self.now.wave.is_some() || self.now.crowds.iter().any(|crowd| crowd.fades_over.is_some())
    }

    /// The rate of every key, by its position.
    pub(super) fn rates_at(&mut self, now: Timestamp) -> Vec<(u64, Load)> {
        self.now.crowds.retain(|crowd| crowd.share_at(now) > 0);
        let scale = u128::from(self.now.scale_at(now));
        let scaled = |rate: Load| Load::from_milli((u128::from(rate.milli()) * scale / 1_000_000) as u64);
        let mut rates: Vec<(u64, Load)> = self.keys.iter().map(|(at, rate)| (*at, scaled(*rate))).collect();
        let total: Load = rates.iter().map(|(_, rate)| *rate).sum();
        for (rank, share) in &self.now.hot_keys {
            rates[self.place_of(*rank)].1 += on_top(total, *share);
        }
        for crowd in &self.now.crowds {
            let each = part_of(total, crowd.share_at(now)).share(1, crowd.keys.len() as u128);
            crowd.keys.iter().for_each(|index| rates[*index].1 += each);
        }
        if let Some(range) = self.now.hot_range {
            range.heat(&mut rates, total);
        }
        rates
    }

    fn place_of(&self, rank: u64) -> usize {
        (rank.max(1) as usize).min(self.keys.len()) - 1
    }
}

impl LoadModifiers {
    const fn none() -> Self {
        Self {
            scale: 1_000,
            wave: None,
            hot_keys: BTreeMap::new(),
            hot_range: None,
            crowds: Vec::new(),
        }
    }

    /// The factor on the initial load, in millionths.
    fn scale_at(&self, now: Timestamp) -> u64 {
        self.scale * self.wave.map_or(1_000, |wave| wave.scale_at(now))
    }
}

impl Wave {
    /// A triangle wave: up to the crest, down to the trough, back to the mean; in thousandths.
    fn scale_at(&self, now: Timestamp) -> u64 {
        let period = self.period.as_micros().max(4);
        let phase = now.since(self.began).as_micros() % period;
        let quarter = period / 4;
        let part = |micros: u128| (u128::from(self.by) * micros.min(quarter) / quarter) as u64;
        match phase / quarter {
            0 => 1_000 + part(phase),
            1 => 1_000 + part(2 * quarter - phase),
            2 => 1_000 - part(phase - 2 * quarter),
            _ => 1_000 - part((4 * quarter).saturating_sub(phase)),
        }
    }
}

impl Crowd {
    fn share_at(&self, now: Timestamp) -> u64 {
        let Some(fades_over) = self.fades_over else {
            return self.share;
        };
        let left = fades_over.saturating_sub(now.since(self.began)).as_micros();
        (u128::from(self.share) * left / fades_over.as_micros().max(1)) as u64
    }
}

impl HotRange {
    /// Adds load to the keys in the range, evenly, until they have the share.
    fn heat(self, rates: &mut [(u64, Load)], total: Load) {
        let is_hot = |position: u64| {
            let thousandth = (u128::from(position) * 1_000) >> 64;
            let beyond = thousandth + 1_000;
            let range = u128::from(self.from)..u128::from(self.to);
            range.contains(&thousandth) || range.contains(&beyond)
        };
        let hot_count = rates.iter().filter(|(position, _)| is_hot(*position)).count();
        let each = on_top(total, self.share).share(1, hot_count.max(1) as u128);
        let hot = rates.iter_mut().filter(|(position, _)| is_hot(*position));
        hot.for_each(|(_, rate)| *rate += each);
    }
}

/// The load that, added to `rest`, makes up `share` thousandths of the sum.
fn on_top(rest: Load, share: u64) -> Load {
    let of_rest = u128::from(rest.milli()) * u128::from(share) / u128::from((1_000 - share).max(1));
    Load::from_milli(of_rest as u64)
}

fn part_of(load: Load, thousandths: u64) -> Load {
    Load::from_milli((u128::from(load.milli()) * u128::from(thousandths) / 1_000) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000 * seconds)
    }

    /// The total load in units that many seconds after each operation.
    fn totals(ops: &[(ScenarioOp, u64)]) -> Vec<u64> {
        let keys = ScenarioKeys {
            count: 1_000,
            exponent: 0,
        };
        let mut load = LoadModel::new(keys, Load::from_units(1_000), 1);
        let mut total_after = |(op, later): &(ScenarioOp, u64)| {
            assert!(load.apply(op, seconds(0)));
            let rates = load.rates_at(seconds(*later));
            let total: Load = rates.iter().map(|(_, rate)| *rate).sum();
            (total.milli() + 500) / 1_000
        };
        ops.iter().map(&mut total_after).collect()
    }

    #[test]
    fn a_hot_key_has_its_share_of_all() {
        let hot = |share| ScenarioOp::HotKey { key: 7, share };
        assert_eq!(totals(&[(hot(500), 0), (hot(0), 0)]), [2_000, 1_000]);
    }

    #[test]
    fn a_crowd_decays_to_nothing() {
        let crowd = ScenarioOp::Crowd {
            key_count: 50,
            share: 400,
            fades_over: Some(Duration::from_secs(100)),
        };
        assert_eq!(totals(&[(crowd.clone(), 0)]), [1_400]);
        assert_eq!(totals(&[(crowd.clone(), 75)]), [1_100]);
        assert_eq!(totals(&[(crowd, 100)]), [1_000]);
    }

    #[test]
    fn a_hot_range_wraps_around_the_key_space() {
        let range = ScenarioOp::HotRange {
            from: 900,
            to: 950,
            share: 500,
        };
        let moved = |by| ScenarioOp::MoveRange { by };
        assert_eq!(totals(&[(range, 0), (moved(80), 0), (moved(500), 0)]), [2_000; 3]);
    }

    #[test]
    fn a_wave_oscillates_around_the_load() {
        let wave = |later| {
            let period = Duration::from_secs(400);
            totals(&[(ScenarioOp::Wave { by: 500, period }, later)])[0]
        };
        assert_eq!(
            [0, 50, 100, 200, 300, 350, 400].map(wave),
            [1_000, 1_250, 1_500, 1_000, 500, 750, 1_000]
        );
    }
}
