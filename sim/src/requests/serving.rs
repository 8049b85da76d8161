//! Serving: each request goes to a pod that owns its key, which has the value warm or reads it from the store.

use std::collections::BTreeMap;

use emberkeep_core::keyspace::SliceKey;

use super::arrival_schedule::Arrival;
use super::recorded_run::RecordedRun;
use super::request_totals::RequestTotals;
use super::served::{Served, ValueLookup};
use super::warm_values::WarmValues;
use crate::load_trace::{KeyId, PodId};
use crate::ownership::{Owners, OwnershipMap};
use crate::random_stream::RandomStream;
use crate::replay::{Moment, TraceState};

/// The pods with their warm values, and the totals of the requests so far.
pub(super) struct Serving<'a> {
    run: &'a RecordedRun,
    /// Requests served so far.
    served_count: usize,
    ownership: OwnershipMap,
    warm: BTreeMap<PodId, WarmValues>,
    /// By key: whether it was requested before.
    was_requested: Vec<bool>,
    random: RandomStream,
    totals: RequestTotals,
}

impl<'a> Serving<'a> {
    /// Serving without pods and requests.
    pub(super) fn new(run: &'a RecordedRun) -> Self {
        Self {
            run,
            served_count: 0,
            ownership: OwnershipMap::default(),
            warm: BTreeMap::new(),
            was_requested: vec![false; run.trace.keys().len()],
            random: RandomStream::new(run.seed, 0),
            totals: RequestTotals::default(),
        }
    }

    /// Serves all requests before `at_ms`.
    pub(super) fn serve_until(&mut self, at_ms: u64) -> Vec<Served> {
        let waiting = &self.run.arrivals[self.served_count..];
        let due = &waiting[..waiting.partition_point(|arrival| arrival.at_ms < at_ms)];
        self.served_count += due.len();
        due.iter().map(|arrival| self.serve(*arrival)).collect()
    }

    /// Follows the pods of the world, and the new ownership if one was decided. A pod drops the values it does not own any
    /// more, and all of them when its process ends.
    pub(super) fn follow(&mut self, world: &TraceState<'_>, decided: Option<&OwnershipMap>, moment: Moment) {
        world.left().iter().for_each(|pod| drop(self.warm.remove(pod)));
        let (room, value) = (self.run.room_bytes, self.run.value_bytes);
        let fresh = world.added().iter().map(|pod| (*pod, WarmValues::new(room, value)));
        self.warm.extend(fresh);
        if let Some(ownership) = decided {
            self.ownership = ownership.clone();
            self.drop_lost_values();
        }
        if moment.is_round {
            self.totals.begin_tick(world.live_count());
        }
        if moment.at_ms > 0 && world.has_new_pods() {
            self.totals.on_pods_changed(moment.at_ms);
        }
    }

    /// The warm values of each pod.
    pub(super) const fn warm(&self) -> &BTreeMap<PodId, WarmValues> {
        &self.warm
    }

    /// The totals so far.
    pub(super) const fn totals(&self) -> &RequestTotals {
        &self.totals
    }

    fn serve(&mut self, arrival: Arrival) -> Served {
        let owners = self.owners_of(arrival.key);
        let pod = owners[self.random.below(owners.len() as u64) as usize];
        let served = Served { arrival, pod };
        let is_warm = self.warm.get_mut(&pod).is_some_and(|warm| warm.request(arrival.key));
        let was_requested = std::mem::replace(&mut self.was_requested[arrival.key.as_usize()], true);
        let lookup = match (is_warm, was_requested) {
            (true, _) => ValueLookup::Hit,
            (false, true) => ValueLookup::Miss,
            (false, false) => ValueLookup::Cold,
        };
        self.totals.record(&served, lookup);
        served
    }

    fn drop_lost_values(&mut self) {
        let owners: Vec<Owners> = (0..self.was_requested.len())
            .map(|key| self.owners_of(KeyId(key as u32)))
            .collect();
        for (pod, warm) in &mut self.warm {
            warm.retain(|key| owners[key.as_usize()].contains(pod));
        }
    }

    fn owners_of(&self, key: KeyId) -> Owners {
        let position = self.run.trace.keys()[key.as_usize()];
        self.ownership.owners_of(&SliceKey::from_position(position)).clone()
    }
}
