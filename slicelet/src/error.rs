//! Errors of the start of a slicelet.

use emberkeep_core::name::NameError;
use emberkeep_runtime::channel::BadAddress;
use emberkeep_runtime::serve::BindError;
use emberkeep_store::StoreError;
use thiserror::Error;

use crate::warm::DiskError;

/// The slicelet could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum SliceletError {
    /// A setting without a default is missing: set it.
    #[error("slicelet setting {setting} is missing: set it with Builder::{setting}")]
    Missing { setting: &'static str },
    /// A setting is outside its limits: correct it.
    #[error("slicelet setting {setting} is {found}, allowed is {allowed}")]
    OutOfRange {
        setting: &'static str,
        found: String,
        allowed: &'static str,
    },
    /// The name of the target or pod, or the pod's address, is invalid: correct it.
    #[error(transparent)]
    BadName(#[from] NameError),
    /// The URL of an assigner or peer is invalid: correct it.
    #[error("assigner: {0}")]
    BadAssigner(#[from] BadAddress),
    /// The listen address of metrics and health is unavailable: choose another one.
    #[error("http_listen: {0}")]
    Http(#[from] BindError),
    /// The store does not support conditional writes, or cannot be reached: use one that does, or start without
    /// [`Builder::writable`](crate::Builder::writable).
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// The folder of the disk cache cannot be used: choose another one.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The handler of SIGTERM cannot be installed: start with `drain_on_sigterm(false)`.
    #[error("cannot install the SIGTERM handler: {0}")]
    Signal(std::io::Error),
}
