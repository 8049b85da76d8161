//! The errors of a store, and what the caller can do about each.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::name::{InvalidObjectName, ObjectName};

/// A failed operation on a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum StoreError {
    /// The URL of a store is invalid: correct it.
    #[error("store URL {url:?} {reason}")]
    BadUrl { url: String, reason: String },
    /// The name breaks a rule of object names: correct it.
    #[error(transparent)]
    BadName(#[from] InvalidObjectName),
    /// The stored version is not the expected one and nothing was written: read the object and decide again.
    #[error("precondition failed: object {name} is not the expected version")]
    PreconditionFailed { name: ObjectName },
    /// The reply to a conditional write was lost, and the store now holds another writer's version or none: read the object, its
    /// content tells whether the write was applied before.
    #[error("outcome of the write to object {name} is unknown: the reply was lost, and the object has changed since")]
    Undecided { name: ObjectName },
    /// No connection, or one that broke: check address and network, or retry. A write may have been applied.
    #[error("{location} is unreachable: {reason}")]
    NotReachable { location: String, reason: String },
    /// The TLS handshake failed: correct the endpoint or the trusted certificates.
    #[error("no TLS connection to {location}: {reason}")]
    NotSecure { location: String, reason: String },
    /// No reply within the deadline: retry. A write may have been applied.
    #[error("{location} did not answer within {after:?}")]
    Timeout { location: String, after: Duration },
    /// The store is overloaded or reports an internal error: retry later. A write may have been applied.
    #[error("{location} is busy: {reason}")]
    Busy { location: String, reason: String },
    /// The credentials are invalid or do not permit the operation: correct them.
    #[error("{location} refused the credentials: {reason}")]
    Refused { location: String, reason: String },
    /// No credentials were found to sign requests with: set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or a profile.
    #[error("no credentials for {location} in environment, profile, web identity, container or instance ({reason})")]
    NoCredentials { location: String, reason: String },
    /// The bucket or folder does not exist: create it, or correct the URL.
    #[error("{location} does not exist")]
    NoSuchLocation { location: String },
    /// The server ignores or rejects conditional writes, so writers would overwrite each other: use another server.
    #[error("{location} does not honour conditional writes ({reason}): use a server that does, such as AWS S3")]
    NoConditionalWrites { location: String, reason: String },
    /// The object exceeds the size limit of every backend: make it smaller.
    #[error("object {name} is {size_bytes} bytes long, at most {max_bytes} are allowed")]
    TooLarge {
        name: ObjectName,
        size_bytes: u64,
        max_bytes: u64,
    },
    /// The folder was written by another version: use that version, or another folder.
    #[error("folder {} has format {found:?}, this version reads format {supported:?}", path.display())]
    OtherVersion {
        path: PathBuf,
        found: String,
        supported: &'static str,
    },
    /// The file of an object is damaged: restore it from a backup or remove it.
    #[error("object file {} is corrupt: {reason}", path.display())]
    Corrupt { path: PathBuf, reason: &'static str },
    /// The operating system failed an operation: remove the cause (disk space, permissions).
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        source: io::Error,
    },
    /// The embedded server cannot bind its listen address: choose another address, or port 0.
    #[error("the listen address is unavailable: {listen}: {source}")]
    CannotListen { listen: SocketAddr, source: io::Error },
    /// The reply violates the S3 protocol: check the server.
    #[error("unexpected reply from {location}: {reason}")]
    Unexpected { location: String, reason: String },
}

impl StoreError {
    /// Whether the same call may succeed later without a change by the caller.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotReachable { .. } | Self::Timeout { .. } | Self::Busy { .. } => true,
            Self::BadUrl { .. }
            | Self::BadName { .. }
            | Self::PreconditionFailed { .. }
            | Self::Undecided { .. }
            | Self::NotSecure { .. }
            | Self::Refused { .. }
            | Self::NoCredentials { .. }
            | Self::NoSuchLocation { .. }
            | Self::NoConditionalWrites { .. }
            | Self::TooLarge { .. }
            | Self::OtherVersion { .. }
            | Self::Corrupt { .. }
            | Self::Io { .. }
            | Self::CannotListen { .. }
            | Self::Unexpected { .. } => false,
        }
    }
}
