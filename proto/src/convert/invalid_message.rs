//! What is wrong with a message, and where.

use std::fmt::Display;

use thiserror::Error;
use tonic::Status;

/// A message that breaks a rule. Nothing of it has been used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {reason}")]
pub struct InvalidMessage {
    /// Where, from the outermost message inwards: `slices[3].replicas`.
    pub field: String,
    /// What is wrong, and what is allowed.
    pub reason: String,
}

impl InvalidMessage {
    /// Something is wrong with `field`.
    pub fn new(field: impl Into<String>, reason: impl Display) -> Self {
        Self {
            field: field.into(),
            reason: reason.to_string(),
        }
    }

    /// A field that must be there is not.
    #[must_use]
    pub fn missing(field: &str) -> Self {
        Self::new(field, "it is missing, but must be set")
    }

    /// The same, seen from the message that has the invalid one as its `field`.
    #[must_use]
    pub fn within(self, field: impl Display) -> Self {
        Self {
            field: format!("{field}.{}", self.field),
            reason: self.reason,
        }
    }
}

impl From<InvalidMessage> for Status {
    fn from(invalid: InvalidMessage) -> Status {
        Status::invalid_argument(invalid.to_string())
    }
}

/// Converts a nested message that must be there.
pub(super) fn required<W, T>(message: Option<W>, field: &str) -> Result<T, InvalidMessage>
where
    T: TryFrom<W, Error = InvalidMessage>,
{
    let message = message.ok_or_else(|| InvalidMessage::missing(field))?;
    T::try_from(message).map_err(|invalid| invalid.within(field))
}

/// Converts a list of nested messages, `count_max` at most.
pub(super) fn each<W, T>(messages: Vec<W>, field: &str, count_max: usize) -> Result<Vec<T>, InvalidMessage>
where
    T: TryFrom<W, Error = InvalidMessage>,
{
    at_most(count_max, messages.len(), field)?;
    let converted = messages
        .into_iter()
        .enumerate()
        .map(|(at, message)| T::try_from(message).map_err(|invalid| invalid.within(format_args!("{field}[{at}]"))));
    converted.collect()
}

/// Refuses lists that are too long.
pub(super) fn at_most(count_max: usize, count: usize, field: &str) -> Result<(), InvalidMessage> {
    if count <= count_max {
        return Ok(());
    }
    let reason = format!("it has {count} entries, at most {count_max} are allowed");
    Err(InvalidMessage::new(field, reason))
}
