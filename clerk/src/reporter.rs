//! The reporter: reports unreachable pods to the assigner, outside of the requests that found them unreachable.
//!
//! Reports go to the clerk's sources of assignments: members of the assigner, of which one leads and the others
//! redirect to it, and possibly slicelets, which do not implement reports. A report is a hint and may get lost: each
//! has a few calls at most, and requests produce the next one as long as the pod is unreachable. No connection is kept
//! open: reports are rare, and idle connections of all clerks would load the one leader.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use emberkeep_core::pod::{Incarnation, Pod, PodName};
use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::{LeaderRedirect, PodReport};
use emberkeep_proto::pb::ReportRequest;
use emberkeep_proto::pb::pod_reports_client::PodReportsClient;
use emberkeep_runtime::backoff::Backoff;
use emberkeep_runtime::channel::{ChannelSettings, channel_to};
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::keyed_throttle::KeyedThrottle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status};

/// The shortest time between two reports of the same pod.
const REPORT_PAUSE: Duration = Duration::from_secs(1);
/// The capacity of the report queue; further reports are dropped.
const QUEUE_MAX: usize = 64;
/// A call without an answer for this long counts as failed.
const CALL_DEADLINE: Duration = Duration::from_secs(1);
/// The most calls for one report, redirects included.
const CALLS_MAX: usize = 3;
/// The ceilings of the backoff after a failed call to an endpoint: the first, and the largest.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How long an endpoint is skipped that does not implement reports, as slicelets do not.
const UNIMPLEMENTED_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Queues the reports of requests. Never blocks them: a full queue drops the report.
#[derive(Debug)]
pub(crate) struct Reporter {
    target: TargetName,
    queue: mpsc::Sender<PodReport>,
    recent: Mutex<KeyedThrottle<(PodName, Incarnation)>>,
    clock: Clock,
}

/// Delivers the queued reports to the leader, one after the other.
#[derive(Debug)]
pub(crate) struct Delivery {
    queue: mpsc::Receiver<PodReport>,
    endpoints: Vec<ReportEndpoint>,
    /// The endpoint that accepted the last report.
    leader: Option<String>,
    channel: ChannelSettings,
}

/// A configured source of assignments: a member of the assigner, or a slicelet.
#[derive(Debug)]
struct ReportEndpoint {
    url: String,
    skipped_until: Instant,
    backoff: Backoff,
}

/// A reporter, and the delivery task of its queue.
pub(crate) fn reporter(target: TargetName, sources: &[String], channel: ChannelSettings) -> (Reporter, Delivery) {
    let (sender, queue) = mpsc::channel(QUEUE_MAX);
    let reporter = Reporter {
        target,
        queue: sender,
        recent: Mutex::new(KeyedThrottle::new(REPORT_PAUSE, QUEUE_MAX)),
        clock: Clock::start(),
    };
    let mut endpoints: Vec<_> = sources.iter().cloned().map(ReportEndpoint::new).collect();
    // A random first endpoint, so that clerks spread over the members until they know the leader.
    let start = rand::random_range(0..endpoints.len().max(1));
    endpoints.rotate_left(start);
    let delivery = Delivery {
        queue,
        endpoints,
        leader: None,
        channel,
    };
    (reporter, delivery)
}

impl Reporter {
    /// Queues a report of an unreachable pod. False when it was reported less than a second ago or the queue is full.
    pub(crate) fn report(&self, pod: &Pod) -> bool {
        let key = (pod.name.clone(), pod.incarnation);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if !recent.allow(key, self.clock.now()) {
            return false;
        }
        let report = PodReport {
            target: self.target.clone(),
            pod: pod.name.clone(),
            incarnation: pod.incarnation,
        };
        self.queue.try_send(report).is_ok()
    }
}

impl Delivery {
    /// Delivers reports until the reporter is dropped.
    pub(crate) async fn run(mut self) {
        while let Some(report) = self.queue.recv().await {
            self.deliver(&report).await;
        }
    }

    async fn deliver(&mut self, report: &PodReport) {
        let mut next = self.leader.take();
        for _ in 0..CALLS_MAX {
            let Some(url) = next.take().or_else(|| self.available()) else {
                return;
            };
            let Err(status) = self.call(&url, report).await else {
                self.on_accepted(url);
                return;
            };
            next = LeaderRedirect::from_status(&status).and_then(|redirect| redirect.leader);
            if next.is_none() {
                self.on_failed(&url, &status);
            }
        }
    }

    async fn call(&self, url: &str, report: &PodReport) -> Result<(), Status> {
        let channel = channel_to(url, &self.channel).map_err(|bad| Status::unavailable(bad.to_string()))?;
        let mut client = PodReportsClient::new(channel);
        let called = timeout(CALL_DEADLINE, client.report(ReportRequest::from(report))).await;
        let answered = called.map_err(|_| Status::deadline_exceeded("no answer within 1 s"))?;
        answered.map(|_| ())
    }

