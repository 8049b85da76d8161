//! The harness of a run: a cluster whose pods own all slices, and clients that have the assignment.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use prometheus::Registry;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::settings::DevSettings;
use super::target::settings_of;
use crate::chaos::{ChaosContext, supervise};
use crate::cluster::{AssignmentObserver, DataFolder, PodOptions, ProcessCluster, ProcessClusterSettings};
use crate::demo::{ReadTotals, TARGET, value_of};
use crate::load::{Clients, LoadRun, Schedule, drive, write_missing};
use crate::monitoring::RunMonitoring;
use crate::report::{ProgressEvent, ProgressSample, RunCounters, RunSummary, ShowProgress};
use crate::{DEADLINE, LabError};

/// The sampling interval of progress.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// A cluster that is ready for requests.
pub struct DevHarness {
    settings: DevSettings,
    schedule: Arc<Schedule>,
    cluster: ProcessCluster,
    assignment: AssignmentObserver,
    clients: Clients,
    monitoring: RunMonitoring,
    /// Ends the observer of the assignment.
    end: CancellationToken,
}

impl DevHarness {
    /// Starts all processes, writes missing objects, and waits until the pods own all slices.
    pub fn start<'a>(
        settings: DevSettings,
        folder: DataFolder,
        schedule: Arc<Schedule>,
        show: ShowProgress<'a>,
    ) -> LocalBoxFuture<'a, Result<Self, LabError>> {
        start(settings, folder, schedule, show).boxed_local()
    }

    /// Sends the requests until the schedule ends or `stop` is cancelled, while the disruptions are injected.
    pub fn run<'a>(
        &'a mut self,
        show: ShowProgress<'a>,
        stop: CancellationToken,
    ) -> LocalBoxFuture<'a, Result<RunSummary, LabError>> {
        self.run_until(show, stop).boxed_local()
    }

    /// The registry of the clients' metrics.
    #[must_use]
    pub const fn client_registry(&self) -> &Registry {
        self.monitoring.client_registry()
    }

    /// Ends the run of `dev`: its processes end, and a temporary data folder is removed.
    pub fn end(self) -> LocalBoxFuture<'static, ()> {
        self.cluster.end().boxed_local()
    }

    async fn run_until(&mut self, show: ShowProgress<'_>, stop: CancellationToken) -> Result<RunSummary, LabError> {
        let DevSettings {
            duration, chaos, clerk, ..
        } = &self.settings;
        if let Some(duration) = *duration {
            cancel_after(&stop, duration);
        }
        let request_count = self.schedule.request_count().filter(|_| duration.is_none());
        show(ProgressEvent::LoadStarted {
            request_count: request_count.map(|count| count as u64),
        });
        let warm_up = chaos.warm_up(*duration);
        let run = Arc::new(LoadRun::start_with_warm_up(self.schedule.keys().len(), warm_up));
        let requests = tokio::spawn(drive(
            Arc::clone(&self.schedule),
            self.clients.clone(),
            Arc::clone(&run),
            stop.clone(),
        ));

        let done = CancellationToken::new();
        let sent = async {
            let outcome = requests.await;
            done.cancel();
            outcome.map(|()| run.now()).map_err(LabError::failed)
        };
        let context = ChaosContext::new(
            &mut self.cluster,
            &run,
            &self.assignment,
            &self.schedule,
            clerk.clone(),
            *duration,
        );
        let context = context.monitored_by(&self.monitoring);
        let supervised = supervise(context, chaos, &done);
        let sampled = async {
            done.run_until_cancelled(sample(show, &run, &self.assignment)).await;
            Ok(())
        };
        let outcome = tokio::try_join!(sent, supervised, sampled);
        stop.cancel();
        self.end.cancel();
        let (lasted, (), ()) = outcome?;
        self.summary(&run, lasted)
    }

    fn summary(&self, run: &LoadRun, lasted: Duration) -> Result<RunSummary, LabError> {
        let reads = ReadTotals::in_folder(&self.cluster.folder().reads());
        let reads = reads.map_err(|error| LabError::failed(format!("cannot read the pods' ledgers: {error}")))?;
        let (retried, misrouted) = self.clients.retried_and_misrouted();
        let counters = RunCounters {
            retried,
            misrouted,
            moves: self.assignment.moves(),
            owner_changes: self.assignment.owner_changes(),
            generation: self.assignment.generation(),
            store_reads: reads.count,
            store_bytes: reads.bytes,
        };
        Ok(RunSummary::new(&run.tally(), counters, lasted))
    }
}

