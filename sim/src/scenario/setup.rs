//! What there is before anything happens.

use std::time::Duration;

use emberkeep_core::assigner::TargetSettings;
use emberkeep_core::balancer::Imbalance;
use emberkeep_core::load::Load;
use emberkeep_core::pod::Weight;

use super::ScenarioFault;
use super::parse_op::{KEY_MAX, capacity, imbalance, replicas, weight};
use super::word_reader::{WordReader, unexpected};
use crate::cluster::{ClusterSettings, Counts, Delay};

/// The cluster and its workload; what was not said yet is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Setup {
    pods: Option<u64>,
    weights: Option<Vec<Weight>>,
    zones: Option<Vec<String>>,
    capacity: Option<Load>,
    imbalance: Option<Imbalance>,
    replicas: Option<(u32, u32)>,
    keys: Option<KeyDistribution>,
    load: Option<Load>,
    seed: Option<u64>,
    counts: Option<Counts>,
    network: Option<Delay>,
    raft: Option<Delay>,
    run: Option<Duration>,
    watch_from: Option<Duration>,
}

/// The keys that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyDistribution {
    pub(super) count: u64,
    /// Of the Zipf distribution, in thousandths; 0 is uniform.
    pub(super) exponent: u64,
}

const LINES: &str = "at, every, run, pods, weights, zones, capacity, imbalance, replicas, keys, load, seed, counts, \
                     network, raft or watch";

/// Before this time the cluster settles in.
const WATCH_FROM: Duration = Duration::from_secs(60);

impl Setup {
    /// Takes in one line.
    pub(super) fn read(&mut self, words: &mut WordReader<'_>) -> Result<(), ScenarioFault> {
        match words.next(LINES)? {
            "pods" => say(&mut self.pods, "pods", words.number("how many pods,", 0, 10_000)?),
            "weights" => say(&mut self.weights, "weights", all(words, weight)?),
            "zones" => say(
                &mut self.zones,
                "zones",
                all(words, |words| Ok(words.name("a zone")?.to_owned()))?,
            ),
            "capacity" => say(&mut self.capacity, "capacity", capacity(words)?),
            "imbalance" => say(&mut self.imbalance, "imbalance", imbalance(words)?),
            "replicas" => say(&mut self.replicas, "replicas", replicas(words)?),
            "keys" => say(&mut self.keys, "keys", keys(words)?),
            "load" => say(&mut self.load, "load", capacity(words)?),
            "seed" => say(&mut self.seed, "seed", words.number("a seed", 0, u64::MAX)?),
            "counts" => say(&mut self.counts, "counts", counts(words)?),
            "network" => say(&mut self.network, "network", delay(words)?),
            "raft" => say(&mut self.raft, "raft", delay(words)?),
            "run" => say(&mut self.run, "run", words.duration()?),
            "watch" => {
                words.expect("from")?;
                say(&mut self.watch_from, "watch", words.duration()?)
            }
            other => Err(unexpected(other, LINES)),
        }
    }

    /// What was not said and has to be.
    pub(super) fn check(&self) -> Result<(), ScenarioFault> {
        let unsaid = |what, example| Err(ScenarioFault::Unsaid { what, example });
        match self {
            Self { pods: None, .. } => unsaid("how many pods there are", "pods 6"),
            Self { keys: None, .. } => unsaid("which keys are asked for", "keys 2000 zipf 0.6"),
            Self { load: None, .. } => unsaid("how often", "load 3600"),
            Self { capacity: None, .. } => unsaid("what a pod can carry", "capacity 1000"),
            Self { run: None, .. } => unsaid("how long it takes", "run 10m"),
            Self { .. } => self
                .cluster(1)
                .target
                .validated()
                .map(|_| ())
                .map_err(|error| ScenarioFault::Refused(error.to_string())),
        }
    }

    pub(super) fn cluster(&self, seed: u64) -> ClusterSettings {
        let mut target = TargetSettings::default();
        let balancer = &mut target.balancer;
        balancer.max_load_hint = self.capacity.unwrap_or(balancer.max_load_hint);
        balancer.imbalance = self.imbalance.unwrap_or_default();
        (balancer.min_replicas, balancer.max_replicas) = self.replicas.unwrap_or((1, 1));
        let defaults = ClusterSettings::default();
        ClusterSettings {
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

    /// The weight of the pod of that number: weights are dealt in turn.
    pub(super) fn weight_of(&self, pod: u64) -> Weight {
        dealt(self.weights.as_deref(), pod).copied().unwrap_or_default()
    }

    /// The zone of the pod of that number: zones are dealt in turn.
    pub(super) fn zone_of(&self, pod: u64) -> &str {
        dealt(self.zones.as_deref(), pod).map_or("", String::as_str)
    }

    pub(super) fn keys(&self) -> KeyDistribution {
        self.keys.unwrap_or(KeyDistribution { count: 0, exponent: 0 })
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

fn say<T>(place: &mut Option<T>, what: &'static str, value: T) -> Result<(), ScenarioFault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(ScenarioFault::Twice { what }),
    }
}

fn dealt<T>(among: Option<&[T]>, number: u64) -> Option<&T> {
    let among = among?;
    among.get(number as usize % among.len().max(1))
}

/// At least one, to the end of the line.
fn all<'a, T>(
    words: &mut WordReader<'a>,
    one: impl Fn(&mut WordReader<'a>) -> Result<T, ScenarioFault>,
) -> Result<Vec<T>, ScenarioFault> {
    let mut all = vec![one(words)?];
    while words.peek().is_some() {
        all.push(one(words)?);
    }
    Ok(all)
}

fn keys(words: &mut WordReader<'_>) -> Result<KeyDistribution, ScenarioFault> {
    let count = words.number("how many keys,", 1, KEY_MAX)?;
    let allowed = "uniform or zipf";
    let exponent = match words.next(allowed)? {
        "uniform" => 0,
        "zipf" => words.thousandths("an exponent", 0, 5_000)?,
        other => return Err(unexpected(other, allowed)),
    };
    Ok(KeyDistribution { count, exponent })
}

fn counts(words: &mut WordReader<'_>) -> Result<Counts, ScenarioFault> {
    words.read("expected or poisson", |word| match word {
        "expected" => Some(Counts::Expected),
        "poisson" => Some(Counts::Poisson),
        _ => None,
    })
}

fn delay(words: &mut WordReader<'_>) -> Result<Delay, ScenarioFault> {
    let (min, max) = words.durations()?;
    Ok(Delay { min, max })
}
