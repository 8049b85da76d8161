//! The arguments of `emberkeep dev` for disruptions of the cluster.

use std::ops::Bound::Excluded;
use std::time::Duration;

use clap::Args;
use emberkeep_lab::chaos::{ChaosSettings, RecurringFault};

use crate::exit::CommandError;
use crate::quantity::{duration_from, number_from, positive_duration_from};

/// Disruptions by operators and by accident. All begin after the warm-up.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Disruptions")]
pub(super) struct ChaosArgs {
    /// Kill a random pod with SIGKILL this often, and start a replacement at once
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from)]
    kill_every: Option<Duration>,
    /// Kill the leading member of the assigner with SIGKILL this often, and start it again at once
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from)]
    kill_leader_every: Option<Duration>,
    /// Drain a random pod with SIGTERM this often, and start a replacement at the same time
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from)]
    drain_every: Option<Duration>,
    /// Halt a random pod with SIGSTOP this often
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from)]
    stop_every: Option<Duration>,
    /// How long a pod is halted until SIGCONT [default: 8s]
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from, requires = "stop_every")]
    stop_for: Option<Duration>,
    /// Partition a random pod from clients, the assigner and other pods this often: connections stay open, and nothing
    /// passes
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from, conflicts_with = "kill_leader_every")]
    partition_every: Option<Duration>,
    /// How long a pod is partitioned [default: 8s]
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from, requires = "partition_every")]
    partition_for: Option<Duration>,
    /// Replace all pods, some at a time: new ones are started, old ones drain after SIGTERM, and their slices have
    /// moved before the next step
    #[arg(long, conflicts_with_all = POD_FAULTS)]
    rolling_restart: bool,
    /// How many pods are replaced at a time [default: 2]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=64), requires = "rolling_restart")]
    restart_width: Option<u16>,
    /// Change the number of pods to each of these in turn; each step when the last has settled
    #[arg(
        long,
        value_name = "COUNT,...",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u16).range(1..=64),
        conflicts_with_all = POD_FAULTS,
        conflicts_with = "rolling_restart",
    )]
    scale: Vec<u16>,
    /// Kill all members of the assigner with SIGKILL, once, and start them again after this time; meanwhile a new
    /// client that knows only pods sends requests
    #[arg(
        long,
        value_name = "TIME",
        value_parser = positive_duration_from,
        conflicts_with_all = ["kill_leader_every", "partition_every", "rolling_restart", "scale", "hot_key"],
    )]
    kill_assigners_for: Option<Duration>,
    /// Send this share of the requests, as 0.3, to one key from the middle of the run on, and balance the load
    #[arg(long, value_name = "SHARE", value_parser = share_from, requires = "duration")]
    pub(super) hot_key: Option<f64>,
    /// How long requests run before the first disruption [default: 10s, or a quarter of --for if that is shorter; 0s
    /// without disruptions]
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    warm_up: Option<Duration>,
}

/// Periodic faults, under which a step would never settle.
const POD_FAULTS: [&str; 4] = ["kill_every", "drain_every", "stop_every", "partition_every"];
/// The duration of a halt or partition: long enough for the pod to be declared dead.
const DEFAULT_FAULT_DURATION: Duration = Duration::from_secs(8);
const DEFAULT_RESTART_WIDTH: u16 = 2;

impl ChaosArgs {
    pub(super) fn settings(&self) -> ChaosSettings {
        let recurring = |every: Option<Duration>, lasts: Option<Duration>| {
            let lasts = lasts.unwrap_or(DEFAULT_FAULT_DURATION);
            every.map(|every| RecurringFault { every, lasts })
        };
        ChaosSettings {
            kill_every: self.kill_every,
            kill_leader_every: self.kill_leader_every,
            drain_every: self.drain_every,
            stop: recurring(self.stop_every, self.stop_for),
            partition: recurring(self.partition_every, self.partition_for),
            rolling_restart: self
                .rolling_restart
                .then(|| self.restart_width.unwrap_or(DEFAULT_RESTART_WIDTH)),
            scale: self.scale.clone(),
            kill_assigners_for: self.kill_assigners_for,
            hot_key: self.hot_key,
            warm_up: self.warm_up,
        }
    }

    /// Rejects contradictory flags, for a run of that length.
    pub(super) fn check(&self, run: Option<Duration>) -> Result<(), CommandError> {
        let settings = self.settings();
        for (name, fault) in [("stop", settings.stop), ("partition", settings.partition)] {
            if let Some(RecurringFault { every, lasts }) = fault.filter(|fault| fault.every <= fault.lasts) {
                return Err(CommandError::bad_input(format!(
                    "--{name}-every {every:?} must be longer than --{name}-for {lasts:?}"
                )));
            }
        }
        let warm_up = settings.warm_up(run);
        match run {
            Some(run) if settings.is_any() && run <= warm_up => Err(CommandError::bad_input(format!(
                "--for {run:?} must be longer than --warm-up {warm_up:?}, or nothing is done to the cluster"
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

fn share_from(text: &str) -> Result<f64, String> {
    number_from(text, (Excluded(0.0), Excluded(1.0)))
        .ok_or_else(|| "it must be a number between 0 and 1, as 0.3".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_share_is_a_part_of_the_requests() {
        assert_eq!(share_from("0.3"), Ok(0.3));
        for bad in ["0", "1", "-0.1", "NaN", "30%"] {
            assert!(share_from(bad).unwrap_err().contains("as 0.3"), "{bad}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let chaos = ChaosArgs {
            stop_every: Some(seconds(5)),
            ..ChaosArgs::default()
        };
        let refused = CommandError::bad_input("--stop-every 5s must be longer than --stop-for 8s");
        assert_eq!(chaos.check(None), Err(refused));
        let chaos = ChaosArgs {
            rolling_restart: true,
            warm_up: Some(seconds(10)),
            ..ChaosArgs::default()
        };
        let refused = "--for 10s must be longer than --warm-up 10s, or nothing is done to the cluster";
        assert_eq!(chaos.check(Some(seconds(10))), Err(CommandError::bad_input(refused)));
        assert_eq!(chaos.check(Some(seconds(11))), Ok(()));
        assert_eq!(chaos.check(None), Ok(()));
    }
}
