//! Handoffs in which one of those who take part is lost, at each of their steps: 200 seeded runs.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use emberkeep_core::assignment::Phase;
use emberkeep_core::load::Load;
use emberkeep_core::pod::{PodName, Weight};
use emberkeep_core::time::Timestamp;
use emberkeep_sim::cluster::{Cluster, ClusterSettings, Fault, NewPod, Process};
use emberkeep_sim::random_stream::RandomStream;

const RUN_COUNT: u64 = 200;
const KEY_COUNT: u64 = 64;
/// Pods are there, and own everything.
const SETTLED_AT: Timestamp = Timestamp::from_millis(5_000);
/// What began with the handoffs is long over.
const ENDS_AT: Timestamp = Timestamp::from_millis(90_000);
/// A slice changes hands in so many steps: it is ordered, warm, switched, left; others follow, as places are free.
const STEP_COUNT: u64 = 12;

/// Who is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    OldOwner,
    NewOwner,
    Leader,
}

/// What sets slices in motion.
#[derive(Debug, Clone, Copy)]
enum HandoffTrigger {
    Drain,
    Join,
    Replacement,
}

/// One run: what happens in it follows from its seed.
#[derive(Debug)]
struct HandoffRun {
    seed: u64,
    trigger: HandoffTrigger,
    victim: Victim,
    fault: Fault,
    /// After so many changes of the assignment, and so long after that.
    step: u64,
    later: Duration,
}

impl HandoffRun {
    fn of(seed: u64) -> Self {
        let mut chance = RandomStream::stream(seed, 7);
        Self {
            seed,
            trigger: [HandoffTrigger::Drain, HandoffTrigger::Join, HandoffTrigger::Replacement][(seed % 3) as usize],
            victim: [Victim::OldOwner, Victim::NewOwner, Victim::Leader][(seed / 3 % 3) as usize],
            fault: [Fault::Kill, Fault::Lose, Fault::Freeze][chance.below(3) as usize],
            step: seed / 9 % STEP_COUNT,
            later: chance.between(Duration::ZERO, Duration::from_millis(300)),
        }
    }

    /// Plays it; answers what was wrong, and whether somebody was lost in the middle of a handoff.
    fn play(&self) -> Result<bool, String> {
        let settings = ClusterSettings {
            seed: self.seed,
            ..ClusterSettings::default()
        };
        let dead_after = settings.target.health.dead_after;
        let mut cluster = Cluster::new(settings);
        (0..4).for_each(|number| start(&mut cluster, number));
        let position = |key: u64| key * (u64::MAX / KEY_COUNT);
        cluster.set_loads((0..KEY_COUNT).map(|key| (position(key), Load::from_units(10))));
        cluster.run_until(SETTLED_AT);

        self.begin(&mut cluster);
        let mut longest = Longest::default();
        let generation = cluster.state().assignment.generation();
        let is_reached = |cluster: &Cluster| {
            let passed = cluster.state().assignment.generation().number() - generation.number();
            passed >= i64::try_from(self.step).unwrap()
        };
        while !is_reached(&cluster) && cluster.now() < ENDS_AT {
            let soon = cluster.now() + Duration::from_millis(5);
            longest.run(&mut cluster, soon);
        }
        let strikes_at = cluster.now() + self.later;
        longest.run(&mut cluster, strikes_at);
        let was_moving = self.strike(&mut cluster);
        longest.run(&mut cluster, ENDS_AT);

        if longest.unanswered > dead_after + Duration::from_secs(1) {
            return Err(format!("a key had no owner for {:?}", longest.unanswered));
        }
        settled(&cluster)?;
        Ok(was_moving)
    }

    fn begin(&self, cluster: &mut Cluster) {
        match self.trigger {
            HandoffTrigger::Drain => assert!(cluster.strike(&name(0), Fault::Drain)),
            HandoffTrigger::Join => start(cluster, 4),
            HandoffTrigger::Replacement => {
                start(cluster, 4);
                assert!(cluster.strike(&name(0), Fault::Drain));
            }
        }
    }

    /// Strikes whoever is what the victim is to be; answers whether some slice was changing hands.
    fn strike(&self, cluster: &mut Cluster) -> bool {
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
        victim.is_some_and(|pod| cluster.strike(&pod, self.fault)) && moving
    }
}

/// The longest time in which some key was not answered, without a break.
#[derive(Default)]
struct Longest {
    since: Option<Timestamp>,
    unanswered: Duration,
}

impl Longest {
    fn run(&mut self, cluster: &mut Cluster, end: Timestamp) {
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

fn start(cluster: &mut Cluster, number: u64) {
    let is_new = cluster.add_pod(NewPod {
        name: name(number),
        zone: "".into(),
        weight: Weight::ONE,
    });
    assert!(is_new);
}

/// No handoff is under way, and living pods own everything.
fn settled(cluster: &Cluster) -> Result<(), String> {
    let assignment = &cluster.state().assignment;
    let running: BTreeMap<_, _> = cluster.pods().map(|view| (&view.pod.name, view.process)).collect();
    for (slice, state) in assignment.slices().iter() {
        let phases: Vec<Phase> = state.replicas.iter().map(|replica| replica.phase).collect();
        if phases != [Phase::Serving] {
            return Err(format!("slice {slice} is stuck: {phases:?}"));
        }
        let owner = state.replicas.serving().next().map(|pod| &assignment.pod(pod).name);
        if owner.and_then(|owner| running.get(owner)) != Some(&Process::Running) {
            return Err(format!("slice {slice} is owned by {owner:?}, which does not run"));
        }
    }
    Ok(())
}

#[test]
fn whoever_is_lost_at_whatever_step_no_key_is_long_without_owner_and_no_handoff_is_stuck() {
    let mut struck: BTreeMap<Victim, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for seed in 0..RUN_COUNT {
        let run = HandoffRun::of(seed);
        match run.play() {
            Ok(was_moving) => *struck.entry(run.victim).or_default() += u64::from(was_moving),
            Err(what) => wrong.push(format!("{run:?}: {what}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let is_enough = |victim| struck.get(&victim).is_some_and(|count| *count >= RUN_COUNT / 6);
    let all = [Victim::OldOwner, Victim::NewOwner, Victim::Leader];
    assert!(
        all.into_iter().all(is_enough),
        "too few were lost in a handoff: {struck:?}"
    );
}
