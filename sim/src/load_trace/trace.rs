//! A whole load trace in memory; keys and pods are numbered, so that replays are fast.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;

use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;

use super::{LoadTraceError, LoadTraceReader, TraceConfig, TraceEvent, TraceEventKind};

/// A key of a trace: its index in [`LoadTrace::keys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

/// A pod of a trace: its index in [`LoadTrace::pods`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodId(pub u32);

impl KeyId {
    /// The id as an index into vectors by id.
    #[must_use]
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl PodId {
    /// The id as an index into vectors by id.
    #[must_use]
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// The pods and loads of one target over time, from 0 ms to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadTrace {
    config: TraceConfig,
    keys: Vec<u64>,
    pods: Vec<PodName>,
    changes: Vec<TimedChange>,
    end_ms: u64,
}

/// A change and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedChange {
    /// In milliseconds since the trace began.
    pub at_ms: u64,
    /// The change of pods or loads at that time.
    pub change: TraceChange,
}

/// A change of pods or loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceChange {
    /// The ids of pods that join.
    PodsAdded(Vec<PodId>),
    /// Pods that crash without notice.
    PodsCrashed(Vec<PodId>),
    /// Pods that drain as planned.
    PodsDrained(Vec<PodId>),
    /// The loads of keys from now on.
    LoadSet(Vec<(KeyId, Load)>),
}

impl TraceChange {
    /// Whether pods join or leave.
    #[must_use]
    pub fn is_of_pods(&self) -> bool {
        match self {
            TraceChange::PodsAdded(_) | TraceChange::PodsCrashed(_) | TraceChange::PodsDrained(_) => true,
            TraceChange::LoadSet(_) => false,
        }
    }
}

impl LoadTrace {
    /// Reads a trace to its end.
    ///
    /// # Errors
    /// The first invalid line.
    pub fn read(input: impl BufRead) -> Result<Self, LoadTraceError> {
        let reader = LoadTraceReader::try_new(input)?;
        let mut builder = TraceBuilder::new(reader.config().clone());
        for event in reader {
            builder.add(event?);
        }
        Ok(builder.into_trace())
    }

    /// A trace of events ordered by time, [`TraceEventKind::End`] last, as a reader returns them.
    pub(crate) fn of_events(config: TraceConfig, events: impl IntoIterator<Item = TraceEvent>) -> Self {
        let mut builder = TraceBuilder::new(config);
        events.into_iter().for_each(|event| builder.add(event));
        builder.into_trace()
    }

    /// The configuration of the target.
    #[must_use]
    pub fn config(&self) -> &TraceConfig {
        &self.config
    }

    /// The time between two decisions in milliseconds, at least 1.
    #[must_use]
    pub fn decide_every_ms(&self) -> u64 {
        u64::try_from(self.config.decide_every.as_millis()).unwrap_or(u64::MAX)
    }

    /// The positions of all keys that ever have load, in order.
    #[must_use]
    pub fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// The names of all pods that ever join, in the order of their first join.
    #[must_use]
    pub fn pods(&self) -> &[PodName] {
        &self.pods
    }

    /// All changes, ordered by time.
    #[must_use]
    pub fn changes(&self) -> &[TimedChange] {
        &self.changes
    }

    /// The time of the end event, in milliseconds since the trace began.
    #[must_use]
    pub fn end_ms(&self) -> u64 {
        self.end_ms
    }
}

/// A trace while it is read; keys are numbered in the order of their first load.
struct TraceBuilder {
    trace: LoadTrace,
    key_ids: HashMap<u64, KeyId>,
    pod_ids: BTreeMap<PodName, PodId>,
}

impl TraceBuilder {
    fn new(config: TraceConfig) -> Self {
        Self {
            trace: LoadTrace {
                config,
                keys: Vec::new(),
                pods: Vec::new(),
                changes: Vec::new(),
                end_ms: 0,
            },
            key_ids: HashMap::new(),
            pod_ids: BTreeMap::new(),
        }
    }

