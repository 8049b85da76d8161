//! Reads a line of a scenario word by word.

use std::time::Duration;

use super::ScenarioFault;

/// The words of a line that are not read yet.
#[derive(Debug, Clone)]
pub(super) struct WordReader<'a> {
    rest: std::str::SplitWhitespace<'a>,
}

/// A year; a longer time is a mistake.
const DURATION_MAX_MS: u64 = 366 * 24 * 3_600_000;

impl<'a> WordReader<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        Self {
            rest: line.split_whitespace(),
        }
    }

    /// The next word, without consuming it.
    pub(super) fn peek(&self) -> Option<&'a str> {
        self.rest.clone().next()
    }

    /// Reads any word; `allowed` is for the error at the end of the line.
    pub(super) fn next(&mut self, allowed: &str) -> Result<&'a str, ScenarioFault> {
        self.rest.next().ok_or_else(|| ScenarioFault::Missing {
            allowed: allowed.to_owned(),
        })
    }

    /// Consumes the next word if it is `word`; returns whether it was.
    pub(super) fn accept(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Some(word);
        if is_next {
            self.rest.next();
        }
        is_next
    }

    /// Reads exactly the words of `phrase`.
    pub(super) fn expect(&mut self, phrase: &str) -> Result<(), ScenarioFault> {
        for word in phrase.split_whitespace() {
            self.read(phrase, |found| (found == word).then_some(()))?;
        }
        Ok(())
    }

    /// Reads a word and converts it by `meaning`, `None` of which is an error.
    pub(super) fn read<T>(&mut self, allowed: &str, meaning: impl Fn(&str) -> Option<T>) -> Result<T, ScenarioFault> {
        let word = self.next(allowed)?;
        meaning(word).ok_or_else(|| unexpected(word, allowed))
    }

    /// Reads a whole number between bounds, both allowed.
    pub(super) fn number(&mut self, what: &str, min: u64, max: u64) -> Result<u64, ScenarioFault> {
        let allowed = format!("{what} from {min} to {max}");
        self.read(&allowed, |word| {
            word.parse().ok().filter(|number| (min..=max).contains(number))
        })
    }

    /// Reads a number with up to three decimals, in thousandths.
    pub(super) fn thousandths(&mut self, what: &str, min: u64, max: u64) -> Result<u64, ScenarioFault> {
        let in_units = |thousandths: u64| format!("{}", thousandths as f64 / 1_000.0);
        let allowed = format!("{what} from {} to {}", in_units(min), in_units(max));
        let meaning = |word: &str| thousandths_in(word).filter(|number| (min..=max).contains(number));
        self.read(&allowed, meaning)
    }

    /// Reads a share as `30%`, in thousandths; the bounds are in percent.
    pub(super) fn percent(&mut self, min: u64, max: u64) -> Result<u64, ScenarioFault> {
        let allowed = format!("a share from {min}% to {max}%");
        self.read(&allowed, |word| {
            let tenths = thousandths_in(word.strip_suffix('%')?)? / 100;
            (10 * min..=10 * max).contains(&tenths).then_some(tenths)
        })
    }

    /// Reads a time as `500ms`, `30s`, `2m` or `1h`.
    pub(super) fn duration(&mut self) -> Result<Duration, ScenarioFault> {
        self.read("a time as 500ms, 30s, 2m or 1h", duration_in)
    }

    /// Reads a range as `1..4` within `min` and `max`.
    pub(super) fn range(&mut self, min: u64, max: u64) -> Result<(u64, u64), ScenarioFault> {
        let allowed = format!("a range as {min}..4, from {min} to {max}");
        self.read(&allowed, |word| {
            let (low, high) = word.split_once("..")?;
            let (low, high) = (low.parse().ok()?, high.parse().ok()?);
            (min <= low && low <= high && high <= max).then_some((low, high))
        })
    }

    /// Reads a range of times as `1ms..3ms`.
    pub(super) fn durations(&mut self) -> Result<(Duration, Duration), ScenarioFault> {
        self.read("two times as 1ms..3ms, the longer one last", |word| {
            let (low, high) = word.split_once("..")?;
            let (low, high) = (duration_in(low)?, duration_in(high)?);
            (low <= high).then_some((low, high))
        })
    }

    /// Reads a name of up to 30 letters, digits and hyphens.
    pub(super) fn name(&mut self, what: &str) -> Result<&'a str, ScenarioFault> {
        let allowed = format!("{what} of up to 30 letters, digits and hyphens");
        let word = self.next(&allowed)?;
        let is_name = word.len() <= 30 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_name.then_some(word).ok_or_else(|| unexpected(word, &allowed))
    }

    /// Checks that no word is left.
    pub(super) fn end(mut self) -> Result<(), ScenarioFault> {
        match self.rest.next() {
            None => Ok(()),
            Some(word) => Err(ScenarioFault::TrailingWord { found: short(word) }),
        }
    }
}

/// The error of a word that is not allowed at its place.
pub(super) fn unexpected(word: &str, allowed: &str) -> ScenarioFault {
    ScenarioFault::Unexpected {
        found: short(word),
        allowed: allowed.to_owned(),
    }
}

fn short(word: &str) -> String {
    word.chars().take(60).collect()
}

fn duration_in(word: &str) -> Option<Duration> {
    let digits = word.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = word.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let millis = count.parse::<u64>().ok()?.checked_mul(unit_ms)?;
    (millis <= DURATION_MAX_MS).then(|| Duration::from_millis(millis))
}

fn thousandths_in(word: &str) -> Option<u64> {
    let (whole, decimals) = word.split_once('.').unwrap_or((word, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(decimals) || decimals.len() > 3 {
        return None;
    }
    let decimals: u64 = format!("{decimals:0<3}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_their_units() {
        let mut reader = WordReader::of("2m 30% 0.99 1..4 1ms..3ms pod-7 17");
        assert_eq!(reader.duration(), Ok(Duration::from_secs(120)));
        assert_eq!(reader.percent(0, 100), Ok(300));
        assert_eq!(reader.thousandths("an exponent", 0, 5_000), Ok(990));
        assert_eq!(reader.range(1, 9), Ok((1, 4)));
        assert_eq!(
            reader.durations(),
            Ok((Duration::from_millis(1), Duration::from_millis(3)))
        );
        assert_eq!(reader.name("a pod"), Ok("pod-7"));
        assert_eq!(reader.number("a key", 1, 17), Ok(17));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn an_error_states_what_is_allowed() {
        let fault = |line: &'static str| WordReader::of(line).percent(1, 95).unwrap_err().to_string();
        let allowed = "expected a share from 1% to 95%";
        assert_eq!(fault("30"), format!("unexpected \"30\", {allowed}"));
        assert_eq!(fault("96%"), format!("unexpected \"96%\", {allowed}"));
        assert_eq!(fault(""), format!("unexpected end of line, {allowed}"));
        let rest = WordReader::of("and so on").end().unwrap_err().to_string();
        assert_eq!(rest, "unexpected \"and\", expected the end of the line");
        let exponent = WordReader::of("9").thousandths("an exponent", 0, 5_000).unwrap_err();
        assert_eq!(
            exponent.to_string(),
            "unexpected \"9\", expected an exponent from 0 to 5"
        );
    }
}
