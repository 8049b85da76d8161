//! One member of the assigner as slicelets, watchers and operators see it, over real sockets.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use emberkeep_assigner::raft::RaftSettings;
use emberkeep_assigner::{Assigner, AssignerConfig};
use emberkeep_core::assignment::{Assignment, Generation, Phase, Update};
use emberkeep_core::keyspace::Slice;
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, PodPhase, Weight};
use emberkeep_core::rate::Rate;
use emberkeep_core::slicelet::Warmth;
use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::{FromAssigner, FromSlicelet, Heartbeat, LeaderRedirect, PodReport, Registration};
use emberkeep_proto::pb;
use emberkeep_proto::pb::admin_client::AdminClient;
use emberkeep_proto::pb::pod_reports_client::PodReportsClient;
use emberkeep_proto::pb::slicelet_session_client::SliceletSessionClient;
use emberkeep_runtime::watch::{AssignmentWatcher, WatchSettings};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming};

const DEADLINE: Duration = Duration::from_secs(20);

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, work).await;
    done.unwrap_or_else(|_| panic!("{what} took longer than {DEADLINE:?}"))
}

struct Running {
    assigner: Assigner,
    url: String,
    _folder: Option<TempDir>,
}

async fn member_in(folder: &std::path::Path) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://{address}");
    let raft = RaftSettings::alone(folder, &url);
    let assigner = Assigner::start_on(listener, AssignerConfig::new(address, raft))
        .await
        .unwrap();
    let mut leadership = assigner.member().leadership();
    within("leading", leadership.wait_for(|leadership| leadership.is_leading()))
        .await
        .unwrap();
    Running {
        assigner,
        url,
        _folder: None,
    }
}

async fn member() -> Running {
    let folder = TempDir::new().unwrap();
    let running = member_in(folder.path()).await;
    Running {
        _folder: Some(folder),
        ..running
    }
}

fn target() -> TargetName {
    TargetName::try_new("profiles").unwrap()
}

/// A slicelet of few words.
struct Pretender {
    pod: Pod,
    said: mpsc::Sender<pb::SessionRequest>,
    told: Streaming<pb::SessionResponse>,
    held: Assignment,
    /// What it was told to get ready; it is as soon as it says so.
    ordered: Vec<Slice>,
    /// Whoever pretends to be a pod has to answer probes.
    listener: Option<TcpListener>,
}

impl Pretender {
    async fn registers(running: &Running, name: &str, incarnation: u128) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pod = Pod {
            name: PodName::try_new(name).unwrap(),
            incarnation: Incarnation(incarnation),
            address: PodAddress::try_new(&listener.local_addr().unwrap().to_string()).unwrap(),
            zone: "".into(),
            weight: Weight::ONE,
            memory_capacity: None,
        };
        let (said, requests) = mpsc::channel(16);
        let registration = FromSlicelet::Register(Registration {
            target: target(),
            pod: pod.clone(),
            known: Generation::NONE,
        });
        said.send((&registration).into()).await.unwrap();
        let told = session(running, requests).await.unwrap();
        let mut pretender = Self {
            pod,
            said,
            told,
            held: Assignment::unassigned(),
            ordered: Vec::new(),
            listener: Some(listener),
        };
        assert!(matches!(pretender.hears().await, Some(FromAssigner::Welcome(_))));
        pretender.beats(PodPhase::Ready).await;
        pretender
    }

    async fn beats(&self, phase: PodPhase) {
        self.beats_wanting(phase, Rate::ZERO).await;
    }

    async fn beats_wanting(&self, phase: PodPhase, store_demand: Rate) {
        self.said.send(self.heartbeat(phase, store_demand)).await.unwrap();
    }

    fn heartbeat(&self, phase: PodPhase, store_demand: Rate) -> pb::SessionRequest {
        let warmth = Warmth {
            is_complete: true,
            ..Warmth::default()
        };
        let heartbeat = FromSlicelet::Heartbeat(Heartbeat {
            phase,
            applied: self.held.generation(),
            store_demand,
            warming: self.ordered.iter().map(|slice| (slice.clone(), warmth)).collect(),
        });
        (&heartbeat).into()
    }

    fn stops_listening(&mut self) {
        self.listener = None;
    }

    async fn hears(&mut self) -> Option<FromAssigner> {
        let message = within("a message", self.told.message()).await.unwrap()?;
        Some(FromAssigner::try_from(message).unwrap())
    }

    /// Listens, and says that it lives, until the assignment is as wanted.
    async fn holds(&mut self, wanted: impl Fn(&Assignment) -> bool) {
        let listening = async {
            let mut beat = tokio::time::interval(Duration::from_millis(300));
            while !wanted(&self.held) {
                tokio::select! {
                    message = self.told.message() => self.take_in(message),
                    _ = beat.tick() => self.beats(PodPhase::Ready).await,
                }
            }
        };
        within("the wanted assignment", listening).await;
    }

    /// Listens until so much was granted.
    async fn is_granted(&mut self, wanted: Option<Rate>) {
        while self.hears().await.expect("the session is open") != FromAssigner::StoreGrant(wanted) {}
    }

    fn take_in(&mut self, message: Result<Option<pb::SessionResponse>, Status>) {
        let message = message.unwrap().expect("the session is open");
        match FromAssigner::try_from(message).unwrap() {
            FromAssigner::Update(Update::Full(full)) => self.held = full.as_ref().clone(),
            FromAssigner::Update(Update::Diff(diff)) => self.held = self.held.apply(&diff).unwrap(),
            FromAssigner::WarmOrder(slices) => self.ordered = slices,
            FromAssigner::Welcome(_) | FromAssigner::MayExit | FromAssigner::StoreGrant(_) => {}
        }
    }
}

