//! A client of the admin service that retries and follows redirects to the leader.

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

/// The deadline of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// The ceilings of the backoff between attempts: the first, and the largest.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Calls the members in turn until one answers or the deadline has passed, and follows redirects to the leader.
///
/// Every call fails with [`AdminError::Rejected`] when the assigner rejects it, which is not retried, and with
/// [`AdminError::NoAnswer`] when no member answered within the deadline.
#[derive(Debug, Clone)]
pub struct AssignerAdmin {
    members: Vec<String>,
    deadline: Duration,
}

/// The leader of a cluster at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeadingMember {
    /// The number of the leading member.
    pub leader: MemberId,
    /// Its Raft term; a later leader has a higher one.
    pub term: u64,
}

/// A failed call to the admin service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The address of a member is invalid: correct it.
    #[error(transparent)]
    BadAddress(BadAddress),
    /// The assigner rejected the request: its message names what to correct.
    #[error("{}", .0.message())]
    Rejected(Status),
    /// No member answered within the deadline: check that one runs at these addresses and can elect a leader.
    #[error("no answer from {} within {after:?}{}", members.join(", "), reason(last.as_ref()))]
    NoAnswer {
        /// The addresses of all members called.
        members: Vec<String>,
        /// The deadline that passed.
        after: Duration,
        /// The status of the last attempt.
        last: Option<Status>,
    },
}

fn reason(last: Option<&Status>) -> String {
    last.map_or_else(String::new, |status| format!(": {}", status.message()))
}

impl AssignerAdmin {
    /// A client of the members with these URLs. `deadline` bounds each call, with its retries.
    pub fn new(members: Vec<String>, deadline: Duration) -> Self {
        Self { members, deadline }
    }

    /// Lists all targets, with their generations and their numbers of slices and pods.
    pub async fn targets(&self) -> Result<pb::ListTargetsResponse, AdminError> {
        self.call(async |mut admin| admin.list_targets(pb::ListTargetsRequest {}).await)
            .await
    }

    /// Describes a target: settings, pods, pins.
    pub async fn target(&self, target: &str) -> Result<pb::DescribeTargetResponse, AdminError> {
        let request = pb::DescribeTargetRequest { target: target.into() };
        self.call(async |mut admin| admin.describe_target(request.clone()).await)
            .await
    }

    /// Creates a target; an absent setting has its default.
    pub async fn create_target(&self, target: &str, settings: pb::TargetSettings) -> Result<(), AdminError> {
        let request = pb::CreateTargetRequest {
            target: target.into(),
            settings: Some(settings),
        };
        self.call(async |mut admin| admin.create_target(request.clone()).await)
            .await
            .map(drop)
    }

    /// Changes settings of a target; an absent setting keeps its value.
    pub async fn configure_target(&self, target: &str, settings: pb::TargetSettings) -> Result<(), AdminError> {
        let request = pb::ConfigureTargetRequest {
            target: target.into(),
            settings: Some(settings),
        };
        self.call(async |mut admin| admin.configure_target(request.clone()).await)
            .await
            .map(drop)
    }

    /// Freezes or unfreezes a target: the assignment of a frozen target does not change.
    pub async fn freeze(&self, target: &str, is_frozen: bool) -> Result<(), AdminError> {
        let request = pb::FreezeTargetRequest {
            target: target.into(),
            is_frozen,
        };
        self.call(async |mut admin| admin.freeze_target(request.clone()).await)
            .await
            .map(drop)
    }

    /// Drains a pod: moves its slices to other pods.
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

    /// Releases poisoned keys, so that they get owners again.
    pub async fn release(&self, target: &str, keys: pb::Keys) -> Result<(), AdminError> {
        let request = pb::ReleaseKeysRequest {
            target: target.into(),
            keys: Some(keys),
        };
        self.call(async |mut admin| admin.release_keys(request.clone()).await)
            .await
            .map(drop)
    }

