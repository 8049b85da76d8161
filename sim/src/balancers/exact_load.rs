//! Exact load: the true load of every key, as a balancer with perfect meters would see it.

use std::time::Duration;

use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::load::{Demand, Load, LoadMap};
use emberkeep_core::slicelet::SLOW_HALF_LIFE;

use crate::replay::TraceState;

/// The true rate of every key, and the smoothed rate for planning.
///
/// The steady rate follows the true one with a half-life of 60 s, which smooths out noise. When the true rate doubles or
/// halves relative to it, the steady rate is set to the true one at once.
#[derive(Debug)]
pub(super) struct ExactLoad {
    now: Vec<Load>,
    /// In milli-units a second.
    steady: Vec<f64>,
    at_ms: u64,
    decay: Decay,
}

impl ExactLoad {
    pub(super) fn new(key_count: usize) -> Self {
        Self {
            now: vec![Load::ZERO; key_count],
            steady: vec![0.0; key_count],
            at_ms: 0,
            decay: Decay::new(SLOW_HALF_LIFE),
        }
    }

    /// Updates the rates; returns whether any changed since the previous moment.
    pub(super) fn observe(&mut self, state: &TraceState<'_>) -> bool {
        let kept = self.decay.factor(state.at_ms() - self.at_ms);
        self.at_ms = state.at_ms();
        let mut has_changed = false;
        for ((now, steady), load) in self.now.iter_mut().zip(&mut self.steady).zip(state.loads()) {
            let (before, truth) = (now.milli() as f64, load.milli() as f64);
            let decayed = before + (*steady - before) * kept;
            let is_jump = truth > 2.0 * decayed || truth < decayed / 2.0;
            let updated = if is_jump { truth } else { decayed };
            has_changed |= *now != *load || *steady != updated;
            (*now, *steady) = (*load, updated);
        }
        has_changed
    }

    /// A load map with a point for every key with load.
    pub(super) fn load_map(&self, keys: &[u64]) -> LoadMap {
        let rates = self.now.iter().zip(&self.steady);
        let points = keys.iter().zip(rates).map(|(position, (now, steady))| {
            let demand = Demand {
                now: *now,
                steady: Load::from_milli(steady.round() as u64),
                memory: 0,
            };
            (SliceKey::from_position(*position), demand)
        });
        let points = points.filter(|(_, demand)| demand.peak() > Load::ZERO).collect();
        LoadMap::new(SliceMap::full(Demand::NONE), points)
    }
}

/// Exponential decay, computed from square roots of one half, which IEEE 754 rounds identically on all machines.
#[derive(Debug)]
struct Decay {
    half_life_ms: u64,
    /// The last elapsed time and its factor, cached because consecutive ticks are mostly equally spaced.
    last: (u64, f64),
}

impl Decay {
    fn new(half_life: Duration) -> Self {
        Self {
            half_life_ms: half_life.as_millis() as u64,
            last: (0, 1.0),
        }
    }

    /// The factor `2^(-elapsed / half-life)`.
    fn factor(&mut self, elapsed_ms: u64) -> f64 {
        if self.last.0 != elapsed_ms {
            self.last = (elapsed_ms, self.computed(elapsed_ms));
        }
        self.last.1
    }

    fn computed(&self, elapsed_ms: u64) -> f64 {
        let halvings = i32::try_from(elapsed_ms / self.half_life_ms).unwrap_or(i32::MAX);
        let mut factor = 0.5_f64.powi(halvings);
        let mut rest = (elapsed_ms % self.half_life_ms) as f64 / self.half_life_ms as f64;
        let mut root = 0.5_f64.sqrt();
        while rest > 0.0 && root < 1.0 {
            rest *= 2.0;
            if rest >= 1.0 {
                rest -= 1.0;
                factor *= root;
            }
            root = root.sqrt();
        }
        factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load_trace::LoadTrace;

    #[test]
    fn a_difference_halves_with_each_half_life() {
        let mut decay = Decay::new(SLOW_HALF_LIFE);
        assert_eq!(decay.factor(60_000), 0.5);
        assert_eq!(decay.factor(180_000), 0.125);
        assert_eq!(decay.factor(0), 1.0);
        assert!((decay.factor(5_000) - 2_f64.powf(-1.0 / 12.0)).abs() < 1e-12);
    }

    /// The steady rates of a key whose true rates are these, five seconds apart.
    fn steady_of(rates: &[u32]) -> Vec<f64> {
        let mut text = concat!(
            r#"{"at_ms":0,"event":"config","max_load_hint":1,"imbalance":"TIGHT","min_replicas":1,"max_replicas":1,"decide_every_ms":5000}"#,
            "\n",
            r#"{"at_ms":0,"event":"pods_added","pods":["a"]}"#,
            "\n",
        )
        .to_owned();
        for (at, rate) in rates.iter().enumerate() {
            let at_ms = at * 5_000;
            text +=
                &format!("{{\"at_ms\":{at_ms},\"event\":\"load_set\",\"loads\":[[\"0000000000000001\",{rate}]]}}\n");
        }
        text += "{\"at_ms\":1000000,\"event\":\"end\"}\n";
        let trace = LoadTrace::read(text.as_bytes()).unwrap();
        let (mut state, mut load) = (TraceState::new(&trace), ExactLoad::new(1));
        let steady = (0..).step_by(5_000).zip(rates).map(|(at_ms, _)| {
            state.advance_to(at_ms);
            load.observe(&state);
            load.steady[0]
        });
        steady.collect()
    }

    #[test]
    fn noise_is_smoothed_and_halved_or_doubled_rates_apply_at_once() {
        let kept = 2_f64.powf(-1.0 / 12.0);
        let noisy = steady_of(&[100, 150, 100]);
        assert_eq!(noisy[..2], [100_000.0, 100_000.0]);
        assert!((noisy[2] - (150_000.0 - 50_000.0 * kept)).abs() < 1e-6, "{noisy:?}");
        assert_eq!(steady_of(&[100, 201, 100, 0]), [100_000.0, 201_000.0, 100_000.0, 0.0]);
        assert_eq!(steady_of(&[100, 200]), [100_000.0, 100_000.0]);
    }
}
