//! The reporter: tells the assigner which pods could not be reached, beside the requests that found out.
//!
//! Whom to tell is whom the clerk was given as a source of assignments: members of the assigner, of which one leads and
//! the others say where it is, and maybe slicelets, which take no reports. A report is a hint that may get lost: each is
//! worth a few calls, and there will be another one for as long as the pod cannot be reached. No connection is kept for
//! reports: they are rare, and idle connections of all clerks would be a burden to the one leader.

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

/// Each pod is reported once in this time.
const REPORT_PAUSE: Duration = Duration::from_secs(1);
/// How many reports may wait; further ones are dropped.
const WAITING_MAX: usize = 64;
/// How long one call may take.
const CALL_DEADLINE: Duration = Duration::from_secs(1);
/// How many calls one report is worth.
const CALLS_MAX: usize = 3;
/// How long a member that takes no reports now is left alone: up to so long at first and in the end.
const REST_FIRST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(30);
/// How long whoever does not know what a report is, as slicelets, is left alone.
const UNKNOWN_REST: Duration = Duration::from_secs(5 * 60);

/// Takes reports from requests, which never wait for it.
#[derive(Debug)]
pub(crate) struct Reporter {
    target: TargetName,
    waiting: mpsc::Sender<PodReport>,
    recent: Mutex<KeyedThrottle<(PodName, Incarnation)>>,
    clock: Clock,
}

/// Brings reports to the leader, one after the other.
#[derive(Debug)]
pub(crate) struct Delivery {
    waiting: mpsc::Receiver<PodReport>,
    sources: Vec<Source>,
    /// Who took the last report.
    leader: Option<String>,
    channel: ChannelSettings,
}

/// A member of the assigner, or a slicelet.
#[derive(Debug)]
struct Source {
    url: String,
    rests_until: Instant,
    backoff: Backoff,
}

/// A reporter, and the delivery that has to run for it.
pub(crate) fn reporter(target: TargetName, sources: &[String], channel: ChannelSettings) -> (Reporter, Delivery) {
    let (sender, waiting) = mpsc::channel(WAITING_MAX);
    let reporter = Reporter {
        target,
        waiting: sender,
        recent: Mutex::new(KeyedThrottle::new(REPORT_PAUSE, WAITING_MAX)),
        clock: Clock::start(),
    };
    let mut sources: Vec<_> = sources.iter().cloned().map(Source::new).collect();
    // From a random place on, so that clerks spread over the members until they know which one leads.
    let start = rand::random_range(0..sources.len().max(1));
    sources.rotate_left(start);
    let delivery = Delivery {
        waiting,
        sources,
        leader: None,
        channel,
    };
    (reporter, delivery)
}

impl Reporter {
    /// The pod could not be reached. Answers whether it will be reported; it was a moment ago if not, or too many are.
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
        self.waiting.try_send(report).is_ok()
    }
}

impl Delivery {
    /// Runs until the reporter is gone.
    pub(crate) async fn run(mut self) {
        while let Some(report) = self.waiting.recv().await {
            self.deliver(&report).await;
        }
    }

    async fn deliver(&mut self, report: &PodReport) {
        let mut next = self.leader.take();
        for _ in 0..CALLS_MAX {
            let Some(url) = next.take().or_else(|| self.rested()) else {
                return;
            };
            let Err(status) = self.call(&url, report).await else {
                self.took(url);
                return;
            };
            next = LeaderRedirect::from_status(&status).and_then(|redirect| redirect.leader);
            if next.is_none() {
                self.rest(&url, &status);
            }
        }
    }

    async fn call(&self, url: &str, report: &PodReport) -> Result<(), Status> {
        let channel = channel_to(url, &self.channel).map_err(|bad| Status::unavailable(bad.to_string()))?;
        let mut client = PodReportsClient::new(channel);
        let called = timeout(CALL_DEADLINE, client.report(ReportRequest::from(report))).await;
        let answered = called.map_err(|_| Status::deadline_exceeded("no answer came in time"))?;
        answered.map(|_| ())
    }