    fn add(&mut self, event: TraceEvent) {
        let at_ms = event.at_ms;
        let change = match event.what {
            TraceEventKind::PodsAdded(pods) => TraceChange::PodsAdded(self.pod_ids(pods)),
            TraceEventKind::PodsCrashed(pods) => TraceChange::PodsCrashed(self.pod_ids(pods)),
            TraceEventKind::PodsDrained(pods) => TraceChange::PodsDrained(self.pod_ids(pods)),
            TraceEventKind::LoadSet(loads) => TraceChange::LoadSet(
                loads
                    .into_iter()
                    .map(|(position, load)| (self.key_id(position), load))
                    .collect(),
            ),
            TraceEventKind::End => {
                self.trace.end_ms = at_ms;
                return;
            }
        };
        self.trace.changes.push(TimedChange { at_ms, change });
    }

    fn pod_ids(&mut self, names: Vec<PodName>) -> Vec<PodId> {
        names.into_iter().map(|name| self.pod_id(name)).collect()
    }

    fn pod_id(&mut self, name: PodName) -> PodId {
        let pods = &mut self.trace.pods;
        *self.pod_ids.entry(name).or_insert_with_key(|name| {
            pods.push(name.clone());
            PodId(number(pods.len() - 1))
        })
    }

    fn key_id(&mut self, position: u64) -> KeyId {
        let keys = &mut self.trace.keys;
        *self.key_ids.entry(position).or_insert_with(|| {
            keys.push(position);
            KeyId(number(keys.len() - 1))
        })
    }

    /// Renumbers the keys in key order.
    fn into_trace(self) -> LoadTrace {
        let mut trace = self.trace;
        let seen = trace.keys.clone();
        trace.keys.sort_unstable();
        let mut ordered = vec![KeyId(0); seen.len()];
        for (index, position) in trace.keys.iter().enumerate() {
            ordered[self.key_ids[position].as_usize()] = KeyId(number(index));
        }
        for changed in &mut trace.changes {
            if let TraceChange::LoadSet(loads) = &mut changed.change {
                loads.iter_mut().for_each(|(key, _)| *key = ordered[key.as_usize()]);
            }
        }
        trace
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("fewer than 2^32 keys or pods fit in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbered_in_key_order_and_pods_as_they_join() {
        let text = concat!(
            r#"{"at_ms":0,"event":"config","max_load_hint":1,"imbalance":"TIGHT","min_replicas":1,"max_replicas":1,"decide_every_ms":1}"#,
            "\n",
            r#"{"at_ms":0,"event":"pods_added","pods":["b","a"]}"#,
            "\n",
            r#"{"at_ms":0,"event":"load_set","loads":[["0000000000000009",1],["0000000000000003",2]]}"#,
            "\n",
            r#"{"at_ms":7,"event":"load_set","loads":[["0000000000000006",3],["0000000000000009",0]]}"#,
            "\n",
            r#"{"at_ms":9,"event":"pods_crashed","pods":["a"]}"#,
            "\n",
            r#"{"at_ms":20,"event":"end"}"#,
        );
        let trace = LoadTrace::read(text.as_bytes()).unwrap();
        assert_eq!(trace.keys(), [3, 6, 9]);
        assert_eq!(trace.pods().iter().map(PodName::as_str).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(trace.end_ms(), 20);
        let set = |loads: &[(u32, u64)]| {
            let loads = loads.iter().map(|(key, units)| (KeyId(*key), Load::from_units(*units)));
            TraceChange::LoadSet(loads.collect())
        };
        let changes = [
            (0, TraceChange::PodsAdded(vec![PodId(0), PodId(1)])),
            (0, set(&[(2, 1), (0, 2)])),
            (7, set(&[(1, 3), (2, 0)])),
            (9, TraceChange::PodsCrashed(vec![PodId(1)])),
        ];
        assert_eq!(
            trace.changes(),
            changes.map(|(at_ms, change)| TimedChange { at_ms, change })
        );
    }
}
