//! What the demo service writes: JSON text in the bytes of a key's value.

use bytes::Bytes;
use emberkeep_proto::demo::{AddResponse, AppendResponse};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tonic::Status;

/// What was added to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Counter {
    total: u64,
    addition_count: u64,
}

/// What was appended to a key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Entries(Vec<String>);

/// Why a key's value cannot be written like this.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unwritable {
    /// It is something else.
    Other { wanted: &'static str },
    /// The total would be too large.
    TooMuch { total: u64, amount: u64 },
}

impl Counter {
    /// The present value and an addition.
    pub(super) fn added(present: Option<&Bytes>, amount: u64) -> Result<Self, Unwritable> {
        let Self { total, addition_count } = read(present, "counter")?;
        let sum = total.checked_add(amount);
        Ok(Self {
            total: sum.ok_or(Unwritable::TooMuch { total, amount })?,
            addition_count: addition_count + 1,
        })
    }
}

impl Entries {
    /// The present value and one entry more.
    pub(super) fn appended(present: Option<&Bytes>, entry: &str) -> Result<Self, Unwritable> {
        let Self(mut entries) = read(present, "list")?;
        entries.push(entry.to_owned());
        Ok(Self(entries))
    }
}

/// The value's bytes.
pub(super) fn bytes_of(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value)
        .expect("texts and numbers can be written")
        .into()
}

fn read<T: Default + DeserializeOwned>(present: Option<&Bytes>, wanted: &'static str) -> Result<T, Unwritable> {
    let Some(bytes) = present else {
        return Ok(T::default());
    };
    serde_json::from_slice(bytes).map_err(|_| Unwritable::Other { wanted })
}

impl From<Counter> for AddResponse {
    fn from(counter: Counter) -> Self {
        Self {
            total: counter.total,
            addition_count: counter.addition_count,
        }
    }
}

impl From<Entries> for AppendResponse {
    fn from(Entries(entries): Entries) -> Self {
        Self { entries }
    }
}

impl From<Unwritable> for Status {
    fn from(reason: Unwritable) -> Self {
        match reason {
            Unwritable::Other { wanted } => Self::failed_precondition(format!("the value of the key is no {wanted}")),
            Unwritable::TooMuch { total, amount } => {
                Self::out_of_range(format!("{amount} more than {total} is more than {}", u64::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_and_entries_build_on_what_was_written() {
        let first = Counter::added(None, 5).unwrap();
        let second = Counter::added(Some(&bytes_of(&first)), 2).unwrap();
        assert_eq!((second.total, second.addition_count), (7, 2));
        let first = Entries::appended(None, "a").unwrap();
        let second = Entries::appended(Some(&bytes_of(&first)), "b").unwrap();
        assert_eq!(second.0, ["a", "b"]);
    }

    #[test]
    fn what_is_something_else_or_would_not_fit_is_refused() {
        let list = bytes_of(&Entries::appended(None, "a").unwrap());
        let refused = Counter::added(Some(&list), 1).unwrap_err();
        assert_eq!(Status::from(refused).message(), "the value of the key is no counter");
        let full = bytes_of(&Counter::added(None, u64::MAX).unwrap());
        let refused = Counter::added(Some(&full), 1).unwrap_err();
        assert!(
            Status::from(refused)
                .message()
                .starts_with("1 more than 18446744073709551615")
        );
        let refused = Entries::appended(Some(&full), "a").unwrap_err();
        assert_eq!(Status::from(refused).message(), "the value of the key is no list");
    }
}
