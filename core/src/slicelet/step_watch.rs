//! The step watch: distinguishes a step of a rate from noise within seconds.

use std::time::Duration;

use crate::load::Load;

/// Watches for a step of a rate: several outliers in a row, all on the same side.
///
/// A count of a second is an outlier if it is more than twice or less than half of the count expected at the rate, and off
/// by more than three standard deviations. The variance of counts is `noise` times their mean; noise is 1 for Poisson
/// arrivals of one unit each and larger for bursts, for requests of uneven cost and for samples. It is learned as the
/// mean of `(count - mean)^2 / mean` (the index of dispersion), so that regular bursts are no steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct StepWatch {
    /// The counts since the last evaluation.
    block: CountBlock,
    noise: Noise,
    run: Option<OutlierRun>,
}

/// Units, and the time in which they were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CountBlock {
    units: u64,
    elapsed: Duration,
}

/// Outliers in a row on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OutlierRun {
    side: Side,
    /// The rate before the first outlier.
    level: Load,
    blocks: u32,
    counted: CountBlock,
    /// The dispersion of each, to be learned as noise if the run ends without a step.
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

/// Shorter counts are added up; counts are collected each second, slightly early or late.
const BLOCK_MIN: Duration = Duration::from_millis(800);
/// Outliers that make a step up: an overload shows within 4 s.
const ABOVE_COUNT: usize = 3;
/// Outliers that make a step down: a load that has ended does no harm, and a pause of some seconds should not reset it.
const BELOW_COUNT: usize = 5;
/// Counts before the noise is known. Until then the rate has little history to forget.
const LEARNED_AFTER: u64 = 5;
/// The noise is the mean of about this many counts.
const NOISE_COUNT_MAX: u64 = 32;
/// The square of three standard deviations.
const DEVIATIONS_SQUARED: u128 = 9;
/// The noise of Poisson arrivals of one unit each, in thousandths.
const NOISE_MIN: u64 = 1_000;

impl StepWatch {
    /// Records units counted while the rate before was `level`. Returns the counts since a step once one is certain.
    pub(super) fn record(&mut self, units: u64, elapsed: Duration, level: Load) -> Option<CountBlock> {
        self.block = self.block.plus(CountBlock { units, elapsed });
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
        let run = self.run.get_or_insert_with(|| OutlierRun::new(side, level));
        run.add(block);
        let counted = run.is_step().then_some(run.counted);
        if counted.is_some() {
            self.run = None;
        }
        counted
    }

    /// Ends the run without a step: its outliers are learned as noise.
    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            let deviations = &run.deviations[..run.blocks as usize];
            deviations.iter().for_each(|deviation| self.noise.learn(*deviation));
        }
    }
}

impl CountBlock {
    /// The mean rate of the counts.
    pub(super) fn rate(&self) -> Load {
        let milli = u128::from(self.units) * 1_000_000_000 / self.elapsed.as_micros().max(1);
        Load::from_milli(u64::try_from(milli).unwrap_or(u64::MAX))
    }

    pub(super) const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    fn plus(self, other: CountBlock) -> CountBlock {
        CountBlock {
            units: self.units.saturating_add(other.units),
            elapsed: self.elapsed.saturating_add(other.elapsed),
        }
    }

    /// The units, in thousandths of a unit.
    const fn milli(&self) -> u64 {
        self.units.saturating_mul(1_000)
    }

    /// The expected units at a rate in the same time, in thousandths.
    fn expected(&self, level: Load) -> u64 {
        let milli = u128::from(level.milli()).saturating_mul(self.elapsed.as_micros()) / 1_000_000;
        u64::try_from(milli).unwrap_or(u64::MAX)
    }
}

impl OutlierRun {
    const fn new(side: Side, level: Load) -> Self {
        Self {
            side,
            level,
            blocks: 0,
            counted: CountBlock {
                units: 0,
                elapsed: Duration::ZERO,
            },
            deviations: [0; BELOW_COUNT],
        }
    }

    fn add(&mut self, block: CountBlock) {
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
    /// The side of the level on which a count is an outlier, if it is one.
    fn side_of(&self, block: CountBlock, level: Load) -> Option<Side> {
        let (count, expected) = (block.milli(), block.expected(level));
        let larger = u128::from(count.max(expected));
        let deviation = u128::from(count.abs_diff(expected));
        let noise = u128::from(self.mean.max(NOISE_MIN));
        let is_known = self.block_count >= LEARNED_AFTER;
        let explained = (DEVIATIONS_SQUARED * noise).saturating_mul(larger);
        if !is_known || deviation * deviation < explained {
            return None;
        }
        // Smaller steps are left to the decay of the rates.
        let is_double = larger > 2 * u128::from(count.min(expected));
        is_double.then_some(if count > expected { Side::Above } else { Side::Below })
    }

    /// Learns the dispersion of one count. The first count is skipped: there is no rate before it to compare it with.
    fn learn(&mut self, deviation: u64) {
        if self.block_count > 0 {
            let count = u128::from(self.block_count.min(NOISE_COUNT_MAX));
            let mean = (u128::from(self.mean) * (count - 1) + u128::from(deviation)) / count;
            self.mean = u64::try_from(mean).unwrap_or(u64::MAX);
        }
        self.block_count = self.block_count.saturating_add(1);
    }
}

/// `(count - expected)^2 / expected`, in thousandths.
fn dispersion(block: CountBlock, level: Load) -> u64 {
    let expected = block.expected(level);
    let deviation = u128::from(block.milli().abs_diff(expected));
    let dispersion = deviation * deviation / u128::from(expected.max(1_000));
    u64::try_from(dispersion).unwrap_or(u64::MAX)
}
