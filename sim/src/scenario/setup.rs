//! The setup: the cluster and its load before the first operation.

use std::time::Duration;

use emberkeep_core::assigner::TargetSettings;
use emberkeep_core::balancer::Imbalance;
use emberkeep_core::load::Load;
use emberkeep_core::pod::Weight;

use super::ScenarioFault;
use super::parse_op::{KEY_MAX, capacity, imbalance, replicas, weight};
use super::word_reader::{WordReader, unexpected};
use crate::cluster::{Counts, Delay, SimClusterSettings};

/// The settings of the cluster and its load; `None` for those without a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Setup {
    pods: Option<u64>,
    weights: Option<Vec<Weight>>,
    zones: Option<Vec<String>>,
    capacity: Option<Load>,
    imbalance: Option<Imbalance>,
    replicas: Option<(u32, u32)>,
    keys: Option<ScenarioKeys>,
    load: Option<Load>,
    seed: Option<u64>,
    counts: Option<Counts>,
    network: Option<Delay>,
    raft: Option<Delay>,
    run: Option<Duration>,
    watch_from: Option<Duration>,
}

/// The number of keys and the distribution of load among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScenarioKeys {
    pub(super) count: u64,
    /// The exponent of the Zipf distribution, in thousandths; 0 for uniform.
    pub(super) exponent: u64,
}

const LINES: &str = "at, every, run, pods, weights, zones, capacity, imbalance, replicas, keys, load, seed, counts, \
                     network, raft or watch";

/// The default of `watch from`: figures count from here on, after the cluster has settled.
const WATCH_FROM: Duration = Duration::from_secs(60);

impl Setup {
    /// Parses one line of the setup.
    pub(super) fn read(&mut self, reader: &mut WordReader<'_>) -> Result<(), ScenarioFault> {
        match reader.next(LINES)? {
            "pods" => set_once(&mut self.pods, "pods", reader.number("a number of pods", 0, 10_000)?),
            "weights" => set_once(&mut self.weights, "weights", all(reader, weight)?),
            "zones" => set_once(
                &mut self.zones,
                "zones",
                all(reader, |reader| Ok(reader.name("a zone")?.to_owned()))?,
            ),
            "capacity" => set_once(&mut self.capacity, "capacity", capacity(reader)?),
            "imbalance" => set_once(&mut self.imbalance, "imbalance", imbalance(reader)?),
            "replicas" => set_once(&mut self.replicas, "replicas", replicas(reader)?),
            "keys" => set_once(&mut self.keys, "keys", keys(reader)?),
            "load" => set_once(&mut self.load, "load", capacity(reader)?),
            "seed" => set_once(&mut self.seed, "seed", reader.number("a seed", 0, u64::MAX)?),
            "counts" => set_once(&mut self.counts, "counts", counts(reader)?),
            "network" => set_once(&mut self.network, "network", delay(reader)?),
            "raft" => set_once(&mut self.raft, "raft", delay(reader)?),
            "run" => set_once(&mut self.run, "run", reader.duration()?),
            "watch" => {
                reader.expect("from")?;
                set_once(&mut self.watch_from, "watch", reader.duration()?)
            }
            other => Err(unexpected(other, LINES)),
        }
    }

    /// Checks that all required lines are there and the settings are valid.
    pub(super) fn check(&self) -> Result<(), ScenarioFault> {
        let missing = |what, example| Err(ScenarioFault::NotSet { what, example });
        match self {
            Self { pods: None, .. } => missing("the number of pods", "pods 6"),
            Self { keys: None, .. } => missing("the keys", "keys 2000 zipf 0.6"),
            Self { load: None, .. } => missing("the load", "load 3600"),
            Self { capacity: None, .. } => missing("the capacity of a pod", "capacity 1000"),
            Self { run: None, .. } => missing("the length of the run", "run 10m"),
            Self { .. } => self
                .cluster(1)
                .target
                .validated()
                .map(|_| ())
                .map_err(|error| ScenarioFault::Refused(error.to_string())),
        }
    }

    pub(super) fn cluster(&self, seed: u64) -> SimClusterSettings {
        let mut target = TargetSettings::default();
        let balancer = &mut target.balancer;
        balancer.max_load_hint = self.capacity.unwrap_or(balancer.max_load_hint);
        balancer.imbalance = self.imbalance.unwrap_or_default();
        (balancer.min_replicas, balancer.max_replicas) = self.replicas.unwrap_or((1, 1));
        let defaults = SimClusterSettings::default();
        SimClusterSettings {
            seed,
            target,
            counts: self.counts.unwrap_or_default(),
            network_delay: self.network.unwrap_or(defaults.network_delay),
            raft_delay: self.raft.unwrap_or(defaults.raft_delay),
            warm_delay: defaults.warm_delay,
            sends_diffs: defaults.sends_diffs,
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }

    pub(super) fn pod_count(&self) -> u64 {
        self.pods.unwrap_or_default()
    }

    /// The weight of pod number `pod`; weights are assigned round-robin.
    pub(super) fn weight_of(&self, pod: u64) -> Weight {
        round_robin(self.weights.as_deref(), pod).copied().unwrap_or_default()
    }

    /// The zone of pod number `pod`; zones are assigned round-robin.
    pub(super) fn zone_of(&self, pod: u64) -> &str {
        round_robin(self.zones.as_deref(), pod).map_or("", String::as_str)
    }

    pub(super) fn keys(&self) -> ScenarioKeys {
        self.keys.unwrap_or(ScenarioKeys { count: 0, exponent: 0 })
    }

    pub(super) fn load(&self) -> Load {
        self.load.unwrap_or_default()
    }

    pub(super) fn run(&self) -> Duration {
        self.run.unwrap_or_default()
    }

    pub(super) fn watch_from(&self) -> Duration {
        self.watch_from.unwrap_or(WATCH_FROM)
    }
}

fn set_once<T>(place: &mut Option<T>, what: &'static str, value: T) -> Result<(), ScenarioFault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(ScenarioFault::Duplicate { what }),
    }
}

fn round_robin<T>(among: Option<&[T]>, number: u64) -> Option<&T> {
    let among = among?;
    among.get(number as usize % among.len().max(1))
}

/// Parses one or more values up to the end of the line.
fn all<'a, T>(
    reader: &mut WordReader<'a>,
    one: impl Fn(&mut WordReader<'a>) -> Result<T, ScenarioFault>,
) -> Result<Vec<T>, ScenarioFault> {
    let mut all = vec![one(reader)?];
    while reader.peek().is_some() {
        all.push(one(reader)?);
    }
    Ok(all)
}

fn keys(reader: &mut WordReader<'_>) -> Result<ScenarioKeys, ScenarioFault> {
    let count = reader.number("a number of keys", 1, KEY_MAX)?;
    let allowed = "uniform or zipf";
    let exponent = match reader.next(allowed)? {
        "uniform" => 0,
        "zipf" => reader.thousandths("an exponent", 0, 5_000)?,
        other => return Err(unexpected(other, allowed)),
    };
    Ok(ScenarioKeys { count, exponent })
}

fn counts(reader: &mut WordReader<'_>) -> Result<Counts, ScenarioFault> {
    reader.read("expected or poisson", |word| match word {
        "expected" => Some(Counts::Expected),
        "poisson" => Some(Counts::Poisson),
        _ => None,
    })
}

fn delay(reader: &mut WordReader<'_>) -> Result<Delay, ScenarioFault> {
    let (min, max) = reader.durations()?;
    Ok(Delay { min, max })
}
