//! The values that the demo service writes: JSON in the bytes of an object.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tonic::Status;

use super::pb::{AddResponse, AppendResponse};

/// The total of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct CounterValue {
    total: u64,
    addition_count: u64,
}

/// The list of a key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct ListValue(Vec<String>);

/// The reason to reject a change of a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DemoValueError {
    /// The present value is of another kind.
    OtherKind { wanted: &'static str },
    /// The total would exceed 64 bits.
    Overflow { total: u64, amount: u64 },
}

impl CounterValue {
    /// The present value plus an amount.
    pub(super) fn added(present: Option<&Bytes>, amount: u64) -> Result<Self, DemoValueError> {
        let Self { total, addition_count } = read(present, "counter")?;
        let sum = total.checked_add(amount);
        Ok(Self {
            total: sum.ok_or(DemoValueError::Overflow { total, amount })?,
            addition_count: addition_count + 1,
        })
    }
}

impl ListValue {
    /// The present value with one more entry.
    pub(super) fn appended(present: Option<&Bytes>, entry: &str) -> Result<Self, DemoValueError> {
        let Self(mut entries) = read(present, "list")?;
        entries.push(entry.to_owned());
        Ok(Self(entries))
    }
}

/// The bytes of the object.
pub(super) fn bytes_of(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value)
        .expect("strings and numbers serialize to JSON")
        .into()
}

fn read<T: Default + DeserializeOwned>(present: Option<&Bytes>, wanted: &'static str) -> Result<T, DemoValueError> {
    let Some(bytes) = present else {
        return Ok(T::default());
    };
    serde_json::from_slice(bytes).map_err(|_| DemoValueError::OtherKind { wanted })
}

impl From<CounterValue> for AddResponse {
    fn from(counter: CounterValue) -> Self {
        Self {
            total: counter.total,
            addition_count: counter.addition_count,
        }
    }
}

impl From<ListValue> for AppendResponse {
    fn from(ListValue(entries): ListValue) -> Self {
        Self { entries }
    }
}

impl From<DemoValueError> for Status {
    fn from(reason: DemoValueError) -> Self {
        match reason {
            DemoValueError::OtherKind { wanted } => {
                Self::failed_precondition(format!("the value of the key is not a {wanted}"))
            }
            DemoValueError::Overflow { total, amount } => {
                Self::out_of_range(format!("{total} + {amount} exceeds the maximum {}", u64::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_and_entries_build_on_the_present_value() {
        let first = CounterValue::added(None, 5).unwrap();
        let second = CounterValue::added(Some(&bytes_of(&first)), 2).unwrap();
        assert_eq!((second.total, second.addition_count), (7, 2));
        let first = ListValue::appended(None, "a").unwrap();
        let second = ListValue::appended(Some(&bytes_of(&first)), "b").unwrap();
        assert_eq!(second.0, ["a", "b"]);
    }

    #[test]
    fn a_value_of_another_kind_and_an_overflow_are_refused() {
        let list = bytes_of(&ListValue::appended(None, "a").unwrap());
        let refused = CounterValue::added(Some(&list), 1).unwrap_err();
        assert_eq!(Status::from(refused).message(), "the value of the key is not a counter");
        let full = bytes_of(&CounterValue::added(None, u64::MAX).unwrap());
        let refused = CounterValue::added(Some(&full), 1).unwrap_err();
        assert!(
            Status::from(refused)
                .message()
                .starts_with("18446744073709551615 + 1 exceeds the maximum")
        );
        let refused = ListValue::appended(Some(&full), "a").unwrap_err();
        assert_eq!(Status::from(refused).message(), "the value of the key is not a list");
    }
}
