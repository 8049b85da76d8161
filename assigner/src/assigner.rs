//! One running member of the assigner.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_proto::pb::admin_server::AdminServer;
use emberkeep_proto::pb::pod_reports_server::PodReportsServer;
use emberkeep_proto::pb::slicelet_session_server::SliceletSessionServer;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use emberkeep_runtime::status_page::{HealthCheck, StatusRoutes, TextPage, serve_http};
use emberkeep_runtime::tasks::Tasks;
use emberkeep_runtime::watch::{UPDATE_SIZE_MAX, WatchLimits, WatchService};
use futures::FutureExt;
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tracing::{error, info};

use crate::admin_service::AdminService;
use crate::admin_trace::TracedAdmin;
use crate::assignment_publisher::AssignmentPublisher;
use crate::brain_queries::BrainQueries;
use crate::config::AssignerConfig;
use crate::error::AssignerError;
use crate::leader::Leader;
use crate::metrics::Metrics;
use crate::page::page_routes;
use crate::raft::{Leadership, Member};
use crate::raft_observer::observe_raft;
use crate::recording::{Recorder, RecordingFile};
use crate::report_service::ReportService;
use crate::session_registry::SessionRegistry;
use crate::session_service::SessionService;

/// The deadline of a shutdown for streams and tasks to end.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);

/// A running member. Dropping it does not stop it; [`Assigner::shutdown`] does.
#[derive(Debug)]
pub struct Assigner {
    address: SocketAddr,
    http_address: Option<SocketAddr>,
    member: Member,
    metrics: Metrics,
    tasks: Tasks,
}

impl Assigner {
    /// Starts a member: opens its data folder, joins the Raft cluster, listens.
    ///
    /// # Errors
    /// When a listen address is unavailable, or the data folder or recording file cannot be used.
    pub async fn start(config: AssignerConfig) -> Result<Self, AssignerError> {
        let listener = bind(config.listen).await?;
        Self::start_on(listener, config).await
    }

    /// As [`Assigner::start`], on an open listener; `config.listen` is ignored.
    ///
    /// # Errors
    /// As [`Assigner::start`].
    pub async fn start_on(listener: TcpListener, config: AssignerConfig) -> Result<Self, AssignerError> {
        let address = listener.local_addr().unwrap_or(config.listen);
        let http = match config.http {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let recording = config.record.as_deref().map(RecordingFile::create).transpose()?;
        let http_address = http.as_ref().and_then(|listener| listener.local_addr().ok());
        let metrics = Metrics::new();
        let member = Member::start(config.raft.clone(), metrics.raft_meters().clone()).await?;
        let tasks = Tasks::new();
        let services = MemberServices {
            assignments: Arc::new(AssignmentPublisher::default()),
            registry: Arc::new(SessionRegistry::default()),
            member: member.clone(),
            tasks: tasks.clone(),
            metrics: metrics.clone(),
        };
        services.spawn_leading(recording.map(|file| file.spawn_writer(&tasks)));
        services.spawn_server(listener, &config);
        if let Some(listener) = http {
            services.spawn_status_page(listener, config.page_commands);
        }
        info!(%address, "assigner is listening");
        Ok(Self {
            address,
            http_address,
            member,
            metrics,
            tasks,
        })
    }

    /// The gRPC listen address, with the port that was chosen for port 0.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The listen address of the page, metrics and health; `None` if not configured.
    #[must_use]
    pub const fn http_address(&self) -> Option<SocketAddr> {
        self.http_address
    }

    /// The Raft member: leadership, replicated state, proposals.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// The registry of the member's metrics, for a process that exposes them with its own.
    #[must_use]
    pub fn registry(&self) -> Registry {
        self.metrics.registry()
    }

    /// Cancelled when a task has failed: the member has to be shut down.
    #[must_use]
    pub const fn failed(&self) -> &CancellationToken {
        self.tasks.stop()
    }

    /// Ends all streams and tasks, then the Raft member. Returns false when tasks had to be dropped after 5 s.
    pub async fn shutdown(&self) -> bool {
        let in_time = self.tasks.shutdown(SHUTDOWN_DEADLINE).await;
        self.member.shutdown().await;
        in_time
    }
}

/// The parts that the services of a member share.
struct MemberServices {
    assignments: Arc<AssignmentPublisher>,
    registry: Arc<SessionRegistry>,
    member: Member,
    tasks: Tasks,
    metrics: Metrics,
}

impl MemberServices {
    fn spawn_leading(&self, recorder: Option<Recorder>) {
        let follow = Arc::clone(&self.assignments).follow(self.member.state(), self.metrics.clone());
        let stop = self.tasks.stop().clone();
        self.tasks.spawn_supervised("assignments", async move {
            stop.run_until_cancelled(follow).await;
        });
        let observe = observe_raft(self.member.clone(), self.metrics.clone());
        let stop = self.tasks.stop().clone();
        self.tasks.spawn_supervised("raft metrics", async move {
            stop.run_until_cancelled(observe).await;
        });
        let leader = Leader {
            queries: self.queries(),
            metrics: self.metrics.clone(),
            clock: Clock::start_at_wall_time(),
            tasks: self.tasks.clone(),
            recorder,
        };
        let stop = self.tasks.stop().clone();
        self.tasks.spawn_supervised("leader", async move {
            stop.run_until_cancelled(leader.run()).await;
        });
    }

