//! Properties that hold for any sequence of events.

use std::time::Duration;

use proptest::prelude::*;

use super::story::TargetStory;
use crate::assigner::*;
use crate::pod::PodPhase;
use crate::pod::fixtures::pod_in;

#[derive(Debug, Clone)]
enum StoryEvent {
    Open(u64, u128),
    Heartbeat(u64, PodPhase, u32),
    LimitStoreRequests(Option<u32>),
    Close(u64),
    Probed(u64, u128, ProbeOutcome),
    Unreachable(u64, u128),
    LeadershipChecked(bool),
    Pass(u64),
}

fn story_event() -> impl Strategy<Value = StoryEvent> {
    let outcome = prop_oneof![
        Just(ProbeOutcome::Refused),
        Just(ProbeOutcome::Silent),
        Just(ProbeOutcome::Answered)
    ];
    let phase = prop_oneof![
        Just(PodPhase::Ready),
        Just(PodPhase::Starting),
        Just(PodPhase::Draining)
    ];
    prop_oneof![
        (0_u64..4, 0_u128..2).prop_map(|(pod, incarnation)| StoryEvent::Open(pod, incarnation)),
        (0_u64..4, phase, 0_u32..100)
            .prop_map(|(session, phase, requests)| StoryEvent::Heartbeat(session, phase, requests)),
        prop::option::of(1_u32..100).prop_map(StoryEvent::LimitStoreRequests),
        (0_u64..4).prop_map(StoryEvent::Close),
        (0_u64..4, 0_u128..2, outcome).prop_map(|(pod, incarnation, outcome)| StoryEvent::Probed(
            pod,
            incarnation,
            outcome
        )),
        (0_u64..4, 0_u128..2).prop_map(|(pod, incarnation)| StoryEvent::Unreachable(pod, incarnation)),
        any::<bool>().prop_map(StoryEvent::LeadershipChecked),
        (1_u64..8_000).prop_map(StoryEvent::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_brain_never_spins_and_never_assigns_to_unregistered_pods(
        events in prop::collection::vec(story_event(), 1..40),
    ) {
        let mut story = TargetStory::new();
        story.leads = None;
        for event in events {
            match event {
                StoryEvent::Open(number, incarnation) => story.open(number, pod_in(number, incarnation)),
                StoryEvent::Heartbeat(session, phase, requests) => story.heartbeat_with_demand(session, phase, requests),
                StoryEvent::LimitStoreRequests(requests) => story.limit_store_requests(requests),
                StoryEvent::Close(session) => story.step(TargetEvent::SessionClosed { session: SessionId(session) }),
                StoryEvent::Probed(number, incarnation, outcome) => story.probed(&pod_in(number, incarnation), outcome),
                StoryEvent::Unreachable(number, incarnation) => story.report_unreachable(&pod_in(number, incarnation)),
                StoryEvent::LeadershipChecked(leads) => story.step(TargetEvent::LeadershipChecked { leads }),
                StoryEvent::Pass(millis) => story.pass(Duration::from_millis(millis)),
            }
            for _ in 0..20 {
                if story.wake_at() > story.now {
                    break;
                }
                story.step(TargetEvent::Woke);
            }
            prop_assert!(story.wake_at() > story.now, "the brain spins: wake_at is not later than now");
            let state = story.state();
            for assigned in state.assignment.pods() {
                prop_assert!(state.pods.contains_key(&assigned.name));
            }
        }
    }
}
