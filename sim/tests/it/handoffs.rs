//! Handoffs in which a participant is lost, at each of their steps: 200 seeded runs.

use std::collections::BTreeMap;
use std::time::Duration;

use emberkeep_core::assignment::Phase;
use emberkeep_core::load::Load;
use emberkeep_core::pod::{PodName, Weight};
use emberkeep_core::time::Timestamp;
use emberkeep_sim::cluster::{Fault, NewPod, ProcessState, SimCluster, SimClusterSettings};
use emberkeep_sim::random_stream::RandomStream;

const RUN_COUNT: u64 = 200;
const KEY_COUNT: u64 = 64;
/// By now the pods are registered and own all keys.
const SETTLED_AT: Timestamp = Timestamp::from_millis(5_000);
/// By now all handoffs have ended.
const ENDS_AT: Timestamp = Timestamp::from_millis(90_000);
/// A handoff has four steps (ordered, warm, switched, left); more slices follow as slots become free.
const STEP_COUNT: u64 = 12;

/// The participant that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    OldOwner,
    NewOwner,
    Leader,
}

/// The cause of the handoffs.
#[derive(Debug, Clone, Copy)]
enum HandoffTrigger {
    Drain,
    Join,
    Replacement,
}

/// One run, generated from its seed.
#[derive(Debug)]
struct HandoffRun {
    seed: u64,
    trigger: HandoffTrigger,
    victim: Victim,
    fault: Fault,
    /// The fault is injected this many generations after the trigger, plus `later`.
    step: u64,
    later: Duration,
}

impl HandoffRun {
    fn of(seed: u64) -> Self {
        let mut random = RandomStream::new(seed, 7);
        Self {
            seed,
            trigger: [HandoffTrigger::Drain, HandoffTrigger::Join, HandoffTrigger::Replacement][(seed % 3) as usize],
            victim: [Victim::OldOwner, Victim::NewOwner, Victim::Leader][(seed / 3 % 3) as usize],
            fault: [Fault::Kill, Fault::Lose, Fault::Freeze][random.below(3) as usize],
            step: seed / 9 % STEP_COUNT,
            later: random.between(Duration::ZERO, Duration::from_millis(300)),
        }
    }

    /// Runs it; returns whether the fault hit a handoff in progress, or the violation.
    fn execute(&self) -> Result<bool, String> {
        let settings = SimClusterSettings {
            seed: self.seed,
            ..SimClusterSettings::default()
        };
        let dead_after = settings.target.health.dead_after;
        let mut cluster = SimCluster::new(settings);
        (0..4).for_each(|number| start(&mut cluster, number));
        let position = |key: u64| key * (u64::MAX / KEY_COUNT);
        cluster.set_loads((0..KEY_COUNT).map(|key| (position(key), Load::from_units(10))));
        cluster.run_until(SETTLED_AT);

        self.begin(&mut cluster);
        let mut longest = LongestOutage::default();
        let generation = cluster.state().assignment.generation();
        let is_reached = |cluster: &SimCluster| {
            let passed = cluster.state().assignment.generation().number() - generation.number();
            passed >= i64::try_from(self.step).unwrap()
        };
        while !is_reached(&cluster) && cluster.now() < ENDS_AT {
            let soon = cluster.now() + Duration::from_millis(5);
            longest.run(&mut cluster, soon);
        }
        let fault_at = cluster.now() + self.later;
        longest.run(&mut cluster, fault_at);
        let was_moving = self.inject(&mut cluster);
        longest.run(&mut cluster, ENDS_AT);

        if longest.unanswered > dead_after + Duration::from_secs(1) {
            return Err(format!("a key had no owner for {:?}", longest.unanswered));
        }
        settled(&cluster)?;
        Ok(was_moving)
    }

