//! The failures of clients, by kind.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Mutex;

use emberkeep_clerk::ClerkError;
use emberkeep_proto::convert::NotOwner;
use tonic::{Code, Status};

/// The number of failures of each kind.
#[derive(Debug, Default)]
pub(crate) struct FailureCounts(Mutex<BTreeMap<String, usize>>);

impl FailureCounts {
    pub(crate) fn add(&self, status: &Status) {
        let kind = match cause_of(status) {
            Some(ClerkError::Broken { .. }) => "connection broke".to_owned(),
            Some(ClerkError::Unreachable { .. }) => "unreachable".to_owned(),
            Some(ClerkError::NoOwner { .. }) => "no owner".to_owned(),
            Some(other) => other.code().to_string(),
            None if NotOwner::from_status(status).is_some() => "not the owner".to_owned(),
            None => format!("pod: {:?}", status.code()),
        };
        *self.0.lock().unwrap().entry(kind).or_default() += 1;
    }
}

impl fmt::Display for FailureCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failures = self.0.lock().unwrap();
        let sum: usize = failures.values().sum();
        write!(f, "{sum} failures of clients")?;
        failures
            .iter()
            .try_for_each(|(kind, count)| write!(f, ", {kind} {count}"))
    }
}

/// Whether the failure guarantees that nothing was written: no pod accepted the request, or the pod abandoned it.
pub(crate) fn promises_no_effect(status: &Status) -> bool {
    match cause_of(status) {
        Some(ClerkError::NoAssignment | ClerkError::NoOwner { .. }) => true,
        Some(ClerkError::TooManyWaiting { .. } | ClerkError::Unreachable { .. }) => true,
        Some(_) => false,
        None => status.code() == Code::Aborted || NotOwner::from_status(status).is_some(),
    }
}

fn cause_of(status: &Status) -> Option<&ClerkError> {
    status.source().and_then(|source| source.downcast_ref())
}
