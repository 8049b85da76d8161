//! The arguments of `emberkeep bench herd`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use emberkeep_lab::bench::HerdSettings;
use emberkeep_lab::load::ample_deadline;

use crate::quantity::positive_duration_from;

/// Kill a pod under steady load: what the load of its keys does to the store, with and without the herd guard.
///
/// The store is an S3 server of limited capacity: a read occupies one of a fixed number of slots for a fixed time, a
/// few reads wait for a slot, and any more get 503 SlowDown. Without the guard, the concurrency of pods is unbounded;
/// with it, the assigner divides a rate for the whole target among the pods, and the concurrency of each is bounded.
#[derive(Debug, Args)]
pub(super) struct HerdArgs {
    /// How many pods there are, of which one is killed
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u16).range(2..=16))]
    pods: u16,
    /// How many keys there are, all warm before the kill
    #[arg(long, value_name = "COUNT", default_value_t = 8_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    keys: u32,
    /// Requests a second, spread evenly over the keys
    #[arg(long, value_name = "COUNT", default_value_t = 1_500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How long the load lasts before the kill
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = positive_duration_from)]
    before: Duration,
    /// How long it lasts after the kill
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = positive_duration_from)]
    after: Duration,
    /// How many reads the store serves at a time
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    store_places: u16,
    /// How long the store takes for each
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = positive_duration_from)]
    store_time: Duration,
    /// How many reads may wait at the store
    #[arg(long, value_name = "COUNT", default_value_t = 32)]
    store_waiting: u16,
    /// The guard's rate for the whole target, in store requests a second [default: 80 % of the store's]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    guard_rate: Option<u32>,
    /// How many store requests a pod may make at a time with the guard
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    guard_concurrency: u16,
    /// The folder of all data [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write the report to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Give each request two minutes, so that none fails only because the machine is busy; for tests
    #[arg(long, hide = true)]
    patient: bool,
}

impl HerdArgs {
    pub(super) fn into_settings(self, program: PathBuf) -> HerdSettings {
        HerdSettings {
            program,
            data: self.data,
            pods: self.pods,
            keys: self.keys,
            rate: self.rate,
            before: self.before,
            after: self.after,
            store_places: self.store_places,
            store_time: self.store_time,
            store_waiting: self.store_waiting,
            guard_rate: self.guard_rate,
            guard_concurrency: self.guard_concurrency,
            clerk: self.patient.then(ample_deadline).unwrap_or_default(),
        }
    }
}
