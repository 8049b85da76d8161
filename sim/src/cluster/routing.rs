//! Routing: where the requests of all clients go, by the assignment that clients hold.

use std::ops::Range;
use std::sync::Arc;

use emberkeep_core::assignment::Assignment;
use emberkeep_core::keyspace::Slice;
use emberkeep_core::load::Load;
use emberkeep_core::pod::Pod;

use super::traffic::Traffic;

/// Which pods the requests for each slice reach. Replicas that answer share a slice's requests equally; where none
/// does, requests fail.
#[derive(Debug)]
pub struct Routing {
    assignment: Arc<Assignment>,
    routes: Vec<Route>,
    /// The routes that lead to each pod, by the pod's place.
    of_pod: Vec<Vec<usize>>,
}

/// The requests for one slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The slice.
    pub slice: Slice,
    /// Its keys, by their places in the traffic.
    pub keys: Range<usize>,
    /// The places of the pods that answer.
    pub answered_by: Vec<usize>,
}

impl Routing {
    /// Before clients know any assignment.
    pub(super) fn unknown() -> Self {
        Self::new(Arc::new(Assignment::unassigned()), &Traffic::default(), 0, |_| None)
    }

    /// The way of requests by `assignment`. `place_of` finds a pod that answers among `pod_count` of them.
    pub(super) fn new(
        assignment: Arc<Assignment>,
        traffic: &Traffic,
        pod_count: usize,
        place_of: impl Fn(&Pod) -> Option<usize>,
    ) -> Self {
        let places: Vec<Option<usize>> = assignment.pods().iter().map(place_of).collect();
        let mut of_pod = vec![Vec::new(); pod_count];
        let mut routes = Vec::with_capacity(assignment.slices().slice_count());
        for (slice, state) in assignment.slices().iter() {
            let answering = state.replicas.serving().filter_map(|pod| places[pod.as_usize()]);
            let answered_by: Vec<usize> = answering.collect();
            answered_by.iter().for_each(|pod| of_pod[*pod].push(routes.len()));
            routes.push(Route {
                keys: traffic.keys_in(&slice),
                slice,
                answered_by,
            });
        }
        Self {
            assignment,
            routes,
            of_pod,
        }
    }

    /// The assignment that clients hold.
    #[must_use]
    pub const fn assignment(&self) -> &Arc<Assignment> {
        &self.assignment
    }

    /// The requests for each slice, in key order.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The requests that reach the pod at that place.
    pub fn to_pod(&self, pod: usize) -> impl Iterator<Item = &Route> {
        let numbers = self.of_pod.get(pod).into_iter().flatten();
        numbers.map(|number| &self.routes[*number])
    }

    /// The load of the pod at that place.
    #[must_use]
    pub fn load_of(&self, pod: usize, traffic: &Traffic) -> Load {
        self.to_pod(pod).map(|route| route.share(traffic)).sum()
    }

    /// The load that reaches nobody.
    #[must_use]
    pub fn unanswered(&self, traffic: &Traffic) -> Load {
        let unanswered = self.routes.iter().filter(|route| route.answered_by.is_empty());
        unanswered.map(|route| traffic.load_of(&route.keys)).sum()
    }
}

impl Route {
    /// What one of the pods that answer gets.
    #[must_use]
    pub fn share(&self, traffic: &Traffic) -> Load {
        traffic.load_of(&self.keys).share(1, self.answered_by.len() as u128)
    }
}