    /// The first endpoint that is not skipped at present.
    fn available(&self) -> Option<String> {
        let now = Instant::now();
        let endpoint = self.endpoints.iter().find(|endpoint| endpoint.skipped_until <= now)?;
        Some(endpoint.url.clone())
    }

    fn on_accepted(&mut self, url: String) {
        if let Some(endpoint) = self.endpoints.iter_mut().find(|endpoint| endpoint.url == url) {
            endpoint.backoff.reset();
        }
        self.leader = Some(url);
    }

    fn on_failed(&mut self, url: &str, status: &Status) {
        let Some(endpoint) = self.endpoints.iter_mut().find(|endpoint| endpoint.url == url) else {
            return;
        };
        let pause = match status.code() {
            Code::Unimplemented => UNIMPLEMENTED_PAUSE,
            _ => endpoint.backoff.next_delay(),
        };
        endpoint.skipped_until = Instant::now() + pause;
    }
}

impl ReportEndpoint {
    fn new(url: String) -> Self {
        Self {
            url,
            skipped_until: Instant::now(),
            backoff: Backoff::new(BACKOFF_FIRST, BACKOFF_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use emberkeep_proto::convert::leader_redirect_status;
    use emberkeep_proto::pb::ReportResponse;
    use emberkeep_proto::pb::pod_reports_server::{PodReports, PodReportsServer};
    use emberkeep_runtime::serve::{bind, incoming, server_builder};
    use emberkeep_testkit::pod::pod;
    use tonic::{Request, Response};

    use super::*;

    /// A report service that counts calls and gives all the same answer.
    #[derive(Clone)]
    struct CountingReports {
        answer: Result<(), Status>,
        count: Arc<AtomicUsize>,
    }

    #[tonic::async_trait]
    impl PodReports for CountingReports {
        async fn report(&self, _: Request<ReportRequest>) -> Result<Response<ReportResponse>, Status> {
            self.count.fetch_add(1, SeqCst);
            self.answer.clone().map(|()| Response::new(ReportResponse {}))
        }
    }

    impl CountingReports {
        async fn serve(answer: Result<(), Status>) -> (Self, String) {
            let service = Self {
                answer,
                count: Arc::default(),
            };
            let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let server = server_builder().add_service(PodReportsServer::new(service.clone()));
            tokio::spawn(server.serve_with_incoming(incoming(listener)));
            (service, url)
        }

        fn count(&self) -> usize {
            self.count.load(SeqCst)
        }
    }

    fn target() -> TargetName {
        TargetName::try_new("profiles").unwrap()
    }

    fn report() -> PodReport {
        PodReport {
            target: target(),
            pod: pod(1).name,
            incarnation: pod(1).incarnation,
        }
    }

    fn delivery(sources: &[&String]) -> Delivery {
        let sources: Vec<_> = sources.iter().map(|&url| url.clone()).collect();
        reporter(target(), &sources, ChannelSettings::default()).1
    }

    #[tokio::test]
    async fn a_redirect_is_followed_and_the_leader_called_first_from_then_on() {
        let (leader, leader_url) = CountingReports::serve(Ok(())).await;
        let (follower, follower_url) = CountingReports::serve(Err(leader_redirect_status(Some(&leader_url)))).await;
        let mut delivery = delivery(&[&follower_url]);
        for _ in 0..3 {
            delivery.deliver(&report()).await;
        }
        assert_eq!((follower.count(), leader.count()), (1, 3));
    }

    #[tokio::test]
    async fn an_endpoint_without_the_report_service_is_not_called_again() {
        let (slicelet, slicelet_url) = CountingReports::serve(Err(Status::unimplemented("no such service"))).await;
        let mut delivery = delivery(&[&slicelet_url]);
        for _ in 0..3 {
            delivery.deliver(&report()).await;
        }
        assert_eq!(slicelet.count(), 1);
    }

    #[tokio::test]
    async fn a_report_has_a_bounded_number_of_calls() {
        let (leaderless, leaderless_url) = CountingReports::serve(Err(leader_redirect_status(None))).await;
        let (_, redirect_url) = CountingReports::serve(Err(leader_redirect_status(Some(&leaderless_url)))).await;
        delivery(&[&redirect_url]).deliver(&report()).await;
        assert_eq!(leaderless.count(), 1);

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let dead_url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let (stale, stale_url) = CountingReports::serve(Err(leader_redirect_status(Some(&dead_url)))).await;
        delivery(&[&stale_url]).deliver(&report()).await;
        assert!(stale.count() < CALLS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_is_reported_once_a_second_and_the_queue_is_bounded() {
        let (reporter, mut delivery) = reporter(target(), &[], ChannelSettings::default());
        assert!(reporter.report(&pod(1)));
        assert!(!reporter.report(&pod(1)));
        let taken = (2..1_000).filter(|number| reporter.report(&pod(*number))).count();
        assert!(taken < QUEUE_MAX);
        assert_eq!(delivery.queue.try_recv().unwrap(), report());
    }
}
