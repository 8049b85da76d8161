//! The arguments of `emberkeep admin`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::keys::KeysArgs;
use super::settings::SettingsArgs;
use crate::duration::positive_duration_from;

#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    /// A member of the assigner; may be given several times, the leader is found from any of them
    #[arg(long, global = true, value_name = "URL", default_value = "http://127.0.0.1:7400")]
    pub(super) assigner: Vec<String>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// How long to try [default: 15s; 10m to wait for a pod that drains]
    #[arg(long, global = true, value_name = "TIME", value_parser = positive_duration_from)]
    pub(super) timeout: Option<Duration>,
    #[command(subcommand)]
    pub(super) command: AdminCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// All targets
    Targets,
    /// One target: its settings and its pods
    Target { target: String },
    /// Create a target; what is not set has its default
    CreateTarget {
        target: String,
        #[command(flatten)]
        settings: Box<SettingsArgs>,
    },
    /// Change settings of a target; what is not set stays as it is
    ConfigureTarget {
        target: String,
        #[command(flatten)]
        settings: Box<SettingsArgs>,
    },
    /// Stop all changes of the assignment, even for pods that die, until the target is unfrozen
    Freeze { target: String },
    /// Let the assignment change again
    Unfreeze { target: String },
    /// Move everything away from a pod, which then ends
    Drain {
        target: String,
        pod: String,
        /// Show how it goes until the pod owns nothing
        #[arg(long)]
        wait: bool,
    },
    /// Bind keys to a pod, as long as it may own any; what they were bound to before counts no longer
    Pin {
        target: String,
        #[command(flatten)]
        keys: KeysArgs,
        pod: String,
    },
    /// Let keys lie where the balancer wants them
    Unpin {
        target: String,
        #[command(flatten)]
        keys: KeysArgs,
    },
    /// Let poisoned keys go: those whose owners crashed one after the other
    Release {
        target: String,
        #[command(flatten)]
        keys: KeysArgs,
    },
    /// What was decided lately and why, and what keeps the next decision
    Decisions {
        target: String,
        /// How many decisions to show, at most; a leader remembers 1,000
        #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        last: u32,
    },
    /// What would be decided now; changes nothing
    Plan {
        target: String,
        /// As if this pod had just died; may be given several times
        #[arg(long, value_name = "POD")]
        without: Vec<String>,
        /// As if it were time to balance the load; else only what has to be repaired moves
        #[arg(long)]
        balance: bool,
    },
    /// The members of the assigner
    Cluster,
    /// What the pods carry, and what they should
    Loads { target: String },
    /// Add a member that runs already, and wait until it has caught up
    AddMember { id: u64, url: String },
    /// Remove a member for good
    RemoveMember { id: u64 },
}
