//! The errors of a member: at start, and of its operations.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::member_id::MemberId;

/// A failure to start a member.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RaftError {
    /// The settings are invalid or contradictory: correct them.
    #[error("{reason}")]
    Settings {
        /// The invalid setting, with the values allowed.
        reason: String,
    },
    /// The folder cannot be created or read: change its permissions, or choose another.
    #[error("data folder {} cannot be used: {source}", folder.display())]
    Folder {
        /// The configured data folder.
        folder: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// Another process has the folder open: stop it, or choose another folder.
    #[error("data folder {} is in use by another process", folder.display())]
    Locked {
        /// The configured data folder.
        folder: PathBuf,
    },
    /// The folder was written by a build with another format: run that build, or choose another folder.
    #[error("data folder {} is of format {found}, this build reads {expected}", folder.display())]
    Format {
        /// The configured data folder.
        folder: PathBuf,
        /// The format of the folder.
        found: String,
        /// The format of this build.
        expected: u32,
    },
    /// The folder belongs to another member: choose the folder of this one.
    #[error("data folder {} belongs to member {found}, not to member {expected}", folder.display())]
    OtherMember {
        /// The configured data folder.
        folder: PathBuf,
        /// The owner of the folder.
        found: MemberId,
        /// The member that opened it.
        expected: MemberId,
    },
    /// The data in the folder cannot be read or written: restore it, or remove the member and add it under a new
    /// number.
    #[error("data folder {} is damaged: {source}", folder.display())]
    Damaged {
        /// The configured data folder.
        folder: PathBuf,
        /// The error of the database.
        source: io::Error,
    },
    /// openraft stopped during the start.
    #[error("raft did not start: {reason}")]
    NotStarted {
        /// The error of openraft.
        reason: String,
    },
}

impl RaftError {
    /// Whether the operator has to change the configuration; otherwise the machine or the data is at fault.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Settings { .. }
            | Self::Folder { .. }
            | Self::Locked { .. }
            | Self::Format { .. }
            | Self::OtherMember { .. } => true,
            Self::Damaged { .. } | Self::NotStarted { .. } => false,
        }
    }
}

/// A failed operation of a member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// Nothing was changed: call the leader.
    #[error("this member does not lead; {}", leader_text(leader))]
    NotLeader {
        /// The leader's URL, if a leader is known.
        leader: Option<String>,
    },
    /// The outcome is unknown: the change may still be applied.
    #[error("no quorum answered within {waited:?}")]
    Timeout {
        /// The timeout of the operation.
        waited: Duration,
    },
    /// The outcome is unknown: leadership changed before the change was committed.
    #[error(
        "leadership changed before the commit, the change may or may not be applied; {}",
        leader_text(leader)
    )]
    Uncertain {
        /// The new leader's URL, if a leader is known.
        leader: Option<String>,
    },
    /// Nothing was changed: the change exceeds the message size between members.
    #[error("the change is {size} bytes, at most {limit} are allowed")]
    TooLarge {
        /// The size of the encoded change, in bytes.
        size: usize,
        /// The largest size allowed, in bytes.
        limit: usize,
    },
    /// Nothing was changed: this change of members is invalid, or another one is in progress.
    #[error("the members were not changed: {reason}")]
    Rejected {
        /// The reason for the rejection.
        reason: String,
    },
    /// This member has stopped: call another one.
    #[error("this member has stopped")]
    Stopped,
}

fn leader_text(leader: &Option<String>) -> String {
    match leader {
        Some(address) => format!("the leader is {address}"),
        None => "no leader is known".to_owned(),
    }
}
