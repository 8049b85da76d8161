//! The arguments of `emberkeep dev` that say what is done to the cluster.

use std::time::Duration;

use clap::Args;

use crate::duration::{duration_from, positive_duration_from};
use crate::exit::Failure;

/// What operators and accidents do. All of it begins after the warm-up.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What is done to the cluster")]
pub(crate) struct DeedArgs {
    /// Kill a random pod with SIGKILL this often, and start another one at once
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from)]
    pub(in crate::dev) kill_every: Option<Duration>,
    /// Kill the leading member of the assigner with SIGKILL this often, and start it again at once
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from)]
    pub(in crate::dev) kill_leader_every: Option<Duration>,
    /// Let a random pod drain by SIGTERM this often, and start another one at the same time
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from)]
    pub(in crate::dev) drain_every: Option<Duration>,
    /// Halt a random pod by SIGSTOP this often
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from)]
    pub(in crate::dev) stop_every: Option<Duration>,
    /// How long a pod is halted until SIGCONT [default: 8s]
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from, requires = "stop_every")]
    pub(in crate::dev) stop_for: Option<Duration>,
    /// Cut a random pod off from clients, assigner and other pods' requests this often: connections stay open, and
    /// nothing passes
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from, conflicts_with = "kill_leader_every")]
    pub(in crate::dev) partition_every: Option<Duration>,
    /// How long a pod is cut off [default: 8s]
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from, requires = "partition_every")]
    pub(in crate::dev) partition_for: Option<Duration>,
    /// Replace all pods, some at a time: new ones are started, old ones drain by SIGTERM, and what they owned has moved
    /// before the next ones follow
    #[arg(long, conflicts_with_all = STRIKES_ON_PODS)]
    pub(in crate::dev) rolling_restart: bool,
    /// How many pods are replaced at a time [default: 2]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=64), requires = "rolling_restart")]
    pub(in crate::dev) restart_width: Option<u16>,
    /// Change the number of pods to each of these in turn; each step when the one before has settled
    #[arg(
        long,
        value_name = "COUNT,...",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u16).range(1..=64),
        conflicts_with_all = STRIKES_ON_PODS,
        conflicts_with = "rolling_restart",
    )]
    pub(in crate::dev) scale: Vec<u16>,
    /// Kill all members of the assigner with SIGKILL, once, and start them again after this time; meanwhile a new
    /// client that knows pods only asks for keys
    #[arg(
        long,
        value_name = "TIME",
        value_parser = positive_duration_from,
        conflicts_with_all = ["kill_leader_every", "partition_every", "rolling_restart", "scale", "hot_key"],
    )]
    pub(in crate::dev) kill_assigners_for: Option<Duration>,
    /// Let this share of the requests, as 0.3, go to one key from the middle of the run, and balance the load
    #[arg(long, value_name = "SHARE", value_parser = share_from, requires = "duration")]
    pub(in crate::dev) hot_key: Option<f64>,
    /// How long requests run before anything is done [default: 10s, or a quarter of --for if that is shorter; 0s if
    /// nothing is done]
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    pub(in crate::dev) warm_up: Option<Duration>,
}

/// What would keep a step from ever settling.
const STRIKES_ON_PODS: [&str; 4] = ["kill_every", "drain_every", "stop_every", "partition_every"];
/// How long a pod is halted or cut off: long enough to be taken for dead.
const DEFAULT_SPELL: Duration = Duration::from_secs(8);
/// Long enough for clients to have connected, and for load to be known.
const DEFAULT_WARM_UP: Duration = Duration::from_secs(10);
const DEFAULT_RESTART_WIDTH: u16 = 2;

impl DeedArgs {
    /// Whether anything is done.
    pub(crate) const fn is_any(&self) -> bool {
        self.kill_every.is_some()
            || self.kill_leader_every.is_some()
            || self.drain_every.is_some()
            || self.stop_every.is_some()
            || self.partition_every.is_some()
            || self.rolling_restart
            || !self.scale.is_empty()
            || self.kill_assigners_for.is_some()
            || self.hot_key.is_some()
    }

    /// Whether the pods' connections must be such as can be cut.
    pub(crate) const fn needs_links(&self) -> bool {
        self.partition_every.is_some()
    }

    /// How long requests run before anything is done, in a run of that length.
    pub(crate) fn warm_up(&self, run: Option<Duration>) -> Duration {
        match self.warm_up {
            Some(chosen) => chosen,
            None if self.is_any() => run.map_or(DEFAULT_WARM_UP, |run| DEFAULT_WARM_UP.min(run / 4)),
            None => Duration::ZERO,
        }
    }

    pub(super) fn stop_for(&self) -> Duration {
        self.stop_for.unwrap_or(DEFAULT_SPELL)
    }

    pub(super) fn partition_for(&self) -> Duration {
        self.partition_for.unwrap_or(DEFAULT_SPELL)
    }

    pub(super) fn restart_width(&self) -> u16 {
        self.restart_width.unwrap_or(DEFAULT_RESTART_WIDTH)
    }

    /// Refuses what cannot be, of a run of that length.
    pub(crate) fn check(&self, run: Option<Duration>) -> Result<(), Failure> {
        let spells = [
            ("stop", self.stop_every, self.stop_for()),
            ("partition", self.partition_every, self.partition_for()),
        ];
        for (name, every, lasts) in spells {
            if let Some(every) = every.filter(|every| *every <= lasts) {
                return Err(Failure::bad_input(format!(
                    "--{name}-every {every:?} must be longer than --{name}-for {lasts:?}"
                )));
            }
        }
        let warm_up = self.warm_up(run);
        match run {
            Some(run) if self.is_any() && run <= warm_up => Err(Failure::bad_input(format!(
                "--for {run:?} must be longer than --warm-up {warm_up:?}, or nothing is done to the cluster"
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

fn share_from(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        Ok(_) | Err(_) => Err("it must be a number between 0 and 1, as 0.3".to_owned()),
    }
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
    fn requests_run_for_a_while_before_anything_is_done() {
        let mut deeds = DeedArgs::default();
        assert_eq!(deeds.warm_up(None), Duration::ZERO);
        deeds.kill_every = Some(seconds(5));
        assert_eq!(deeds.warm_up(None), seconds(10));
        assert_eq!(deeds.warm_up(Some(seconds(60))), seconds(10));
        assert_eq!(deeds.warm_up(Some(seconds(8))), seconds(2));
        deeds.warm_up = Some(seconds(3));
        assert_eq!(deeds.warm_up(Some(seconds(60))), seconds(3));
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_sentence() {
        let deeds = DeedArgs {
            stop_every: Some(seconds(5)),
            ..DeedArgs::default()
        };
        let refused = Failure::bad_input("--stop-every 5s must be longer than --stop-for 8s");
        assert_eq!(deeds.check(None), Err(refused));
        let deeds = DeedArgs {
            rolling_restart: true,
            warm_up: Some(seconds(10)),
            ..DeedArgs::default()
        };
        let refused = "--for 10s must be longer than --warm-up 10s, or nothing is done to the cluster";
        assert_eq!(deeds.check(Some(seconds(10))), Err(Failure::bad_input(refused)));
        assert_eq!(deeds.check(Some(seconds(11))), Ok(()));
        assert_eq!(deeds.check(None), Ok(()));
    }
}
