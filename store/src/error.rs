//! What can go wrong with a store, and what the caller can do about it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::name::{InvalidObjectName, ObjectName};

/// An operation on a store that did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The URL of a store cannot be understood: correct it.
    #[error("store URL {url:?} {reason}")]
    BadUrl {
        /// The URL as given.
        url: String,
        /// What is wrong, and what is allowed.
        reason: String,
    },
    /// The name breaks a rule of object names: correct it.
    #[error(transparent)]
    BadName(#[from] InvalidObjectName),
    /// The store holds another version than expected, and nothing was written: read again and decide anew.
    #[error("object {name} is not in the expected version")]
    PreconditionFailed {
        /// The object that was not written.
        name: ObjectName,
    },
    /// The reply to a write got lost, and another writer's version, or none, is there now: read, and tell by the content whether
    /// the write happened before that.
    #[error("whether object {name} was written is not known: the reply got lost, and another writer came in between")]
    Undecided {
        /// The object.
        name: ObjectName,
    },
    /// The store cannot be reached: check address and network, or try again. A write may have happened.
    #[error("{place} cannot be reached: {reason}")]
    NotReachable {
        /// The store.
        place: String,
        /// Why.
        reason: String,
    },
    /// No secure connection to the store can be made: correct the endpoint, or what it is trusted by.
    #[error("no secure connection to {place}: {reason}")]
    NotSecure {
        /// The store.
        place: String,
        /// Why, and what may help.
        reason: String,
    },
    /// The store did not answer in time: try again. A write may have happened.
    #[error("{place} did not answer within {after:?}")]
    Timeout {
        /// The store.
        place: String,
        /// How long the call waited.
        after: Duration,
    },
    /// The store is overloaded or in trouble: try again later. A write may have happened.
    #[error("{place} is busy: {reason}")]
    Busy {
        /// The store.
        place: String,
        /// The store's words.
        reason: String,
    },
    /// The store does not accept the credentials, or they do not allow the operation: correct them.
    #[error("{place} refused the credentials: {reason}")]
    Refused {
        /// The store.
        place: String,
        /// The store's words.
        reason: String,
    },
    /// No credentials to sign requests with: set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or a profile.
    #[error("no credentials for {place} in environment, profile, web identity, container or instance ({reason})")]
    NoCredentials {
        /// The store.
        place: String,
        /// What the search for them met.
        reason: String,
    },
    /// The bucket or folder does not exist: create it, or correct the URL.
    #[error("{place} does not exist")]
    NoSuchPlace {
        /// The store.
        place: String,
    },
    /// The server ignores or refuses conditional writes, so writers would overwrite each other: use another server.
    #[error("{place} does not honour conditional writes ({reason}), use a server that does, as AWS S3")]
    NoConditionalWrites {
        /// The store.
        place: String,
        /// What the server did.
        reason: String,
    },
    /// The object is larger than any store keeps: make it smaller.
    #[error("object {name} is {size_bytes} bytes long, allowed are {max_bytes}")]
    TooLarge {
        /// The object.
        name: ObjectName,
        /// Its size.
        size_bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The folder was written by another version: use that version, or another folder.
    #[error("folder {} has format {found:?}, this version reads format {supported:?}", path.display())]
    OtherVersion {
        /// The folder.
        path: PathBuf,
        /// The format it has.
        found: String,
        /// The format this version reads.
        supported: &'static str,
    },
    /// A stored file is not an object: remove it, or restore it from a copy.
    #[error("file {} is not an object: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// The operating system refused an operation: see to its cause (space, rights).
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The embedded server cannot listen where it should: choose another address, or port 0.
    #[error("cannot listen on {listen}: {source}")]
    CannotListen {
        /// The address.
        listen: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
    /// The store answered what no S3 server should: see to the server.
    #[error("{place} answered unexpectedly: {reason}")]
    Unexpected {
        /// The store.
        place: String,
        /// The store's words.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed a little later.
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
            | Self::NoSuchPlace { .. }
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