    /// The last decisions with their reasons, at most `last`.
    pub async fn explain(&self, target: &str, last: u32) -> Result<pb::ExplainTargetResponse, AdminError> {
        let request = pb::ExplainTargetRequest {
            target: target.into(),
            last,
        };
        self.call(async |mut admin| admin.explain_target(request.clone()).await)
            .await
    }

    /// Where a key, a slice or a pod is, since when and why, and what would move it.
    pub async fn explain_subject(
        &self,
        target: &str,
        subject: pb::explain_subject_request::Subject,
    ) -> Result<pb::ExplainSubjectResponse, AdminError> {
        let request = pb::ExplainSubjectRequest {
            target: target.into(),
            subject: Some(subject),
        };
        self.call(async |mut admin| admin.explain_subject(request.clone()).await)
            .await
    }

    /// What has happened to the target since the incident with the number `after`, as far as its leader knows.
    pub async fn incidents(&self, target: &str, after: u64) -> Result<pb::ListIncidentsResponse, AdminError> {
        let request = pb::ListIncidentsRequest {
            target: target.into(),
            after,
        };
        self.call(async |mut admin| admin.list_incidents(request.clone()).await)
            .await
    }

    /// The pods with their load, and the moves in progress.
    pub async fn activity(&self, target: &str) -> Result<pb::DescribeActivityResponse, AdminError> {
        let request = pb::DescribeActivityRequest { target: target.into() };
        self.call(async |mut admin| admin.describe_activity(request.clone()).await)
            .await
    }

    /// The decision that would be made now if the pods of `without` had just died.
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

    /// Load and capacity of each pod of a target, with the mean and the tolerance.
    pub async fn loads(&self, target: &str) -> Result<pb::DescribeLoadResponse, AdminError> {
        let request = pb::DescribeLoadRequest { target: target.into() };
        self.call(async |mut admin| admin.describe_load(request.clone()).await)
            .await
    }

    /// The members, and the leader among them.
    pub async fn cluster(&self) -> Result<pb::DescribeClusterResponse, AdminError> {
        self.call(async |mut admin| admin.describe_cluster(pb::DescribeClusterRequest {}).await)
            .await
    }

    /// The leader with its term; `None` when the answering member knows no leader.
    pub async fn leadership(&self) -> Result<Option<LeadingMember>, AdminError> {
        let cluster = self.cluster().await?;
        Ok(cluster.leader.map(|leader| LeadingMember {
            leader,
            term: cluster.term,
        }))
    }

    /// Adds a running member, and returns once it has received the state and votes.
    pub async fn add_member(&self, member: pb::Member) -> Result<(), AdminError> {
        let request = pb::AddMemberRequest { member: Some(member) };
        self.call(async |mut admin| admin.add_member(request.clone()).await)
            .await
            .map(drop)
    }

    /// Removes a member permanently.
    pub async fn remove_member(&self, id: u64) -> Result<(), AdminError> {
        self.call(async |mut admin| admin.remove_member(pb::RemoveMemberRequest { id }).await)
            .await
            .map(drop)
    }

    /// Retries until a member answers. The backoff ceiling doubles with each attempt, up to a second.
    async fn call<T, F>(&self, send: impl Fn(AdminClient<Channel>) -> F) -> Result<T, AdminError>
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
            let status = match timeout_at(attempt, send(AdminClient::new(channel))).await {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded(format!("no answer from {address}")),
            };
            match LeaderRedirect::from_status(&status) {
                Some(redirect) => leader = redirect.leader.filter(|address| !address.is_empty()),
                None if is_transient(&status) => {}
                None => return Err(AdminError::Rejected(status)),
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

/// Whether a retry may succeed: the member is down, or has just lost its leader.
fn is_transient(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Aborted
    )
}

impl AdminError {
    /// Whether a target was not created because it exists already.
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::Rejected(status) if status.code() == Code::AlreadyExists)
    }

    /// Whether the caller has to correct its input; otherwise a later call may succeed.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::BadAddress(_) => true,
            Self::Rejected(status) => matches!(
                status.code(),
                Code::InvalidArgument | Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition
            ),
            Self::NoAnswer { .. } => false,
        }
    }
}