async fn session(
    running: &Running,
    requests: mpsc::Receiver<pb::SessionRequest>,
) -> Result<Streaming<pb::SessionResponse>, Status> {
    let mut client = SliceletSessionClient::connect(running.url.clone()).await.unwrap();
    let answered = within("an answer", client.session(ReceiverStream::new(requests))).await?;
    Ok(answered.into_inner())
}

fn serving(assignment: &Assignment, pod: &Pod) -> usize {
    let index = assignment.index_of(&pod.name);
    let shares = index.map(|index| assignment.shares_of(index));
    shares
        .into_iter()
        .flatten()
        .filter(|(_, _, phase)| *phase == Phase::Serving)
        .count()
}

#[tokio::test]
async fn slicelets_that_register_share_the_slices_and_watchers_see_it() {
    let running = member().await;
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    let two = Pretender::registers(&running, "pod-2", 1).await;
    let pod = two.pod.clone();
    one.holds(|held| serving(held, &pod) == 32).await;

    let stop = CancellationToken::new();
    let watcher = AssignmentWatcher::start(WatchSettings::new(target(), vec![running.url.clone()], "test"), &stop);
    let mut held = watcher.held();
    let seen = within("the watch", held.wait_for(Option::is_some))
        .await
        .unwrap()
        .clone()
        .unwrap();
    assert_eq!(*seen.assignment, one.held);
    assert!(running.assigner.shutdown().await);
}

#[tokio::test]
async fn a_slicelet_whose_process_is_gone_loses_its_slices_at_once() {
    let running = member().await;
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    let two = Pretender::registers(&running, "pod-2", 1).await;
    let pod = two.pod.clone();
    one.holds(|held| serving(held, &pod) == 32).await;
    drop(two);
    one.holds(|held| held.index_of(&pod.name).is_none()).await;
    let alone = one.pod.clone();
    assert_eq!(serving(&one.held, &alone), 64);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let before = member_in(folder.path()).await;
    let mut one = Pretender::registers(&before, "pod-1", 1).await;
    one.holds(|held| held.generation().number() == 1).await;
    drop(one);
    assert!(before.assigner.shutdown().await);

    let after = member_in(folder.path()).await;
    let mut back = Pretender::registers(&after, "pod-1", 2).await;
    let pod = back.pod.clone();
    back.holds(|held| held.pods() == [pod.clone()]).await;
    assert!(back.held.generation().number() > 1, "generations go on");
}

