//! The arguments of `emberkeep admin`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::keys::KeysArgs;
use super::settings::SettingsArgs;
use super::subject::SubjectArgs;
use crate::quantity::positive_duration_from;

#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    /// The URL of a member of the assigner; may be given several times, any member leads to the leader
    #[arg(long, global = true, value_name = "URL", default_value = "http://127.0.0.1:7400")]
    pub(super) assigner: Vec<String>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// The deadline of the command [default: 15s; 10m for `drain --wait`]
    #[arg(long, global = true, value_name = "TIME", value_parser = positive_duration_from)]
    pub(super) timeout: Option<Duration>,
    #[command(subcommand)]
    pub(super) command: AdminCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// List all targets by name
    Targets,
    /// Show one target: its settings and its pods
    Target { target: String },
    /// Create a target; settings that are not given have their defaults
    CreateTarget {
        target: String,
        #[command(flatten)]
        settings: Box<SettingsArgs>,
    },
    /// Change settings of a target; settings that are not given stay
    ConfigureTarget {
        target: String,
        #[command(flatten)]
        settings: Box<SettingsArgs>,
    },
    /// Stop all changes of the assignment, even for pods that die, until the target is unfrozen
    Freeze { target: String },
    /// Allow changes of the assignment again
    Unfreeze { target: String },
    /// Drain a pod: move all its slices to other pods, then the pod ends
    Drain {
        target: String,
        pod: String,
        /// Wait until the pod owns nothing, and show progress
        #[arg(long)]
        wait: bool,
    },
    /// Pin keys to a pod, as long as it may own any; replaces an earlier pin
    Pin {
        target: String,
        #[command(flatten)]
        keys: KeysArgs,
        pod: String,
    },
    /// Remove a pin: the balancer places the keys again
    Unpin {
        target: String,
        #[command(flatten)]
        keys: KeysArgs,
    },
    /// Release poisoned keys: those whose owners crashed one after the other
    Release {
        target: String,
        #[command(flatten)]
        keys: KeysArgs,
    },
    /// Show the last decisions and their reasons, and what delays the next one
    Decisions {
        target: String,
        /// The maximum number of decisions; a leader remembers 1,000
        #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        last: u32,
    },
    /// Show which pod owns a key, since when and why, what it carries and what would move it; or the same of a slice or a
    /// pod
    Explain {
        target: String,
        #[command(flatten)]
        subject: SubjectArgs,
    },
    /// Show decisions, moves, pod changes and alarms with their age
    Events {
        target: String,
        /// Print later events, too, until Ctrl-C
        #[arg(long)]
        follow: bool,
        /// The most past events; a leader remembers 1,000
        #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1_000))]
        last: u32,
    },
    /// Show pods, load, warmth, moves and events live in the terminal; `q` quits
    Top { target: String },
    /// Show what would be decided now, without changing anything
    Plan {
        target: String,
        /// Plan as if this pod had just died; may be given several times
        #[arg(long, value_name = "POD")]
        without: Vec<String>,
        /// Plan as if a load balancing were due; without it, only repairs are planned
        #[arg(long)]
        balance: bool,
    },
    /// List the members of the assigner
    Cluster,
    /// Show the load of each pod, the mean and the tolerance
    Loads { target: String },
    /// Add a running member, and wait until it has caught up
    AddMember { id: u64, url: String },
    /// Remove a member permanently
    RemoveMember { id: u64 },
}
