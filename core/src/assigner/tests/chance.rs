//! Whatever happens, in any order.

use std::time::Duration;

use proptest::prelude::*;

use super::story::TargetStory;
use crate::assigner::*;
use crate::pod::PodPhase;
use crate::pod::fixtures::pod_in;

#[derive(Debug, Clone)]
enum StoryEvent {
    Open(u64, u128),
    Beat(u64, PodPhase, u32),
    Limit(Option<u32>),
    Close(u64),
    Probed(u64, u128, ProbeOutcome),
    Reported(u64, u128),
    Checked(bool),
    Pass(u64),
}

fn chapter() -> impl Strategy<Value = StoryEvent> {
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
        (0_u64..4, 0_u128..2).prop_map(|(pod, life)| StoryEvent::Open(pod, life)),
        (0_u64..4, phase, 0_u32..100).prop_map(|(session, phase, requests)| StoryEvent::Beat(session, phase, requests)),
        prop::option::of(1_u32..100).prop_map(StoryEvent::Limit),
        (0_u64..4).prop_map(StoryEvent::Close),
        (0_u64..4, 0_u128..2, outcome).prop_map(|(pod, life, outcome)| StoryEvent::Probed(pod, life, outcome)),
        (0_u64..4, 0_u128..2).prop_map(|(pod, life)| StoryEvent::Reported(pod, life)),
        any::<bool>().prop_map(StoryEvent::Checked),
        (1_u64..8_000).prop_map(StoryEvent::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_the_brain_never_spins_and_never_assigns_to_strangers(
        chapters in prop::collection::vec(chapter(), 1..40),
    ) {
        let mut story = TargetStory::new();
        story.leads = None;
        for chapter in chapters {
            match chapter {
                StoryEvent::Open(number, life) => story.open(number, pod_in(number, life)),
                StoryEvent::Beat(session, phase, requests) => story.beat_wanting(session, phase, requests),
                StoryEvent::Limit(requests) => story.limit(requests),
                StoryEvent::Close(session) => story.tell(TargetEvent::SessionClosed { session: SessionId(session) }),
                StoryEvent::Probed(number, life, outcome) => story.probed(&pod_in(number, life), outcome),
                StoryEvent::Reported(number, life) => story.reported(&pod_in(number, life)),
                StoryEvent::Checked(leads) => story.tell(TargetEvent::LeadershipChecked { leads }),
                StoryEvent::Pass(millis) => story.pass(Duration::from_millis(millis)),
            }
            for _ in 0..20 {
                if story.wake_at > story.now {
                    break;
                }
                story.tell(TargetEvent::Woke);
            }
            prop_assert!(story.wake_at > story.now, "it wants to be woken at once, again and again");
            let state = story.state();
            for assigned in state.assignment.pods() {
                prop_assert!(state.pods.contains_key(&assigned.name));
            }
        }
    }
}
