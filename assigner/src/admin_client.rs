//! A client of the admin service, for operators and tools: it follows redirects to the leader.

use std::future::Future;
use std::time::Duration;

use emberkeep_proto::convert::LeaderRedirect;
use emberkeep_proto::pb;
use emberkeep_proto::pb::admin_client::AdminClient;
use emberkeep_runtime::backoff::Backoff;
use emberkeep_runtime::channel::{BadAddress, ChannelSettings, channel_to};
use tokio::time::{Instant, timeout_at};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::raft::MemberId;

/// How long one member may take to answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Calls the members in turn until one answers within the deadline, and follows a redirect to the leader.
#[derive(Debug, Clone)]
pub struct AssignerAdmin {
    members: Vec<String>,
    deadline: Duration,
}

/// The member that leads, and its term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    /// The member's id.
    pub leader: MemberId,
    /// The Raft term in which it leads; a later leader has a higher one.
    pub term: u64,
}

/// Why a call to the admin service failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The address of a member is no URL: correct it.
    #[error(transparent)]
    BadAddress(BadAddress),
    /// The assigner refused; its message says what to correct.
    #[error("{}", .0.message())]
    Refused(Status),
    /// No member answered within the deadline: check that one runs at these addresses and can elect a leader.
    #[error("no answer from {} within {after:?}{}", members.join(", "), reason(last.as_ref()))]
    NoAnswer {
        /// The addresses that were tried.
        members: Vec<String>,
        /// The deadline that passed.
        after: Duration,
        /// What the last attempt failed with.
        last: Option<Status>,
    },
}

fn reason(last: Option<&Status>) -> String {
    last.map_or_else(String::new, |status| format!(": {}", status.message()))
}

impl AssignerAdmin {
    /// A client of these members, each call of which may take that long.
    pub fn new(members: Vec<String>, deadline: Duration) -> Self {
        Self { members, deadline }
    }

    /// All targets.
    pub async fn targets(&self) -> Result<pb::ListTargetsResponse, AdminError> {
        self.call(async |mut admin| admin.list_targets(pb::ListTargetsRequest {}).await)
            .await
    }

    /// One target: settings, pods, pins.
    pub async fn target(&self, target: &str) -> Result<pb::DescribeTargetResponse, AdminError> {
        let request = pb::DescribeTargetRequest { target: target.into() };
        self.call(async |mut admin| admin.describe_target(request.clone()).await)
            .await
    }

    /// Creates a target; a setting that is not given has its default.
    pub async fn create_target(&self, target: &str, settings: pb::TargetSettings) -> Result<(), AdminError> {
        let request = pb::CreateTargetRequest {
            target: target.into(),
            settings: Some(settings),
        };
        self.call(async |mut admin| admin.create_target(request.clone()).await)
            .await
            .map(drop)
    }

    /// Changes settings of a target; one that is not given stays.
    pub async fn configure_target(&self, target: &str, settings: pb::TargetSettings) -> Result<(), AdminError> {
        let request = pb::ConfigureTargetRequest {
            target: target.into(),
            settings: Some(settings),
        };
        self.call(async |mut admin| admin.configure_target(request.clone()).await)
            .await
            .map(drop)
    }

    /// Freezes a target, or unfreezes it.
    pub async fn freeze(&self, target: &str, is_frozen: bool) -> Result<(), AdminError> {
        let request = pb::FreezeTargetRequest {
            target: target.into(),
            is_frozen,
        };
        self.call(async |mut admin| admin.freeze_target(request.clone()).await)
            .await
            .map(drop)
    }

    /// Marks a pod as draining.
    pub async fn drain(&self, target: &str, pod: &str) -> Result<(), AdminError> {
        let request = pb::DrainPodRequest {
            target: target.into(),
            pod: pod.into(),
        };
        self.call(async |mut admin| admin.drain_pod(request.clone()).await)
            .await
            .map(drop)
    }

    /// Pins keys to a pod.
    pub async fn pin(&self, target: &str, keys: pb::Keys, pod: &str) -> Result<(), AdminError> {
        let request = pb::PinKeysRequest {
            target: target.into(),
            keys: Some(keys),
            pod: pod.into(),
        };
        self.call(async |mut admin| admin.pin_keys(request.clone()).await)
            .await
            .map(drop)
    }

    /// Removes the pins of keys.
    pub async fn unpin(&self, target: &str, keys: pb::Keys) -> Result<(), AdminError> {
        let request = pb::UnpinKeysRequest {
            target: target.into(),
            keys: Some(keys),
        };
        self.call(async |mut admin| admin.unpin_keys(request.clone()).await)
            .await
            .map(drop)
    }