    fn spawn_server(&self, listener: TcpListener, config: &AssignerConfig) {
        let routes = self.routes(config);
        let stop = self.tasks.stop().clone();
        self.tasks.spawn_supervised("grpc server", async move {
            let server = server_builder().add_routes(routes);
            let served = server.serve_with_incoming_shutdown(incoming(listener), stop.clone().cancelled_owned());
            if let Err(error) = served.await {
                error!(%error, "the gRPC server failed, stopping");
            }
            stop.cancel();
        });
    }

    fn routes(&self, config: &AssignerConfig) -> Routes {
        let sessions = SessionService {
            member: self.member.clone(),
            registry: Arc::clone(&self.registry),
            assignments: Arc::clone(&self.assignments),
            distribution: Arc::default(),
            metrics: self.metrics.clone(),
            tasks: self.tasks.clone(),
            creates_targets: config.creates_targets,
            permits: Arc::new(Semaphore::new(config.sessions_max)),
            sessions_max: config.sessions_max,
        };
        let limits = WatchLimits {
            watchers_max: config.watchers_max,
        };
        let watch = WatchService::new(Arc::clone(&self.assignments), limits, self.tasks.stop().clone());
        let watch = watch.counted_in(self.metrics.watchers());
        let reports = ReportService::new(self.member.clone(), Arc::clone(&self.registry), self.metrics.clone());
        Routes::new(self.member.transport())
            .add_service(SliceletSessionServer::new(sessions).max_encoding_message_size(UPDATE_SIZE_MAX))
            .add_service(watch.into_server())
            .add_service(PodReportsServer::new(reports))
            .add_service(TracedAdmin::new(AdminServer::new(self.admin_service())))
    }

    fn admin_service(&self) -> AdminService {
        AdminService {
            member: self.member.clone(),
            queries: self.queries(),
        }
    }

    fn queries(&self) -> BrainQueries {
        BrainQueries {
            member: self.member.clone(),
            registry: Arc::clone(&self.registry),
        }
    }

    fn spawn_status_page(&self, listener: TcpListener, page_commands: bool) {
        let routes = StatusRoutes {
            registry: self.metrics.registry(),
            is_healthy: health_check(self.member.clone()),
            pages: vec![decisions_page(self.queries())],
        };
        let page = page_routes(self.admin_service(), page_commands, &self.tasks);
        let router = routes.into_router().merge(page);
        let stop = self.tasks.stop().clone();
        self.tasks.spawn_supervised("status page", async move {
            if let Err(error) = serve_http(listener, router, stop).await {
                error!(%error, "the status page failed");
            }
        });
    }
}

/// The page of recent decisions, and of the reasons why none is made now.
fn decisions_page(queries: BrainQueries) -> TextPage {
    TextPage {
        path: "/decisions",
        text: Arc::new(move || {
            let queries = queries.clone();
            async move { queries.page().await }.boxed()
        }),
    }
}

/// A member is healthy while it leads or knows the leader.
fn health_check(member: Member) -> HealthCheck {
    Arc::new(move || match &*member.leadership().borrow() {
        Leadership::Leading { .. } | Leadership::Following { leader: Some(_) } => Ok(()),
        Leadership::Following { leader: None } => Err("no leader is known".to_owned()),
        Leadership::Stopped => Err("this member has stopped".to_owned()),
    })
}