    /// The first source that may be asked now.
    fn rested(&self) -> Option<String> {
        let now = Instant::now();
        let source = self.sources.iter().find(|source| source.rests_until <= now)?;
        Some(source.url.clone())
    }

    fn took(&mut self, url: String) {
        if let Some(source) = self.sources.iter_mut().find(|source| source.url == url) {
            source.backoff.reset();
        }
        self.leader = Some(url);
    }

    fn rest(&mut self, url: &str, status: &Status) {
        let Some(source) = self.sources.iter_mut().find(|source| source.url == url) else {
            return;
        };
        let rest = match status.code() {
            Code::Unimplemented => UNKNOWN_REST,
            _ => source.backoff.next_delay(),
        };
        source.rests_until = Instant::now() + rest;
    }
}

impl Source {
    fn new(url: String) -> Self {
        Self {
            url,
            rests_until: Instant::now(),
            backoff: Backoff::new(REST_FIRST, REST_MAX),
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

    /// Counts the reports that come, and answers all alike.
    #[derive(Clone)]
    struct Desk {
        answer: Result<(), Status>,
        count: Arc<AtomicUsize>,
    }

    #[tonic::async_trait]
    impl PodReports for Desk {
        async fn report(&self, _: Request<ReportRequest>) -> Result<Response<ReportResponse>, Status> {
            self.count.fetch_add(1, SeqCst);
            self.answer.clone().map(|()| Response::new(ReportResponse {}))
        }
    }

    impl Desk {
        async fn open(answer: Result<(), Status>) -> (Self, String) {
            let desk = Self {
                answer,
                count: Arc::default(),
            };
            let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let server = server_builder().add_service(PodReportsServer::new(desk.clone()));
            tokio::spawn(server.serve_with_incoming(incoming(listener)));
            (desk, url)
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
    async fn a_follower_leads_to_the_leader_which_is_told_at_once_the_next_time() {
        let (leader, leader_url) = Desk::open(Ok(())).await;
        let (follower, follower_url) = Desk::open(Err(leader_redirect_status(Some(&leader_url)))).await;
        let mut delivery = delivery(&[&follower_url]);
        for _ in 0..3 {
            delivery.deliver(&report()).await;
        }
        assert_eq!((follower.count(), leader.count()), (1, 3));
    }

    #[tokio::test]
    async fn a_source_that_does_not_know_reports_is_not_asked_again() {
        let (slicelet, slicelet_url) = Desk::open(Err(Status::unimplemented("what?"))).await;
        let mut delivery = delivery(&[&slicelet_url]);
        for _ in 0..3 {
            delivery.deliver(&report()).await;
        }
        assert_eq!(slicelet.count(), 1);
    }

    #[tokio::test]
    async fn one_report_is_worth_few_calls_wherever_they_lead() {
        let (lost, lost_url) = Desk::open(Err(leader_redirect_status(None))).await;
        let (_, there) = Desk::open(Err(leader_redirect_status(Some(&lost_url)))).await;
        delivery(&[&there]).deliver(&report()).await;
        assert_eq!(lost.count(), 1);

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let gone = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let (around, around_url) = Desk::open(Err(leader_redirect_status(Some(&gone)))).await;
        delivery(&[&around_url]).deliver(&report()).await;
        assert!(around.count() < CALLS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_is_reported_once_a_second_and_only_so_many_reports_wait() {
        let (reporter, mut delivery) = reporter(target(), &[], ChannelSettings::default());
        assert!(reporter.report(&pod(1)));
        assert!(!reporter.report(&pod(1)));
        let taken = (2..1_000).filter(|number| reporter.report(&pod(*number))).count();
        assert!(taken < WAITING_MAX);
        assert_eq!(delivery.waiting.try_recv().unwrap(), report());
    }
}
