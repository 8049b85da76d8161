//! The routing of all clients, by the assignment that they hold.

use std::ops::Range;
use std::sync::Arc;

use emberkeep_core::assignment::Assignment;
use emberkeep_core::keyspace::Slice;
use emberkeep_core::load::Load;
use emberkeep_core::pod::Pod;

use super::traffic::Traffic;

/// The pods that the requests for each slice reach. Replicas that answer share the requests of a slice equally; without
/// one, they fail.
#[derive(Debug)]
pub struct ClientRouting {
    assignment: Arc<Assignment>,
    routes: Vec<SliceRoute>,
    /// The numbers of the routes to each pod, by the pod's index.
    of_pod: Vec<Vec<usize>>,
}

/// The route of the requests for one slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceRoute {
    /// The slice whose requests take this route.
    pub slice: Slice,
    /// The keys of the slice, by their indices in the traffic.
    pub keys: Range<usize>,
    /// The indices of the pods that answer them.
    pub answered_by: Vec<usize>,
}

impl ClientRouting {
    /// The routing before clients have an assignment.
    pub(super) fn unknown() -> Self {
        Self::new(Arc::new(Assignment::unassigned()), &Traffic::default(), 0, |_| None)
    }

    /// The routing by `assignment`. `index_of` returns the index of a pod among `pod_count` pods, if it answers.
    pub(super) fn new(
        assignment: Arc<Assignment>,
        traffic: &Traffic,
        pod_count: usize,
        index_of: impl Fn(&Pod) -> Option<usize>,
    ) -> Self {
        let indices: Vec<Option<usize>> = assignment.pods().iter().map(index_of).collect();
        let mut of_pod = vec![Vec::new(); pod_count];
        let mut routes = Vec::with_capacity(assignment.slices().slice_count());
        for (slice, state) in assignment.slices().iter() {
            let answering = state.replicas.serving().filter_map(|pod| indices[pod.as_usize()]);
            let answered_by: Vec<usize> = answering.collect();
            answered_by.iter().for_each(|pod| of_pod[*pod].push(routes.len()));
            routes.push(SliceRoute {
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

    /// The route of each slice, in key order.
    #[must_use]
    pub fn routes(&self) -> &[SliceRoute] {
        &self.routes
    }

    /// The routes to the pod at that index.
    pub fn to_pod(&self, pod: usize) -> impl Iterator<Item = &SliceRoute> {
        let numbers = self.of_pod.get(pod).into_iter().flatten();
        numbers.map(|number| &self.routes[*number])
    }

    /// The load of the pod at that index.
    #[must_use]
    pub fn load_of(&self, pod: usize, traffic: &Traffic) -> Load {
        self.to_pod(pod).map(|route| route.share(traffic)).sum()
    }

    /// The load that no pod answers.
    #[must_use]
    pub fn unanswered(&self, traffic: &Traffic) -> Load {
        let unanswered = self.routes.iter().filter(|route| route.answered_by.is_empty());
        unanswered.map(|route| traffic.load_of(&route.keys)).sum()
    }
}

impl SliceRoute {
    /// The load of each pod that answers.
    #[must_use]
    pub fn share(&self, traffic: &Traffic) -> Load {
        traffic.load_of(&self.keys).share(1, self.answered_by.len() as u128)
    }
}