#[tokio::test]
async fn operators_create_targets_and_see_them() {
    let running = member().await;
    let mut admin = AdminClient::connect(running.url.clone()).await.unwrap();
    let create = |min_replicas| pb::CreateTargetRequest {
        target: "orders".to_owned(),
        settings: Some(pb::TargetSettings {
            min_replicas: Some(min_replicas),
            max_replicas: Some(3),
            ..pb::TargetSettings::default()
        }),
    };
    let refused = admin.create_target(create(0)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("min_replicas is 0"), "{refused}");
    admin.create_target(create(2)).await.unwrap();
    assert_eq!(
        admin.create_target(create(2)).await.unwrap_err().code(),
        Code::AlreadyExists
    );

    let name = "orders".to_owned();
    let described = admin
        .describe_target(pb::DescribeTargetRequest { target: name })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(described.settings.unwrap().min_replicas, Some(2));
    let cluster = admin
        .describe_cluster(pb::DescribeClusterRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!((cluster.leader, cluster.members.len()), (Some(1), 1));
}

#[tokio::test]
async fn operators_are_told_what_was_decided_what_keeps_the_next_and_what_a_loss_would_do() {
    let running = member().await;
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    let two = Pretender::registers(&running, "pod-2", 1).await;
    let pod = two.pod.clone();
    one.holds(|held| serving(held, &pod) == 32).await;
    let mut admin = AdminClient::connect(running.url.clone()).await.unwrap();

    let target = "profiles".to_owned();
    let asked = pb::ExplainTargetRequest { target, last: 5 };
    let told = admin.explain_target(asked).await.unwrap().into_inner();
    let newest = told.decisions.last().expect("the pods have got their slices");
    assert_eq!(newest.generation, one.held.generation().number());
    assert!(newest.report.contains("slices moved"), "{told:?}");
    assert!(told.outlook.starts_with("nothing is decided: "), "{told:?}");
    assert!(told.text.ends_with(&format!("now: {}\n", told.outlook)), "{told:?}");

    let plan = |without: &[&str]| pb::PlanTargetRequest {
        target: "profiles".to_owned(),
        without: without.iter().map(|&name| name.to_owned()).collect(),
        balance: false,
    };
    let planned = admin.plan_target(plan(&[])).await.unwrap().into_inner();
    assert!(!planned.changes, "{planned:?}");
    let planned = admin.plan_target(plan(&["pod-2"])).await.unwrap().into_inner();
    assert!(planned.changes && planned.report.contains("to pod-1"), "{planned:?}");
    let refused = admin.plan_target(plan(&["pod-3"])).await.unwrap_err();
    assert_eq!(refused.message(), "target profiles has no pod pod-3");
    one.holds(|held| serving(held, &pod) == 32).await;
}

#[tokio::test]
async fn what_pods_may_ask_of_their_store_is_dealt_out_by_what_they_want() {
    let running = member().await;
    let mut admin = AdminClient::connect(running.url.clone()).await.unwrap();
    let limited = |requests| pb::TargetSettings {
        store_requests_per_second: Some(requests),
        ..pb::TargetSettings::default()
    };
    let create = pb::CreateTargetRequest {
        target: "profiles".to_owned(),
        settings: Some(limited(800)),
    };
    admin.create_target(create).await.unwrap();
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    one.is_granted(Some(Rate::per_second(800))).await;
    let mut two = Pretender::registers(&running, "pod-2", 1).await;
    two.is_granted(Some(Rate::per_second(400))).await;
    two.beats_wanting(PodPhase::Ready, Rate::per_second(9_000)).await;
    two.is_granted(Some(Rate::per_second(700))).await;
    one.is_granted(Some(Rate::per_second(100))).await;

    let configure = pb::ConfigureTargetRequest {
        target: "profiles".to_owned(),
        settings: Some(limited(0)),
    };
    admin.configure_target(configure).await.unwrap();
    one.is_granted(None).await;
    two.is_granted(None).await;
}

#[tokio::test]
async fn keys_are_pinned_to_pods_that_are_there_and_unpinned_in_part() {
    let running = member().await;
    let _one = Pretender::registers(&running, "pod-1", 1).await;
    let mut admin = AdminClient::connect(running.url.clone()).await.unwrap();
    let range = |start: u8, end: u8| {
        let slice = pb::Slice {
            start: vec![start],
            end: Some(vec![end]),
        };
        Some(pb::Keys {
            keys: Some(pb::keys::Keys::Slice(slice)),
        })
    };
    let pin = |pod: &str| pb::PinKeysRequest {
        target: "profiles".to_owned(),
        keys: range(0x40, 0x80),
        pod: pod.to_owned(),
    };
    let refused = admin.pin_keys(pin("pod-9")).await.unwrap_err();
    assert_eq!(refused.message(), "target profiles has no pod pod-9");
    // The pod is known a moment after its session has been opened.
    let pinned = async { while admin.pin_keys(pin("pod-1")).await.is_err() {} };
    within("the pin", pinned).await;

    let unpin = pb::UnpinKeysRequest {
        target: "profiles".to_owned(),
        keys: range(0x50, 0x60),
    };
    admin.unpin_keys(unpin).await.unwrap();
    let target = "profiles".to_owned();
    let described = admin.describe_target(pb::DescribeTargetRequest { target }).await;
    let pins = described.unwrap().into_inner().pins;
    let bounds = pins.iter().filter_map(|pin| pin.slice.as_ref());
    let bounds: Vec<_> = bounds
        .map(|slice| (slice.start[0], slice.end.as_ref().unwrap()[0]))
        .collect();
    assert_eq!(bounds, [(0x40, 0x50), (0x60, 0x80)]);
}

fn report_of(pod: &Pod) -> pb::ReportRequest {
    pb::ReportRequest::from(&PodReport {
        target: target(),
        pod: pod.name.clone(),
        incarnation: pod.incarnation,
    })
}

#[tokio::test]
async fn a_reported_pod_is_probed_and_lost_only_if_nobody_listens_there() {
    let running = member().await;
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    let mut two = Pretender::registers(&running, "pod-2", 1).await;
    let (living, dying) = (one.pod.clone(), two.pod.clone());
    one.holds(|held| serving(held, &dying) == 32).await;

    // It goes on saying that it lives, but nobody listens at its address any more.
    two.stops_listening();
    let mut reports = PodReportsClient::connect(running.url.clone()).await.unwrap();
    let reporting = async {
        let mut pace = tokio::time::interval(Duration::from_millis(300));
        loop {
            pace.tick().await;
            reports.report(report_of(&living)).await.unwrap();
            reports.report(report_of(&dying)).await.unwrap();
            // Once it is taken for dead, its session is closed.
            let _ = two.said.send(two.heartbeat(PodPhase::Ready, Rate::ZERO)).await;
        }
    };
    tokio::select! {
        () = one.holds(|held| held.index_of(&dying.name).is_none()) => {}
        () = reporting => {}
    }
    assert_eq!(serving(&one.held, &living), 64);
}

#[tokio::test]
async fn a_report_that_breaks_a_rule_is_refused_and_one_of_a_stranger_changes_nothing() {
    let running = member().await;
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    one.holds(|held| held.generation().number() == 1).await;
    let mut reports = PodReportsClient::connect(running.url.clone()).await.unwrap();
    let report = report_of(&one.pod);
    let no_life = pb::ReportRequest {
        incarnation: vec![1; 3],
        ..report.clone()
    };
    let refused = reports.report(no_life).await.unwrap_err();
    assert_eq!(refused.message(), "incarnation: it has 3 bytes, but must have 16");
    let no_target = pb::ReportRequest {
        target: "orders".to_owned(),
        ..report.clone()
    };
    let refused = reports.report(no_target).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::NotFound, "there is no target orders")
    );
    let stranger = pb::ReportRequest {
        pod: "pod-9".to_owned(),
        ..report
    };
    reports.report(stranger).await.unwrap();
    assert_eq!(serving(&one.held, &one.pod.clone()), 32);
}

