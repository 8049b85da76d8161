//! Tables as text: the first column aligned left, figures right.

use std::fmt;
use std::time::Duration;

/// Rows of cells below a row of headings.
#[derive(Debug)]
pub(crate) struct ReportTable(Vec<Vec<String>>);

impl ReportTable {
    pub(crate) fn of<const N: usize>(headings: [&str; N], lines: impl IntoIterator<Item = [String; N]>) -> Self {
        let headings = headings.map(str::to_owned).to_vec();
        Self(
            std::iter::once(headings)
                .chain(lines.into_iter().map(Vec::from))
                .collect(),
        )
    }
}

impl fmt::Display for ReportTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = 0..self.0.first().map_or(0, Vec::len);
        let widths: Vec<usize> = columns
            .map(|column| {
                self.0
                    .iter()
                    .map(|line| line[column].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for line in &self.0 {
            write!(f, "{:<1$}", line[0], widths[0])?;
            for (cell, width) in line.iter().zip(&widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A time in the largest unit in which it is at least 1.
pub(crate) fn time(nanos: f64) -> String {
    match nanos {
        ..1_000.0 => format!("{nanos:.0} ns"),
        ..1_000_000.0 => format!("{:.1} us", nanos / 1e3),
        ..1_000_000_000.0 => format!("{:.2} ms", nanos / 1e6),
        _ => format!("{:.2} s", nanos / 1e9),
    }
}

/// A duration in nanoseconds.
pub(crate) fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// A size in MiB.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// A part of a whole in percent, to two digits.
pub(crate) fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "-".to_owned(),
        _ => format!("{:.2} %", part as f64 * 100.0 / whole as f64),
    }
}

/// The quantile of sorted values; NaN if there are none.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let index = (part * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let line = |cells: [&str; 2]| cells.map(str::to_owned);
        let table = ReportTable::of(["value", "p50"], [line(["64 KiB", "1"]), line(["8", "12345"])]);
        assert_eq!(table.to_string(), "value     p50\n64 KiB      1\n8       12345\n");
    }

    #[test]
    fn a_time_is_shown_in_a_suitable_unit() {
        let times = [98.6, 12_340.0, 1_234_000.0, 2e9].map(time);
        assert_eq!(times, ["99 ns", "12.3 us", "1.23 ms", "2.00 s"]);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.99), 3.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
