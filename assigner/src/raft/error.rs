//! What can go wrong when a member starts, and when it is asked for something.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::settings::MemberId;

/// Why a member did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RaftError {
    /// The settings contradict themselves: correct them.
    #[error("{reason}")]
    Settings {
        /// What is wrong, and what is allowed.
        reason: String,
    },
    /// The folder cannot be made or read: choose another, or its permissions.
    #[error("data folder {} cannot be used: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// Another process has the folder open: stop it, or choose another folder.
    #[error("data folder {} is in use by another process", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// Another build wrote the folder: run that build, or choose another folder.
    #[error("data folder {} is of format {found}, this build reads {expected}", folder.display())]
    Format {
        /// The folder.
        folder: PathBuf,
        /// What the folder says.
        found: String,
        /// What this build writes.
        expected: u32,
    },
    /// The folder is another member's: choose this member's own.
    #[error("data folder {} belongs to member {found}, not to member {expected}", folder.display())]
    OtherMember {
        /// The folder.
        folder: PathBuf,
        /// Whose it is.
        found: MemberId,
        /// Who wanted to open it.
        expected: MemberId,
    },
    /// The data in the folder cannot be read or written: restore it, or remove the member and add it anew.
    #[error("data folder {} is damaged: {source}", folder.display())]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What the database says.
        source: io::Error,
    },
    /// Raft stopped while starting.
    #[error("raft did not start: {reason}")]
    NotStarted {
        /// What Raft says.
        reason: String,
    },
}

impl RaftError {
    /// True where whoever started the process has to change something, rather than the machine.
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

/// Why a member did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// Nothing was changed; ask the leader.
    #[error("this member does not lead, {}", or_nobody(leader))]
    NotLeader {
        /// Where the leader is, if one is known.
        leader: Option<String>,
    },
    /// The outcome is unknown: it may still be applied.
    #[error("no quorum answered within {waited:?}")]
    Timeout {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The outcome is unknown: leadership changed while it was on its way.
    #[error(
        "leadership changed on the way, it may or may not have been applied, {}",
        or_nobody(leader)
    )]
    Uncertain {
        /// Where the new leader is, if one is known.
        leader: Option<String>,
    },
    /// Nothing was changed; the change is larger than what members send each other.
    #[error("the change is {size} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// Nothing was changed; the members cannot be changed like this, or not now.
    #[error("the members stay as they are: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// This member has stopped, and answers no more.
    #[error("this member has stopped")]
    Stopped,
}

fn or_nobody(leader: &Option<String>) -> String {
    match leader {
        Some(address) => format!("{address} does"),
        None => "nobody does at present".to_owned(),
    }
}
