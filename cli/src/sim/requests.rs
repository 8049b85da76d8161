//! `emberkeep sim requests`: the value of affinity, measured with recorded requests.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use emberkeep_core::load::Load;
use emberkeep_sim::requests::{
    Addition, FigureTable, Figures, PlacementPolicy, PodEvents, ReplayPlan, RequestReplay, WarmCapacity,
};
use emberkeep_sim::workload::RequestTrace;
use serde::Serialize;

use super::sim_progress::SimProgress;
use crate::exit::CommandError;
use crate::file::{create, request_trace, title};
use crate::output;
use crate::quantity::{byte_count_from, duration_from, number_from, positive_duration_from};

/// Replay recorded requests on simulated pods: how evenly they are loaded, how many requests find their value warm, and
/// how many read the object store
///
/// Compares Emberkeep's balancer with measured load, consistent hashing, and pods without affinity, of which any may
/// get any request. Without a trace, a built-in excerpt is replayed: 5,000 requests to a web application.
#[derive(Debug, Args)]
pub(super) struct RequestsArgs {
    /// The requests: CSV with the header at_ms,key,load
    #[arg(value_name = "TRACE.csv")]
    trace: Option<PathBuf>,
    /// How many pods there are
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    pods: u32,
    /// 1 as recorded, 2 twice as fast; the balancer decides every 5 s of simulated time
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = speed_milli_from)]
    speed: u64,
    /// The warm memory of each pod, as 64MiB [default: half of all values in all pods together]
    #[arg(long, value_name = "BYTES", value_parser = byte_count_from)]
    memory: Option<u64>,
    /// The warm memory of each pod as a number of values
    #[arg(long, value_name = "COUNT", conflicts_with = "memory")]
    warm_keys: Option<u64>,
    /// The size of one value in memory, with its overhead
    #[arg(long, value_name = "BYTES", default_value = "4KiB", value_parser = byte_count_from)]
    value_bytes: u64,
    /// The capacity of a pod in load units a second [default: twice its share of the mean load]
    #[arg(long, value_name = "UNITS")]
    capacity: Option<u32>,
    /// The maximum number of pods that serve a key, with Emberkeep's balancer
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    max_replicas: u32,
    /// Kill the oldest pod this often; 10 s later it is back with empty memory
    #[arg(long, value_name = "TIME", value_parser = positive_duration_from)]
    kill_every: Option<Duration>,
    /// Replace all pods in the middle third of the run, one after the other, as a deployment does
    #[arg(long)]
    rolling_restart: bool,
    /// Pods that join, and when, as 2@60s; may be given several times
    #[arg(long, value_name = "COUNT@TIME", value_parser = addition_from)]
    add: Vec<Addition>,
    /// The seed of the simulation
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Replays the requests with each balancer, and prints and writes the figures.
pub(super) fn run(args: &RequestsArgs) -> Result<(), CommandError> {
    let (title, requests) = match &args.trace {
        Some(path) => (title(path), request_trace(path)?),
        None => ("built-in".to_owned(), RequestTrace::web12_excerpt()),
    };
    let play = RequestReplay::try_new(&requests, &plan(args)).map_err(CommandError::bad_input)?;
    let progress = SimProgress::begin();
    let figures = PlacementPolicy::ALL.map(|policy| {
        let stage = progress.stage(&format!("{title} by {policy}"), play.end_ms());
        play.run(policy, &mut |at_ms| stage.reach(at_ms))
    });
    progress.end();
    if let Some(path) = &args.json {
        let played = Played {
            trace: &title,
            seed: args.seed,
            pods: args.pods,
            values_per_pod: play.room(),
            requests: play.request_count(),
            keys: play.key_count(),
            duration_ms: play.end_ms(),
            balancers: &figures,
        };
        output::write_json(create(path)?, &played)?;
    }
    let end_s = play.end_ms().div_ceil(1_000);
    output::print(format_args!(
        "{title}: {} requests for {} keys in {end_s} s, pods that can keep {} values each, {} in the beginning\n\n{}",
        play.request_count(),
        play.key_count(),
        play.room(),
        args.pods,
        FigureTable(&figures)
    ))
}

/// The JSON of the figures.
#[derive(Debug, Serialize)]
struct Played<'a> {
    trace: &'a str,
    seed: u64,
    pods: u32,
    values_per_pod: u64,
    requests: usize,
    keys: usize,
    duration_ms: u64,
    balancers: &'a [Figures],
}

fn plan(args: &RequestsArgs) -> ReplayPlan {
    ReplayPlan {
        pod_count: args.pods,
        speed_milli: args.speed,
        room: match (args.memory, args.warm_keys) {
            (Some(bytes), _) => WarmCapacity::Bytes(bytes),
            (None, Some(values)) => WarmCapacity::Values(values),
            (None, None) => WarmCapacity::HalfOfAllKeys,
        },
        value_bytes: args.value_bytes,
        capacity: args.capacity.map(|units| Load::from_units(units.into())),
        replicas_max: args.max_replicas,
        events: PodEvents {
            kill_every: args.kill_every,
            is_rolling_restart: args.rolling_restart,
            additions: args.add.clone(),
        },
        seed: args.seed,
    }
}

fn speed_milli_from(text: &str) -> Result<u64, String> {
    number_from(text, 0.001..=1_000.0)
        .map(|speed| (speed * 1_000.0).round() as u64)
        .ok_or_else(|| "it must be a number from 0.001 to 1000".to_owned())
}

fn addition_from(text: &str) -> Result<Addition, String> {
    let unlike = || "write how many pods join and when, as 2@60s".to_owned();
    let (count, at) = text.split_once('@').ok_or_else(unlike)?;
    let pod_count = count.parse().ok().filter(|count| *count > 0).ok_or_else(unlike)?;
    Ok(Addition {
        pod_count,
        at: duration_from(at)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_sensible_factor_in_thousandths() {
        assert_eq!(
            ["1", "0.5", "0.001", "1000"].map(speed_milli_from),
            [Ok(1_000), Ok(500), Ok(1), Ok(1_000_000)]
        );
        for bad in ["0", "-1", "NaN", "inf", "fast", "1001"] {
            assert!(speed_milli_from(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pods_that_join_are_a_number_and_a_time() {
        let at = Duration::from_secs(60);
        assert_eq!(addition_from("2@60s"), Ok(Addition { pod_count: 2, at }));
        for bad in ["2", "@60s", "0@60s", "two@60s", "2@60", "2@"] {
            assert!(addition_from(bad).is_err(), "{bad}");
        }
    }
}
