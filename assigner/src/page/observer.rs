//! The observer: asks the leader about each target, every second while somebody watches it and else every ten seconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assigner::ClusterState;
use emberkeep_core::target::TargetName;
use futures::StreamExt;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::cluster_view::ClusterView;
use super::leader_admin::LeaderAdmin;
use super::live_views::{LiveView, LiveViews};
use super::observed_target::{Observation, ObservedTarget};
use super::pod_rows::PodRow;
use super::target_view::TargetView;
use crate::raft::Member;

/// The interval between two views.
const TICK: Duration = Duration::from_secs(1);
/// The pause after a round, in multiples of its duration: views take at most a fifth of a core.
const REST_PER_WORK: u32 = 5;
/// The least pause. A first viewer waits for it or, if that is longer, as long as the last round took: opening and closing
/// the page repeatedly takes at most half a core.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The most targets that the leader is asked about at the same time.
const ASKED_TARGETS_MAX: usize = 4;

/// Observes all targets, and publishes the views of those that somebody watches.
pub(super) struct PageObserver {
    pub(super) member: Member,
    pub(super) admin: LeaderAdmin,
    pub(super) views: LiveViews,
    pub(super) may_command: bool,
}

/// The message of the live stream.
#[derive(Serialize)]
struct PageView<'a> {
    cluster: &'a ClusterView,
    /// Absent in a cluster without targets.
    target: Option<TargetView>,
}

impl PageObserver {
    /// Observes until it is dropped.
    pub(super) async fn run(self: Arc<Self>) {
        let mut observed: BTreeMap<TargetName, ObservedTarget> = BTreeMap::new();
        loop {
            let began_at = Instant::now();
            self.observe(&mut observed).await;
            let work = began_at.elapsed();
            let pause = PAUSE_MIN.max(work);
            // tidy: paces, does not wait
            sleep(pause).await;
            let rest = TICK.max(work * REST_PER_WORK).saturating_sub(pause);
            tokio::select! {
                () = self.views.first_viewer() => {}
                // tidy: paces, does not wait
                () = sleep(rest) => {}
            }
        }
    }

    /// One round: targets with viewers, and those whose next sample is due.
    async fn observe(&self, observed: &mut BTreeMap<TargetName, ObservedTarget>) {
        let cluster: Arc<ClusterState> = self.member.state().borrow().clone();
        observed.retain(|target, _| cluster.target(target).is_some());
        let viewed = self.views.viewed();
        let now = Instant::now();
        let due = cluster.targets().iter().filter_map(|(name, state)| {
            let target = observed.entry(name.clone()).or_default();
            let is_viewed = viewed.iter().any(|viewed| viewed.as_ref() == Some(name));
            (is_viewed || target.is_sample_due(now)).then(|| Observation {
                name: name.clone(),
                state: Arc::clone(state),
                is_viewed,
                after: target.after(),
            })
        });
        let due: Vec<Observation> = due.collect();
        let asked = futures::stream::iter(due.into_iter().map(async |observation| {
            let answers = observation.answers(&self.admin).await;
            (observation, answers)
        }));
        let answered: Vec<_> = asked.buffer_unordered(ASKED_TARGETS_MAX).collect().await;
        let is_led = answered.is_empty() || answered.iter().any(|(_, answers)| answers.has_leader());
        let mut seen = Vec::new();
        for (observation, mut answers) in answered {
            let target = observed.entry(observation.name.clone()).or_default();
            target.record_incidents(&observation, &mut answers, &self.admin).await;
            if let Some((view, rows)) = target.record(&observation, &answers, Instant::now()) {
                seen.push((Some(observation.name), Some(view), rows));
            }
        }
        if viewed.contains(&None) {
            seen.push((None, None, Vec::new()));
        }
        if !seen.is_empty() {
            self.publish(seen, &cluster, observed, is_led);
        }
    }

    fn publish(
        &self,
        seen: Vec<(Option<TargetName>, Option<TargetView>, Vec<PodRow>)>,
        cluster: &ClusterState,
        observed: &BTreeMap<TargetName, ObservedTarget>,
        is_led: bool,
    ) {
        let verdicts = observed.iter();
        let verdicts = verdicts.filter_map(|(name, target)| Some((name.clone(), target.verdict?)));
        let cluster = ClusterView::of(&self.member, cluster, &verdicts.collect(), is_led, self.may_command);
        for (name, target, rows) in seen {
            let view = PageView {
                cluster: &cluster,
                target,
            };
            let json = serde_json::to_string(&view).expect("names and figures are JSON");
            let json: Arc<str> = json.into();
            self.views.publish(&name, LiveView { json, rows });
        }
    }
}
