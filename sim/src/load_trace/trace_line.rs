//! A line of a load trace as JSON: the fields of all events, each with a type that validates it.

use std::fmt;

use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use super::LoadTraceFault;

/// The fields of a line; the event decides which of them are required.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TraceLine {
    pub(super) at_ms: u64,
    pub(super) event: EventName,
    pub(super) pods: Option<Vec<PodName>>,
    pub(super) loads: Option<Vec<(HexKey, JsonLoad)>>,
    pub(super) max_load_hint: Option<JsonLoad>,
    pub(super) imbalance: Option<ImbalanceName>,
    pub(super) min_replicas: Option<u32>,
    pub(super) max_replicas: Option<u32>,
    pub(super) decide_every_ms: Option<u64>,
}

/// The value of `event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventName {
    Config,
    PodsAdded,
    PodsCrashed,
    PodsDrained,
    LoadSet,
    End,
}

impl EventName {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::PodsAdded => "pods_added",
            Self::PodsCrashed => "pods_crashed",
            Self::PodsDrained => "pods_drained",
            Self::LoadSet => "load_set",
            Self::End => "end",
        }
    }
}

/// The value of `imbalance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum ImbalanceName {
    Tight,
    Default,
    Loose,
}

/// A slice key of 8 bytes, written as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HexKey(pub(super) u64);

/// A load in units a second, written as any JSON number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct JsonLoad(pub(super) f64);

impl JsonLoad {
    /// The load, rounded to thousandths of a unit.
    pub(super) fn load(self) -> Load {
        // The value is at most RATE_MAX, so the cast cannot overflow.
        Load::from_milli((self.0 * 1_000.0).round() as u64)
    }
}

/// The largest load of a key, in units a second: the sum over a million such keys fits into 64 bits.
const RATE_MAX: f64 = 1e10;

impl TraceLine {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, LoadTraceFault> {
        let line = bytes.trim_ascii_end();
        serde_json::from_slice(line).map_err(|error| malformed(&error))
    }
}

/// The message of serde without its line number, which is always 1; the column goes into the fault.
fn malformed(error: &serde_json::Error) -> LoadTraceFault {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let reason = text
        .strip_suffix(&format!(" at line {line} column {column}"))
        .unwrap_or(&text);
    let reason = reason.replacen("EOF while parsing", "the line ends within", 1);
    LoadTraceFault::Malformed {
        column,
        reason: reason.chars().take(REASON_CHARS_MAX).collect(),
    }
}

/// Truncates reasons, so that a broken file cannot flood a terminal.
const REASON_CHARS_MAX: usize = 300;

impl<'de> Deserialize<'de> for HexKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexKeyVisitor)
    }
}

struct HexKeyVisitor;

impl Visitor<'_> for HexKeyVisitor {
    type Value = HexKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a slice key of 16 hex digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<HexKey, E> {
        let is_key = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let position = u64::from_str_radix(text, 16).ok().filter(|_| is_key);
        position
            .map(HexKey)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for JsonLoad {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let units = f64::deserialize(deserializer)?;
        if !(0.0..=RATE_MAX).contains(&units) {
            return Err(D::Error::custom(format!(
                "load {units} is out of range, it must be from 0 to {RATE_MAX}"
            )));
        }
        Ok(Self(units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Option<u64> {
        serde_json::from_str::<JsonLoad>(text)
            .ok()
            .map(|rate| rate.load().milli())
    }

    #[test]
    fn loads_are_rounded_to_thousandths_however_they_are_written() {
        let written = ["5.3215e-01", "123.0", "123", "0.0004", "0.0005", "1E3", "0"];
        let read = [532, 123_000, 123_000, 0, 1, 1_000_000, 0].map(Some);
        assert_eq!(written.map(rate), read);
        assert_eq!(["-1", "2e10", "1e400", "NaN", "\"1\"", "null"].map(rate), [None; 6]);
    }

    #[test]
    fn a_key_has_sixteen_hex_digits() {
        let read = |text: &str| serde_json::from_str::<HexKey>(text).ok().map(|position| position.0);
        assert_eq!(read("\"00ff00FF00ff00ff\""), Some(0x00ff_00ff_00ff_00ff));
        for bad in ["\"00\"", "\"+0ff00ff00ff00ff\"", "\"00ff00ff00ff00ff0\"", "17"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
