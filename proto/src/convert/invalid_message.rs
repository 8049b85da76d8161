//! The error of a message that violates a rule.

use std::fmt::Display;

use thiserror::Error;
use tonic::Status;

/// A message that violates a rule. No part of it takes effect.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {reason}")]
pub struct InvalidMessage {
    /// The path of the field from the outermost message: `slices[3].replicas`.
    pub field: String,
    /// The value found and the values allowed.
    pub reason: String,
}

impl InvalidMessage {
    /// An error in `field`.
    pub fn new(field: impl Into<String>, reason: impl Display) -> Self {
        Self {
            field: field.into(),
            reason: reason.to_string(),
        }
    }

    /// The error of a required field that is absent.
    #[must_use]
    pub fn missing(field: &str) -> Self {
        Self::new(field, "it is missing, but must be set")
    }

    /// The same error with the path extended by `field` of the surrounding message.
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

/// Converts a required nested message.
pub(super) fn required<W, T>(message: Option<W>, field: &str) -> Result<T, InvalidMessage>
where
    T: TryFrom<W, Error = InvalidMessage>,
{
    let message = message.ok_or_else(|| InvalidMessage::missing(field))?;
    T::try_from(message).map_err(|invalid| invalid.within(field))
}

/// Converts a list of at most `count_max` nested messages.
pub(super) fn each<W, T>(messages: Vec<W>, field: &str, count_max: usize) -> Result<Vec<T>, InvalidMessage>
where
    T: TryFrom<W, Error = InvalidMessage>,
{
    check_count(count_max, messages.len(), field)?;
    let converted = messages
        .into_iter()
        .enumerate()
        .map(|(at, message)| T::try_from(message).map_err(|invalid| invalid.within(format_args!("{field}[{at}]"))));
    converted.collect()
}

/// Rejects lists of more than `count_max` entries.
pub(super) fn check_count(count_max: usize, count: usize, field: &str) -> Result<(), InvalidMessage> {
    if count <= count_max {
        return Ok(());
    }
    let reason = format!("it has {count} entries, at most {count_max} are allowed");
    Err(InvalidMessage::new(field, reason))
}