#[tokio::test]
async fn a_member_that_does_not_lead_takes_no_reports_and_says_who_leads_if_it_knows() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut raft = RaftSettings::alone(folder.path(), format!("http://{address}"));
    // The other two have never been started.
    for id in [2, 3] {
        raft.members.insert(id, format!("http://127.0.0.1:{id}"));
    }
    let config = AssignerConfig::new(address, raft);
    let assigner = Assigner::start_on(listener, config).await.unwrap();
    let mut reports = PodReportsClient::connect(format!("http://{address}")).await.unwrap();
    let report = pb::ReportRequest {
        target: "profiles".to_owned(),
        pod: "pod-1".to_owned(),
        incarnation: vec![1; 16],
    };
    let redirected = within("an answer", reports.report(report)).await.unwrap_err();
    assert_eq!(
        LeaderRedirect::from_status(&redirected),
        Some(LeaderRedirect { leader: None })
    );
    assert!(assigner.shutdown().await);
}

#[tokio::test]
async fn a_session_that_does_not_register_is_told_what_is_wrong() {
    let running = member().await;
    let (said, requests) = mpsc::channel(1);
    let heartbeat = FromSlicelet::Heartbeat(Heartbeat {
        phase: PodPhase::Ready,
        applied: Generation::NONE,
        store_demand: Rate::ZERO,
        warming: Vec::new(),
    });
    said.send((&heartbeat).into()).await.unwrap();
    let refused = session(&running, requests).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message(), "the first message of a session must register");
}

#[tokio::test]
async fn a_message_that_breaks_a_rule_ends_the_session_with_a_sentence() {
    let running = member().await;
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    let report = pb::LoadReport::default();
    let message = pb::session_request::Message::LoadReport(report);
    one.said
        .send(pb::SessionRequest { message: Some(message) })
        .await
        .unwrap();
    let parting = async {
        loop {
            if let Err(status) = one.told.message().await {
                return status;
            }
        }
    };
    let status = within("the end of the session", parting).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("window"), "{status}");
}
