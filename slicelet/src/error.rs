//! What can go wrong when a slicelet starts.

use emberkeep_core::name::NameError;
use emberkeep_runtime::channel::BadAddress;
use emberkeep_runtime::serve::BindError;
use emberkeep_store::StoreError;
use thiserror::Error;

use crate::warm::DiskError;

/// A slicelet that could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SliceletError {
    /// A setting without a default was left out: add it.
    #[error("slicelet needs {setting}: set it with Builder::{setting}")]
    Missing {
        /// Which.
        setting: &'static str,
    },
    /// A setting is outside its limits: correct it.
    #[error("slicelet setting {setting} is {found}, allowed is {allowed}")]
    OutOfRange {
        /// Which.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The name of the target, of the pod, or its address cannot be used: correct it.
    #[error(transparent)]
    BadName(#[from] NameError),
    /// An assigner's URL cannot be called: correct it.
    #[error("assigner: {0}")]
    BadAssigner(#[from] BadAddress),
    /// The address for metrics and health cannot be listened at: choose another one.
    #[error("http_listen: {0}")]
    Http(#[from] BindError),
    /// The store does not keep writers apart, or cannot be asked: use one that does, or start without
    /// [`Builder::writable`](crate::Builder::writable).
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// The folder for the disk cache cannot be used: choose another one.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The process cannot be told of signals: start with `drain_on_sigterm(false)`.
    #[error("cannot wait for SIGTERM: {0}")]
    Signal(std::io::Error),
}