async fn start(
    settings: DevSettings,
    folder: DataFolder,
    schedule: Arc<Schedule>,
    show: ShowProgress<'_>,
) -> Result<DevHarness, LabError> {
    let target = settings_of(&settings, &schedule)?;
    let cluster_settings = ProcessClusterSettings {
        members: settings.assigners,
        record: settings.record.clone(),
        telemetry: settings.telemetry.clone(),
        pods: PodOptions {
            uses_proxy: settings.chaos.partition.is_some(),
            logs_one_in: settings.logs_one_in,
            ..PodOptions::default()
        },
        ..ProcessClusterSettings::new(settings.program.clone())
    };
    let mut cluster = ProcessCluster::start(folder, settings.store.clone(), cluster_settings).await?;
    show(ProgressEvent::Located(&cluster.page_location()));
    cluster.create_target(TARGET, target).await?;
    let part = |step, done, count| show(ProgressEvent::Part { step, done, count });
    let written = |done, count| part("writing objects", done, count);
    write_missing(&cluster.storage().store, TARGET, schedule.keys(), value_of, written).await?;

    show(ProgressEvent::Step("starting pods"));
    cluster.start_pods(settings.pods.into()).await?;
    let end = CancellationToken::new();
    let mut assignment = AssignmentObserver::start(cluster.assigner_urls(), schedule.keys(), &end);
    let generation = assignment.owned_by(&cluster.pod_addresses(), DEADLINE).await?;
    let clients = Clients::connect(&cluster.assigner_urls(), generation, settings.clerk.clone()).await?;
    if settings.chaos.is_any() {
        let count = schedule.keys().len();
        let read = |done| part("reading each key once", done, count);
        clients.read_each(schedule.each_key_once(), read).await?;
    }
    let monitoring = monitor(&settings, &cluster, &clients).await?;
    for location in cluster.locations().into_iter().chain(monitoring.locations()) {
        show(ProgressEvent::Located(&location));
    }
    Ok(DevHarness {
        settings,
        schedule,
        cluster,
        assignment,
        clients,
        monitoring,
        end,
    })
}

async fn monitor(
    settings: &DevSettings,
    cluster: &ProcessCluster,
    clients: &Clients,
) -> Result<RunMonitoring, LabError> {
    let own_folder = settings.prometheus.then(|| cluster.folder().monitoring());
    let folder = settings.metrics_folder.clone().or(own_folder);
    let monitoring = RunMonitoring::start(clients.clerks(), folder.as_deref(), settings.prometheus).await?;
    monitoring.follow(|| cluster.scrape_targets())?;
    Ok(monitoring)
}

/// Cancels `stop` after this time.
fn cancel_after(stop: &CancellationToken, after: Duration) {
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(after) => stop.cancel(),
            () = stop.cancelled() => {}
        }
    });
}

/// Samples progress until it is dropped.
async fn sample(show: ShowProgress<'_>, run: &LoadRun, assignment: &AssignmentObserver) {
    let mut ticks = interval_at(Instant::now() + SAMPLE_INTERVAL, SAMPLE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = run.now();
    loop {
        ticks.tick().await;
        let at = run.now();
        let (requests, interval) = {
            let mut tally = run.tally();
            (tally.requests(), tally.take_interval())
        };
        show(ProgressEvent::Sample(&ProgressSample {
            at,
            requests,
            lasted: at - before,
            interval,
            moves: assignment.moves(),
            generation: assignment.generation(),
        }));
        before = at;
    }
}
