//! Serving: each request goes to a pod that owns its key, which has the value warm or reads it.

use std::collections::BTreeMap;

use emberkeep_core::keyspace::SliceKey;

use super::arrivals::Arrival;
use super::play::Play;
use super::tally::Tally;
use super::warm_values::WarmValues;
use crate::load_trace::{KeyId, PodId};
use crate::ownership::{Owners, OwnershipMap};
use crate::random_stream::RandomStream;
use crate::replay::{Moment, TraceState};

/// A request, and the pod that got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) arrival: Arrival,
    pub(super) pod: PodId,
}

/// How a request found its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Warm.
    Hit,
    /// Not warm in this pod, though the key was asked for before.
    Miss,
    /// Not warm anywhere: nobody ever asked for the key before.
    Cold,
}

/// The pods with what they have warm, and what came of the requests so far.
pub(super) struct Serving<'a> {
    play: &'a Play,
    /// How many requests have come.
    served_count: usize,
    ownership: OwnershipMap,
    warm: BTreeMap<PodId, WarmValues>,
    was_asked: Vec<bool>,
    chance: RandomStream,
    tally: Tally,
}

impl<'a> Serving<'a> {
    /// No pod is there yet.
    pub(super) fn new(play: &'a Play) -> Self {
        Self {
            play,
            served_count: 0,
            ownership: OwnershipMap::default(),
            warm: BTreeMap::new(),
            was_asked: vec![false; play.trace().keys().len()],
            chance: RandomStream::new(play.seed(), 0),
            tally: Tally::default(),
        }
    }

    /// Serves all requests that come before that moment.
    pub(super) fn until(&mut self, at_ms: u64) -> Vec<Served> {
        let play = self.play;
        let waiting = &play.arrivals()[self.served_count..];
        let due = &waiting[..waiting.partition_point(|arrival| arrival.at_ms < at_ms)];
        self.served_count += due.len();
        due.iter().map(|arrival| self.serve(*arrival)).collect()
    }

    /// The pods are those of the world from now on, and own what was decided, where anything was. A pod forgets what it
    /// does not own any more, and all of it when its process ends.
    pub(super) fn follow(&mut self, world: &TraceState<'_>, decided: Option<&OwnershipMap>, moment: Moment) {
        world.left().iter().for_each(|pod| drop(self.warm.remove(pod)));
        let (room, value) = (self.play.room_bytes(), self.play.value_bytes());
        let fresh = world.added().iter().map(|pod| (*pod, WarmValues::new(room, value)));
        self.warm.extend(fresh);
        if let Some(ownership) = decided {
            self.ownership = ownership.clone();
            self.forget();
        }
        if moment.is_round {
            self.tally.begin_tick(world.live_count());
        }
        if moment.at_ms > 0 && world.has_new_pods() {
            self.tally.pods_changed(moment.at_ms);
        }
    }

    /// The pods with what they have warm.
    pub(super) const fn warm(&self) -> &BTreeMap<PodId, WarmValues> {
        &self.warm
    }

    /// What came of it.
    pub(super) const fn tally(&self) -> &Tally {
        &self.tally
    }

    fn serve(&mut self, arrival: Arrival) -> Served {
        let owners = self.owners_of(arrival.key);
        let pod = owners[self.chance.below(owners.len() as u64) as usize];
        let served = Served { arrival, pod };
        let is_warm = self.warm.get_mut(&pod).is_some_and(|warm| warm.ask(arrival.key));
        let was_asked = std::mem::replace(&mut self.was_asked[arrival.key.as_usize()], true);
        let outcome = match (is_warm, was_asked) {
            (true, _) => Outcome::Hit,
            (false, true) => Outcome::Miss,
            (false, false) => Outcome::Cold,
        };
        self.tally.count(&served, outcome);
        served
    }

    fn forget(&mut self) {
        let owners: Vec<Owners> = (0..self.was_asked.len())
            .map(|key| self.owners_of(KeyId(key as u32)))
            .collect();
        for (pod, warm) in &mut self.warm {
            warm.retain(|key| owners[key.as_usize()].contains(pod));
        }
    }

    fn owners_of(&self, key: KeyId) -> Owners {
        let position = self.play.trace().keys()[key.as_usize()];
        self.ownership.owners_of(&SliceKey::from_position(position)).clone()
    }
}
