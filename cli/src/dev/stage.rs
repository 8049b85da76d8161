//! The stage: a cluster whose pods own everything, with clients that know it, on which a schedule is played.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::args::DevArgs;
use super::assignment_log::AssignmentLog;
use super::caretaker::care;
use super::clients::Clients;
use super::cluster::Cluster;
use super::data_folder::DataFolder;
use super::deeds::Scene;
use super::load::drive;
use super::progress::{Progress, Pulse};
use super::read_ledger::Reads;
use super::run::Run;
use super::schedule::Schedule;
use super::seed::seed;
use super::summary::{Routing, Summary};
use super::target::settings_of;
use crate::exit::Failure;
use crate::stop;

/// How long pods may take to own everything.
const ASSIGN_TIMEOUT: Duration = Duration::from_secs(60);
/// How often progress is shown.
const PULSE_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Stage {
    cluster: Cluster,
    assignment: AssignmentLog,
    clients: Clients,
    /// Ends what follows the assignment.
    end: CancellationToken,
}

impl Stage {
    /// Starts everything and waits until it is ready.
    pub(super) async fn set(
        args: &DevArgs,
        folder: DataFolder,
        schedule: &Schedule,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let settings = settings_of(args, schedule)?;
        progress.step("starting assigner and store");
        let mut cluster = Cluster::start(folder, args, settings).await?;
        let written = |done, count| progress.part("writing objects", done, count);
        seed(&cluster.storage().store, schedule.keys(), written).await?;

        progress.step("starting pods");
        cluster.start_pods(args.pods.into()).await?;
        let end = CancellationToken::new();
        let mut assignment = AssignmentLog::follow(cluster.assigner_urls(), schedule.keys(), &end);
        let generation = assignment.owned_by(&cluster.pod_addresses(), ASSIGN_TIMEOUT).await?;
        let clients = Clients::connect(&cluster.assigner_urls(), generation).await?;
        if args.deeds.is_any() {
            let count = schedule.keys().len();
            let read = |done| progress.part("reading each key once", done, count);
            clients.read_each(schedule.each_key_once(), read).await?;
        }
        cluster.places().iter().for_each(|place| progress.line(place));
        Ok(Self {
            cluster,
            assignment,
            clients,
            end,
        })
    }

    /// Plays the schedule until it ends, or until `stop`, while what is asked for is done to the cluster.
    pub(super) async fn play(
        &mut self,
        args: &DevArgs,
        schedule: Arc<Schedule>,
        progress: &Progress,
        stop: CancellationToken,
    ) -> Result<Summary, Failure> {
        if let Some(duration) = args.duration {
            stop::after(&stop, duration);
        }
        progress.run(&schedule, args.duration);
        let warm_up = args.deeds.warm_up(args.duration);
        let run = Arc::new(Run::start_with_warm_up(schedule.keys().len(), warm_up));
        let requests = tokio::spawn(drive(
            Arc::clone(&schedule),
            self.clients.clone(),
            Arc::clone(&run),
            stop.clone(),
        ));

        let done = CancellationToken::new();
        let sent = async {
            let outcome = requests.await;
            done.cancel();
            outcome.map(|()| run.now()).map_err(Failure::failed)
        };
        let scene = Scene::new(
            &mut self.cluster,
            &run,
            &self.assignment,
            &schedule,
            &args.deeds,
            args.duration,
        );
        let cared = care(scene, &done);
        let shown = async {
            done.run_until_cancelled(pulses(progress, &run, &self.assignment)).await;
            Ok(())
        };
        let outcome = tokio::try_join!(sent, cared, shown);
        stop.cancel();
        self.end.cancel();
        let (lasted, (), ()) = outcome?;
        self.summary(&run, lasted)
    }

    /// Ends all processes.
    pub(super) async fn clear(self) {
        self.cluster.end().await;
    }

    fn summary(&self, run: &Run, lasted: Duration) -> Result<Summary, Failure> {
        let reads = Reads::in_folder(&self.cluster.folder().reads());
        let reads = reads.map_err(|error| Failure::failed(format!("cannot read what pods have written: {error}")))?;
        let (retried, misrouted) = self.clients.detours();
        let routing = Routing {
            retried,
            misrouted,
            moves: self.assignment.moves(),
            owner_changes: self.assignment.owner_changes(),
            generation: self.assignment.generation(),
        };
        Ok(Summary::new(&run.tally(), routing, reads, lasted))
    }
}

/// Shows how it goes, for ever.
async fn pulses(progress: &Progress, run: &Run, assignment: &AssignmentLog) {
    let mut beat = interval_at(Instant::now() + PULSE_INTERVAL, PULSE_INTERVAL);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = run.now();
    loop {
        beat.tick().await;
        let at = run.now();
        let (requests, interval) = {
            let mut tally = run.tally();
            (tally.requests(), tally.take_interval())
        };
        progress.pulse(&Pulse {
            at,
            lasted: at - before,
            requests,
            interval,
            moves: assignment.moves(),
            generation: assignment.generation(),
        });
        before = at;
    }
}
