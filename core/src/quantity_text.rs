//! Quantities as text for people: rates, shares, durations and sizes with their units.

use std::fmt;
use std::time::Duration;

use crate::load::Load;

/// Prints a load as `132.1/s`.
#[derive(Debug, Clone, Copy)]
pub struct PerSecond(pub Load);

/// Prints thousandths as a percentage: `13.2 %`, and from 100 % on without decimals.
#[derive(Debug, Clone, Copy)]
pub struct Percentage(pub u64);

/// Prints a duration in its two largest units, rounded down: `4.2 s`, `15 s`, `3 min 20 s`, `2 h 5 min`.
#[derive(Debug, Clone, Copy)]
pub struct ReadableDuration(pub Duration);

/// Prints a number of bytes as `512 B`, `1.5 MiB`.
#[derive(Debug, Clone, Copy)]
pub struct ReadableSize(pub u64);

impl fmt::Display for PerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.milli() / 100;
        f.pad(&format!("{}.{}/s", tenths / 10, tenths % 10))
    }
}

impl fmt::Display for Percentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 | 1_000.. => write!(f, "{} %", self.0 / 10),
            thousandths => write!(f, "{}.{} %", thousandths / 10, thousandths % 10),
        }
    }
}

impl fmt::Display for ReadableDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, tenths) = (self.0.as_secs(), self.0.subsec_millis() / 100);
        match seconds {
            0..10 if tenths > 0 => write!(f, "{seconds}.{tenths} s"),
            0..120 => write!(f, "{seconds} s"),
            120..3_600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            3_600.. => write!(f, "{} h {} min", seconds / 3_600, seconds / 60 % 60),
        }
    }
}

impl fmt::Display for ReadableSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let Some((name, shift)) = UNITS.into_iter().find(|(_, shift)| self.0 >> shift > 0) else {
            return write!(f, "{} B", self.0);
        };
        let tenths = (u128::from(self.0) * 10) >> shift;
        write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_units_a_person_reads() {
        assert_eq!(PerSecond(Load::from_milli(132_148)).to_string(), "132.1/s");
        assert_eq!(format!("{:>9}|", PerSecond(Load::ZERO)), "    0.0/s|");
        let shares = [0, 7, 132, 1_000, 1_249].map(|share| Percentage(share).to_string());
        assert_eq!(shares, ["0 %", "0.7 %", "13.2 %", "100 %", "124 %"]);
        let millis = [0, 4_250, 5_000, 15_900, 119_999, 200_000, 7_500_000];
        let durations = millis.map(|millis| ReadableDuration(Duration::from_millis(millis)).to_string());
        let expected = ["0 s", "4.2 s", "5 s", "15 s", "119 s", "3 min 20 s", "2 h 5 min"];
        assert_eq!(durations, expected);
        let sizes = [512, 1_536, 3 << 20, 1 << 40].map(|size| ReadableSize(size).to_string());
        assert_eq!(sizes, ["512 B", "1.5 KiB", "3.0 MiB", "1024.0 GiB"]);
    }
}