    /// Releases poisoned keys.
    pub async fn release(&self, target: &str, keys: pb::Keys) -> Result<(), AdminError> {
        let request = pb::ReleaseKeysRequest {
            target: target.into(),
            keys: Some(keys),
        };
        self.call(async |mut admin| admin.release_keys(request.clone()).await)
            .await
            .map(drop)
    }

    /// The last decisions and their reasons, at most `last`.
    pub async fn explain(&self, target: &str, last: u32) -> Result<pb::ExplainTargetResponse, AdminError> {
        let request = pb::ExplainTargetRequest {
            target: target.into(),
            last,
        };
        self.call(async |mut admin| admin.explain_target(request.clone()).await)
            .await
    }

    /// What would be decided now, as if these pods were dead.
    pub async fn plan(
        &self,
        target: &str,
        without: Vec<String>,
        balance: bool,
    ) -> Result<pb::PlanTargetResponse, AdminError> {
        let request = pb::PlanTargetRequest {
            target: target.into(),
            without,
            balance,
        };
        self.call(async |mut admin| admin.plan_target(request.clone()).await)
            .await
    }

    /// What each pod carries.
    pub async fn loads(&self, target: &str) -> Result<pb::DescribeLoadResponse, AdminError> {
        let request = pb::DescribeLoadRequest { target: target.into() };
        self.call(async |mut admin| admin.describe_load(request.clone()).await)
            .await
    }

    /// The members, and who leads.
    pub async fn cluster(&self) -> Result<pb::DescribeClusterResponse, AdminError> {
        self.call(async |mut admin| admin.describe_cluster(pb::DescribeClusterRequest {}).await)
            .await
    }

    /// The leader and its term; none while no member leads, as far as the one that answers knows.
    ///
    /// # Errors
    /// As each call.
    pub async fn leadership(&self) -> Result<Option<Leadership>, AdminError> {
        let cluster = self.cluster().await?;
        Ok(cluster.leader.map(|leader| Leadership {
            leader,
            term: cluster.term,
        }))
    }

    /// Adds a running member, and waits until it has caught up.
    pub async fn add_member(&self, member: pb::Member) -> Result<(), AdminError> {
        let request = pb::AddMemberRequest { member: Some(member) };
        self.call(async |mut admin| admin.add_member(request.clone()).await)
            .await
            .map(drop)
    }

    /// Removes a member for good.
    pub async fn remove_member(&self, id: u64) -> Result<(), AdminError> {
        self.call(async |mut admin| admin.remove_member(pb::RemoveMemberRequest { id }).await)
            .await
            .map(drop)
    }

    /// Retries until a member answers; the pause doubles with each attempt, up to a second.
    async fn call<T, F>(&self, ask: impl Fn(AdminClient<Channel>) -> F) -> Result<T, AdminError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let deadline = Instant::now() + self.deadline;
        let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
        let mut members = self.members.iter().cycle();
        let mut leader = None;
        let mut last = None;
        while let Some(address) = leader.take().or_else(|| members.next().cloned()) {
            let attempt = (Instant::now() + ATTEMPT_TIMEOUT).min(deadline);
            let channel = channel_to(&address, &ChannelSettings::default()).map_err(AdminError::BadAddress)?;
            let status = match timeout_at(attempt, ask(AdminClient::new(channel))).await {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded(format!("{address} did not answer")),
            };
            match LeaderRedirect::from_status(&status) {
                Some(redirect) => leader = redirect.leader.filter(|address| !address.is_empty()),
                None if is_worth_another_try(&status) => {}
                None => return Err(AdminError::Refused(status)),
            }
            let pause = backoff.next_delay();
            last = Some(status);
            if Instant::now() + pause >= deadline {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Err(AdminError::NoAnswer {
            members: self.members.clone(),
            after: self.deadline,
            last,
        })
    }
}

/// The member may be down, or may just have lost its leader.
fn is_worth_another_try(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Aborted
    )
}

impl AdminError {
    /// Whether the target to create exists.
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::Refused(status) if status.code() == Code::AlreadyExists)
    }

    /// Whether the caller has to correct its input, rather than try again later.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::BadAddress(_) => true,
            Self::Refused(status) => matches!(
                status.code(),
                Code::InvalidArgument | Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition
            ),
            Self::NoAnswer { .. } => false,
        }
    }
}
