//! The step watch: tells a step of a rate from noise, seconds after it was made.

use std::time::Duration;

use crate::load::Load;

/// Watches whether a rate has made a step: several counts in a row that lie far outside of what noise explains, all on
/// the same side.
///
/// A count of a second is far outside when it is more than twice or less than half of what the rate would make, and off
/// by more than three standard deviations. The variance of counts is `noise` times their mean; noise is 1 for Poisson
/// arrivals of one unit each and larger for bursts, for requests of uneven cost and for samples. It is learned as the
/// mean of `(count - mean)^2 / mean` (the index of dispersion), so that a load which always comes in bursts makes none
/// of them a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct StepWatch {
    /// What is counted until it is enough time to judge by.
    block: Counted,
    noise: Noise,
    run: Option<Run>,
}

/// Units, and the time in which they were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counted {
    units: u64,
    elapsed: Duration,
}

/// Counts in a row that are far outside on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    side: Side,
    /// The rate before the first of them.
    level: Load,
    blocks: u32,
    counted: Counted,
    /// What they would add to the noise if they turn out to be some.
    deviations: [u64; BELOW_COUNT],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Above,
    Below,
}

/// The mean dispersion of counts, in thousandths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Noise {
    mean: u64,
    block_count: u64,
}

/// Counts of less time are taken together; reports come each second, a little early or late.
const BLOCK_MIN: Duration = Duration::from_millis(800);
/// An overload is to be seen within 4 s.
const ABOVE_COUNT: usize = 3;
/// A load that is gone hurts nobody, and a pause of all requests for some seconds is no reason to forget it.
const BELOW_COUNT: usize = 5;
/// Before so many counts nothing is known of the noise. The rate itself has not much to forget by then.
const LEARNED_AFTER: u64 = 5;
/// The noise is the mean of about so many counts.
const NOISE_COUNT_MAX: u64 = 32;
/// The square of three standard deviations.
const DEVIATIONS_SQUARED: u128 = 9;
/// What Poisson arrivals of one unit each have.
const NOISE_MIN: u64 = 1_000;

impl StepWatch {
    /// Takes in what was counted while the rate before was `level`. Answers with all that was counted since a step, once
    /// it is sure that there was one.
    pub(super) fn record(&mut self, units: u64, elapsed: Duration, level: Load) -> Option<Counted> {
        self.block = self.block.plus(Counted { units, elapsed });
        if self.block.elapsed < BLOCK_MIN {
            return None;
        }
        let block = std::mem::take(&mut self.block);
        let level = self.run.as_ref().map_or(level, |run| run.level);
        let Some(side) = self.noise.side_of(block, level) else {
            self.end_run();
            self.noise.learn(dispersion(block, level));
            return None;
        };
        if self.run.as_ref().is_some_and(|run| run.side != side) {
            self.end_run();
        }
        let run = self.run.get_or_insert_with(|| Run::new(side, level));
        run.add(block);
        let counted = run.is_step().then_some(run.counted);
        if counted.is_some() {
            self.run = None;
        }
        counted
    }

    /// The counts in a row were no step after all, but noise.
    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            let deviations = &run.deviations[..run.blocks as usize];
            deviations.iter().for_each(|deviation| self.noise.learn(*deviation));
        }
    }
}

impl Counted {
    /// The mean rate.
    pub(super) fn rate(&self) -> Load {
        let milli = u128::from(self.units) * 1_000_000_000 / self.elapsed.as_micros().max(1);
        Load::from_milli(u64::try_from(milli).unwrap_or(u64::MAX))
    }

    pub(super) const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    fn plus(self, other: Counted) -> Counted {
        Counted {
            units: self.units.saturating_add(other.units),
            elapsed: self.elapsed.saturating_add(other.elapsed),
        }
    }

    /// In thousandths of a unit.
    const fn milli(&self) -> u64 {
        self.units.saturating_mul(1_000)
    }

    /// What a rate makes in the same time, in thousandths of a unit.
    fn expected(&self, level: Load) -> u64 {
        let milli = u128::from(level.milli()).saturating_mul(self.elapsed.as_micros()) / 1_000_000;
        u64::try_from(milli).unwrap_or(u64::MAX)
    }
}

impl Run {
    const fn new(side: Side, level: Load) -> Self {
        Self {
            side,
            level,
            blocks: 0,
            counted: Counted {
                units: 0,
                elapsed: Duration::ZERO,
            },
            deviations: [0; BELOW_COUNT],
        }
    }

    fn add(&mut self, block: Counted) {
        self.deviations[self.blocks as usize] = dispersion(block, self.level);
        self.counted = self.counted.plus(block);
        self.blocks += 1;
    }

    const fn is_step(&self) -> bool {
        let wanted = match self.side {
            Side::Above => ABOVE_COUNT,
            Side::Below => BELOW_COUNT,
        };
        self.blocks as usize >= wanted
    }
}

impl Noise {
    /// On which side of the level a count lies far outside, if it does.
    fn side_of(&self, block: Counted, level: Load) -> Option<Side> {
        let (count, expected) = (block.milli(), block.expected(level));
        let larger = u128::from(count.max(expected));
        let deviation = u128::from(count.abs_diff(expected));
        let noise = u128::from(self.mean.max(NOISE_MIN));
        let is_known = self.block_count >= LEARNED_AFTER;
        let explained = (DEVIATIONS_SQUARED * noise).saturating_mul(larger);
        if !is_known || deviation * deviation < explained {
            return None;
        }
        // As far outside as this, one is more than twice the other or it is not worth to be told.
        let is_double = larger > 2 * u128::from(count.min(expected));
        is_double.then_some(if count > expected { Side::Above } else { Side::Below })
    }

    /// The first count has no rate before it to be compared with.
    fn learn(&mut self, deviation: u64) {
        if self.block_count > 0 {
            let count = u128::from(self.block_count.min(NOISE_COUNT_MAX));
            let mean = (u128::from(self.mean) * (count - 1) + u128::from(deviation)) / count;
            self.mean = u64::try_from(mean).unwrap_or(u64::MAX);
        }
        self.block_count = self.block_count.saturating_add(1);
    }
}

/// The squared distance from what was expected, by what was expected, in thousandths.
fn dispersion(block: Counted, level: Load) -> u64 {
    let expected = block.expected(level);
    let deviation = u128::from(block.milli().abs_diff(expected));
    let dispersion = deviation * deviation / u128::from(expected.max(1_000));
    u64::try_from(dispersion).unwrap_or(u64::MAX)
}