    fn begin(&self, cluster: &mut SimCluster) {
        match self.trigger {
            HandoffTrigger::Drain => assert!(cluster.inject(&name(0), Fault::Drain)),
            HandoffTrigger::Join => start(cluster, 4),
            HandoffTrigger::Replacement => {
                start(cluster, 4);
                assert!(cluster.inject(&name(0), Fault::Drain));
            }
        }
    }

    /// Injects the fault into the victim; returns whether a handoff was in progress.
    fn inject(&self, cluster: &mut SimCluster) -> bool {
        let in_phase = |wanted: &[Phase]| {
            let assignment = &cluster.state().assignment;
            let mut replicas = assignment.slices().values().flat_map(|state| state.replicas.iter());
            let found = replicas.find(|replica| wanted.contains(&replica.phase));
            found.map(|replica| assignment.pod(replica.pod).name.clone())
        };
        let moving = in_phase(&[Phase::Warming, Phase::Yielding, Phase::Leaving]).is_some();
        let victim = match self.victim {
            Victim::OldOwner => in_phase(&[Phase::Yielding]).or_else(|| in_phase(&[Phase::Leaving])),
            Victim::NewOwner => in_phase(&[Phase::Warming]),
            Victim::Leader => {
                cluster.change_leader(Duration::from_millis(700));
                return moving;
            }
        };
        victim.is_some_and(|pod| cluster.inject(&pod, self.fault)) && moving
    }
}

/// Tracks the longest contiguous time in which some key was not served.
#[derive(Default)]
struct LongestOutage {
    since: Option<Timestamp>,
    unanswered: Duration,
}

impl LongestOutage {
    fn run(&mut self, cluster: &mut SimCluster, end: Timestamp) {
        loop {
            let has_changed = cluster.run_to_change(end);
            let is_answered = cluster.outage().unanswered == Load::ZERO;
            let since = *self.since.get_or_insert(cluster.now());
            self.unanswered = self.unanswered.max(cluster.now().since(since));
            if is_answered {
                self.since = None;
            }
            if !has_changed {
                return;
            }
        }
    }
}

fn name(number: u64) -> PodName {
    PodName::try_new(&format!("pod-{number}")).unwrap()
}

fn start(cluster: &mut SimCluster, number: u64) {
    let is_new = cluster.add_pod(NewPod {
        name: name(number),
        zone: "".into(),
        weight: Weight::ONE,
    });
    assert!(is_new);
}

/// Checks that no handoff is in progress and running pods own all keys.
fn settled(cluster: &SimCluster) -> Result<(), String> {
    let assignment = &cluster.state().assignment;
    let running: BTreeMap<_, _> = cluster.pods().map(|view| (&view.pod.name, view.process)).collect();
    for (slice, state) in assignment.slices().iter() {
        let phases: Vec<Phase> = state.replicas.iter().map(|replica| replica.phase).collect();
        if phases != [Phase::Serving] {
            return Err(format!("slice {slice} is stuck: {phases:?}"));
        }
        let owner = state.replicas.serving().next().map(|pod| &assignment.pod(pod).name);
        if owner.and_then(|owner| running.get(owner)) != Some(&ProcessState::Running) {
            return Err(format!("slice {slice} is owned by {owner:?}, which does not run"));
        }
    }
    Ok(())
}

#[test]
fn losing_any_participant_at_any_step_neither_orphans_a_key_for_long_nor_blocks_a_handoff() {
    let mut struck: BTreeMap<Victim, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for seed in 0..RUN_COUNT {
        let run = HandoffRun::of(seed);
        match run.execute() {
            Ok(was_moving) => *struck.entry(run.victim).or_default() += u64::from(was_moving),
            Err(what) => wrong.push(format!("{run:?}: {what}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let is_enough = |victim| struck.get(&victim).is_some_and(|count| *count >= RUN_COUNT / 6);
    let all = [Victim::OldOwner, Victim::NewOwner, Victim::Leader];
    assert!(
        all.into_iter().all(is_enough),
        "too few faults hit a handoff: {struck:?}"
    );
}
