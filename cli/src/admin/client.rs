//! A client of the admin service that finds the leader by itself.

use std::fmt;
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

use crate::exit::Failure;

/// How long one member may take to answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Asks one member after the other until one answers, and goes to the leader where only the leader can.
#[derive(Debug, Clone)]
pub(crate) struct AssignerAdmin {
    members: Vec<String>,
    deadline: Duration,
}

/// Why a call had no success.
#[derive(Debug)]
pub(crate) enum AdminError {
    BadAddress(BadAddress),
    /// The assigner's own words.
    Refused(Status),
    /// Nobody had an answer in time.
    NoAnswer {
        members: Vec<String>,
        after: Duration,
        last: Option<Status>,
    },
}

impl AssignerAdmin {
    pub(crate) fn new(members: Vec<String>, deadline: Duration) -> Self {
        Self { members, deadline }
    }

    pub(crate) async fn targets(&self) -> Result<pb::ListTargetsResponse, AdminError> {
        self.call(async |mut admin| admin.list_targets(pb::ListTargetsRequest {}).await)
            .await
    }

    pub(crate) async fn target(&self, target: &str) -> Result<pb::DescribeTargetResponse, AdminError> {
        let request = pb::DescribeTargetRequest { target: target.into() };
        self.call(async |mut admin| admin.describe_target(request.clone()).await)
            .await
    }

    pub(crate) async fn create_target(&self, target: &str, settings: pb::TargetSettings) -> Result<(), AdminError> {
        let request = pb::CreateTargetRequest {
            target: target.into(),
            settings: Some(settings),
        };
        self.call(async |mut admin| admin.create_target(request.clone()).await)
            .await
            .map(drop)
    }

    pub(crate) async fn configure_target(&self, target: &str, settings: pb::TargetSettings) -> Result<(), AdminError> {
        let request = pb::ConfigureTargetRequest {
            target: target.into(),
            settings: Some(settings),
        };
        self.call(async |mut admin| admin.configure_target(request.clone()).await)
            .await
            .map(drop)
    }

    pub(crate) async fn freeze(&self, target: &str, is_frozen: bool) -> Result<(), AdminError> {
        let request = pb::FreezeTargetRequest {
            target: target.into(),
            is_frozen,
        };
        self.call(async |mut admin| admin.freeze_target(request.clone()).await)
            .await
            .map(drop)
    }

    pub(crate) async fn drain(&self, target: &str, pod: &str) -> Result<(), AdminError> {
        let request = pb::DrainPodRequest {
            target: target.into(),
            pod: pod.into(),
        };
        self.call(async |mut admin| admin.drain_pod(request.clone()).await)
            .await
            .map(drop)
    }

    pub(super) async fn pin(&self, target: &str, keys: pb::Keys, pod: &str) -> Result<(), AdminError> {
        let request = pb::PinKeysRequest {
            target: target.into(),
            keys: Some(keys),
            pod: pod.into(),
        };
        self.call(async |mut admin| admin.pin_keys(request.clone()).await)
            .await
            .map(drop)
    }

    pub(super) async fn unpin(&self, target: &str, keys: pb::Keys) -> Result<(), AdminError> {
        let request = pb::UnpinKeysRequest {
            target: target.into(),
            keys: Some(keys),
        };
        self.call(async |mut admin| admin.unpin_keys(request.clone()).await)
            .await
            .map(drop)
    }

    pub(super) async fn release(&self, target: &str, keys: pb::Keys) -> Result<(), AdminError> {
        let request = pb::ReleaseKeysRequest {
            target: target.into(),
            keys: Some(keys),
        };
        self.call(async |mut admin| admin.release_keys(request.clone()).await)
            .await
            .map(drop)
    }

    pub(super) async fn explain(&self, target: &str, last: u32) -> Result<pb::ExplainTargetResponse, AdminError> {
        let request = pb::ExplainTargetRequest {
            target: target.into(),
            last,
        };
        self.call(async |mut admin| admin.explain_target(request.clone()).await)
            .await
    }

    pub(super) async fn plan(
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

    pub(crate) async fn loads(&self, target: &str) -> Result<pb::DescribeLoadResponse, AdminError> {
        let request = pb::DescribeLoadRequest { target: target.into() };
        self.call(async |mut admin| admin.describe_load(request.clone()).await)
            .await
    }

    pub(crate) async fn cluster(&self) -> Result<pb::DescribeClusterResponse, AdminError> {
        self.call(async |mut admin| admin.describe_cluster(pb::DescribeClusterRequest {}).await)
            .await
    }

    pub(crate) async fn add_member(&self, member: pb::Member) -> Result<(), AdminError> {
        let request = pb::AddMemberRequest { member: Some(member) };
        self.call(async |mut admin| admin.add_member(request.clone()).await)
            .await
            .map(drop)
    }

    pub(crate) async fn remove_member(&self, id: u64) -> Result<(), AdminError> {
        self.call(async |mut admin| admin.remove_member(pb::RemoveMemberRequest { id }).await)
            .await
            .map(drop)
    }

    /// Tries until somebody answers; the pause doubles with each try, up to a second.
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
    pub(crate) fn is_already_exists(&self) -> bool {
        matches!(self, Self::Refused(status) if status.code() == Code::AlreadyExists)
    }

    pub(crate) fn into_failure(self) -> Failure {
        match &self {
            Self::BadAddress(_) => Failure::bad_input(self),
            Self::Refused(status) => match status.code() {
                Code::InvalidArgument | Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition => {
                    Failure::bad_input(self)
                }
                _ => Failure::failed(self),
            },
            Self::NoAnswer { .. } => Failure::failed(self),
        }
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        error.into_failure()
    }
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAddress(error) => error.fmt(f),
            Self::Refused(status) => f.write_str(status.message()),
            Self::NoAnswer { members, after, last } => {
                write!(f, "no answer from {} within {after:?}", members.join(", "))?;
                match last {
                    Some(status) => write!(f, ": {}", status.message()),
                    None => Ok(()),
                }
            }
        }
    }
}
