//! The arguments of `emberkeep dev`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use emberkeep_lab::cluster::StoreChoice;
use emberkeep_lab::dev::DevSettings;
use emberkeep_lab::load::ample_deadline;

use super::chaos_args::ChaosArgs;
use crate::quantity::{number_from, positive_duration_from};
use crate::telemetry::TelemetryArgs;

/// Run a whole cluster on this machine and drive recorded requests through it.
///
/// Assigner, object store and pods are processes of their own, which listen at free ports of 127.0.0.1. Each answer is
/// compared with the value that its key must have.
///
/// Latency counts from when a request was due, so that a stall is not hidden. A key is unavailable while requests for
/// it wait or fail and none is answered.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// How many pods run the demo service
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) pods: u16,
    /// How many members the assigner has: 1, 3 or 5; a data folder keeps its number
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = member_count_from)]
    pub(super) assigners: u16,
    /// Requests to drive through the cluster: CSV with the header at_ms,key,load [default: a built-in excerpt,
    /// repeatedly]
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    /// 1 as recorded, 2 twice as fast; 0 as fast as requests are answered
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = speed_from, conflicts_with = "rate")]
    pub(super) speed: f64,
    /// Requests a second, evenly spaced and repeated, instead of the recorded times
    #[arg(long, value_name = "REQUESTS_PER_SECOND", value_parser = rate_from)]
    pub(super) rate: Option<f64>,
    /// The object store: s3 (a server that is started), folder, or the URL of a bucket as
    /// s3://bucket/prefix?endpoint=http://host:port&path_style=true
    #[arg(long, value_name = "STORE", default_value = "s3")]
    pub(super) store: StoreChoice,
    /// How long to send requests; a shorter trace is repeated [default: until the trace ends, or until Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = positive_duration_from)]
    pub(super) duration: Option<Duration>,
    /// The folder of all data; given again, the same cluster continues [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Record the events and decisions of the assigner to this file, for `emberkeep sim replay-recording`; each further
    /// member, and each restarted one, writes to FILE.2 and so on
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,
    /// Write the summary to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write a configuration of Prometheus, with rules and alerts, to this folder; its targets follow the processes
    #[arg(long, value_name = "DIR")]
    pub(super) open_metrics_dir: Option<PathBuf>,
    /// Start a Prometheus server with that configuration, if one is installed [default folder: in the data folder]
    #[arg(long)]
    pub(super) prometheus: bool,
    /// Pods log one in so many requests, with its slice, duration and status [default: none]
    #[arg(long, value_name = "ONE_IN", default_value_t = 0, hide_default_value = true)]
    pub(super) log_requests: u64,
    #[command(flatten)]
    pub(super) telemetry: TelemetryArgs,
    /// Move slices without transferring their warm values to the new owner first
    #[arg(long)]
    pub(super) no_transfer: bool,
    /// Give each request two minutes, so that none fails only because the machine is busy; for tests
    #[arg(long, hide = true)]
    patient: bool,
    #[command(flatten)]
    pub(super) chaos: ChaosArgs,
}

impl DevArgs {
    pub(super) fn settings(&self, program: PathBuf) -> DevSettings {
        DevSettings {
            program,
            pods: self.pods,
            assigners: self.assigners,
            store: self.store.clone(),
            duration: self.duration,
            record: self.record.clone(),
            metrics_folder: self.open_metrics_dir.clone(),
            prometheus: self.prometheus,
            telemetry: self.telemetry.flags(),
            logs_one_in: self.log_requests,
            transfer: !self.no_transfer,
            clerk: self.patient.then(ample_deadline).unwrap_or_default(),
            chaos: self.chaos.settings(),
        }
    }
}

fn speed_from(text: &str) -> Result<f64, String> {
    number_from(text, 0.0..=1_000_000.0)
        .filter(|speed| *speed == 0.0 || *speed >= 0.001)
        .ok_or_else(|| "it must be 0, or a number from 0.001 to 1000000".to_owned())
}

pub(super) fn rate_from(text: &str) -> Result<f64, String> {
    number_from(text, 0.001..=1_000_000.0).ok_or_else(|| "it must be a number from 0.001 to 1000000".to_owned())
}

fn member_count_from(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(count @ (1 | 3 | 5)) => Ok(count),
        Ok(_) | Err(_) => Err("it must be 1, 3 or 5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_zero_or_a_sensible_factor() {
        for good in ["0", "1", "0.5", "5"] {
            assert!(speed_from(good).is_ok(), "{good}");
        }
        for bad in ["-1", "NaN", "inf", "fast", "0.0000001"] {
            assert!(speed_from(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rate_is_more_than_nothing() {
        for good in ["1", "0.5", "500"] {
            assert!(rate_from(good).is_ok(), "{good}");
        }
        for bad in ["0", "-1", "NaN", "inf", "all"] {
            assert!(rate_from(bad).is_err(), "{bad}");
        }
    }
}
