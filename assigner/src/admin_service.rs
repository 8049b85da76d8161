//! The admin service: the operations of `emberkeep admin`.

use std::sync::Arc;

use emberkeep_core::assigner::{Change, ChangeKind, PodRecord, Rejection, TargetSettings, TargetState};
use emberkeep_core::assignment::Phase;
use emberkeep_core::balancer::Pin;
use emberkeep_core::keyspace::Slice;
use emberkeep_core::pod::PodName;
use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::{BANDS_MAX, InvalidMessage, asked_subject, named_keys, patched_settings};
use emberkeep_proto::pb::admin_server::Admin;
use emberkeep_proto::pb::{self, Member as WireMember};
use tonic::{Request, Response, Status};

use crate::brain_queries::BrainQueries;
use crate::raft::{Member, RaftStatus};
use crate::status::{proposal_result, proposal_status, rejection_status};

/// Serves operators. Reads are answered from the applied state of this member, writes only by the leader.
pub(crate) struct AdminService {
    pub(crate) member: Member,
    pub(crate) queries: BrainQueries,
}

type AdminResult<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Admin for AdminService {
    async fn create_target(&self, request: Request<pb::CreateTargetRequest>) -> AdminResult<pb::CreateTargetResponse> {
        let request = request.into_inner();
        let settings = patched_settings(TargetSettings::default(), &request.settings.unwrap_or_default())?;
        self.change(&request.target, ChangeKind::CreateTarget { settings })
            .await?;
        Ok(Response::new(pb::CreateTargetResponse {}))
    }

    async fn configure_target(
        &self,
        request: Request<pb::ConfigureTargetRequest>,
    ) -> AdminResult<pb::ConfigureTargetResponse> {
        let request = request.into_inner();
        let present = self.target(&request.target)?.settings.clone();
        let settings = patched_settings(present, &request.settings.unwrap_or_default())?;
        self.change(&request.target, ChangeKind::ConfigureTarget { settings })
            .await?;
        Ok(Response::new(pb::ConfigureTargetResponse {}))
    }

    async fn list_targets(&self, _: Request<pb::ListTargetsRequest>) -> AdminResult<pb::ListTargetsResponse> {
        let cluster = self.member.state().borrow().clone();
        let targets = cluster.targets().iter().map(|(name, state)| summary(name, state));
        Ok(Response::new(pb::ListTargetsResponse {
            targets: targets.collect(),
        }))
    }

    async fn describe_target(
        &self,
        request: Request<pb::DescribeTargetRequest>,
    ) -> AdminResult<pb::DescribeTargetResponse> {
        let name = target_name(&request.into_inner().target)?;
        let state = self.target(name.as_str())?;
        Ok(Response::new(pb::DescribeTargetResponse {
            summary: Some(summary(&name, &state)),
            settings: Some((&state.settings).into()),
            pods: state.pods.values().map(|record| pod_status(record, &state)).collect(),
            pins: state.pins().map(|pin| wire_pin(&pin)).collect(),
            poisoned: state.poisoned.iter().map(|(slice, ())| slice.into()).collect(),
        }))
    }

    async fn freeze_target(&self, request: Request<pb::FreezeTargetRequest>) -> AdminResult<pb::FreezeTargetResponse> {
        let request = request.into_inner();
        let is_frozen = request.is_frozen;
        self.change(&request.target, ChangeKind::Freeze { is_frozen }).await?;
        Ok(Response::new(pb::FreezeTargetResponse {}))
    }

    async fn drain_pod(&self, request: Request<pb::DrainPodRequest>) -> AdminResult<pb::DrainPodResponse> {
        let request = request.into_inner();
        let name = pod_name(&request.pod)?;
        self.change(&request.target, ChangeKind::DrainPod { name }).await?;
        Ok(Response::new(pb::DrainPodResponse {}))
    }

    async fn pin_keys(&self, request: Request<pb::PinKeysRequest>) -> AdminResult<pb::PinKeysResponse> {
        let request = request.into_inner();
        let pin = Pin {
            slice: self.named_keys(&request.target, request.keys)?,
            pod: pod_name(&request.pod)?,
        };
        self.change(&request.target, ChangeKind::Pin { pin }).await?;
        Ok(Response::new(pb::PinKeysResponse {}))
    }

    async fn unpin_keys(&self, request: Request<pb::UnpinKeysRequest>) -> AdminResult<pb::UnpinKeysResponse> {
        let request = request.into_inner();
        let slice = self.named_keys(&request.target, request.keys)?;
        self.change(&request.target, ChangeKind::Unpin { slice }).await?;
        Ok(Response::new(pb::UnpinKeysResponse {}))
    }

    async fn release_keys(&self, request: Request<pb::ReleaseKeysRequest>) -> AdminResult<pb::ReleaseKeysResponse> {
        let request = request.into_inner();
        let slice = self.named_keys(&request.target, request.keys)?;
        self.change(&request.target, ChangeKind::Release { slice }).await?;
        Ok(Response::new(pb::ReleaseKeysResponse {}))
    }

    async fn explain_target(
        &self,
        request: Request<pb::ExplainTargetRequest>,
    ) -> AdminResult<pb::ExplainTargetResponse> {
        let request = request.into_inner();
        self.target(&request.target)?;
        let explanation = self
            .queries
            .explain(&target_name(&request.target)?, request.last)
            .await?;
        Ok(Response::new(explanation))
    }

    async fn explain_subject(
        &self,
        request: Request<pb::ExplainSubjectRequest>,
    ) -> AdminResult<pb::ExplainSubjectResponse> {
        let pb::ExplainSubjectRequest { target, subject } = request.into_inner();
        let state = self.target(&target)?;
        let is_pod = |name: &PodName| state.pods.contains_key(name);
        let subject = asked_subject(subject, state.settings.key_mode, is_pod)?;
        let explained = self.queries.explain_subject(&target_name(&target)?, subject).await?;
        Ok(Response::new(explained))
    }

    async fn list_incidents(
        &self,
        request: Request<pb::ListIncidentsRequest>,
    ) -> AdminResult<pb::ListIncidentsResponse> {
        let pb::ListIncidentsRequest { target, after } = request.into_inner();
        self.target(&target)?;
        let incidents = self.queries.incidents(&target_name(&target)?, after).await?;
        Ok(Response::new(incidents))
    }

    async fn describe_activity(
        &self,
        request: Request<pb::DescribeActivityRequest>,
    ) -> AdminResult<pb::DescribeActivityResponse> {
        let target = request.into_inner().target;
        self.target(&target)?;
        let activity = self.queries.activity(&target_name(&target)?).await?;
        Ok(Response::new(activity))
    }

    async fn plan_target(&self, request: Request<pb::PlanTargetRequest>) -> AdminResult<pb::PlanTargetResponse> {
        let request = request.into_inner();
        let target = target_name(&request.target)?;
        let state = self.target(&request.target)?;
        let without = request.without.iter().map(|name| known_pod(name, &target, &state));
        let without = without.collect::<Result<Vec<_>, _>>()?;
        let plan = self.queries.plan(&target, without, request.balance).await?;
        Ok(Response::new(plan))
    }

    async fn describe_load(&self, request: Request<pb::DescribeLoadRequest>) -> AdminResult<pb::DescribeLoadResponse> {
        let target = request.into_inner().target;
        self.target(&target)?;
        let loads = self.queries.loads(&target_name(&target)?).await?;
        Ok(Response::new(loads))
    }

    async fn describe_key_space(
        &self,
        request: Request<pb::DescribeKeySpaceRequest>,
    ) -> AdminResult<pb::DescribeKeySpaceResponse> {
        let pb::DescribeKeySpaceRequest { target, band_count } = request.into_inner();
        self.target(&target)?;
        let band_count = (band_count as usize).min(BANDS_MAX);
        let picture = self.queries.key_space(&target_name(&target)?, band_count).await?;
        Ok(Response::new(picture))
    }

    async fn describe_cluster(
        &self,
        _: Request<pb::DescribeClusterRequest>,
    ) -> AdminResult<pb::DescribeClusterResponse> {
        let RaftStatus { id, leader, term } = self.member.raft_status();
        let members = self.member.members();
        Ok(Response::new(pb::DescribeClusterResponse {
            answering_member: id,
            leader,
            members: members
                .into_iter()
                .map(|(id, address)| WireMember { id, address })
                .collect(),
            term,
        }))
    }

    async fn add_member(&self, request: Request<pb::AddMemberRequest>) -> AdminResult<pb::AddMemberResponse> {
        let added = request.into_inner().member;
        let WireMember { id, address } = added.ok_or_else(|| InvalidMessage::missing("member"))?;
        let outcome = self.member.add_member(id, address).await;
        outcome.map_err(|error| proposal_status(&error))?;
        Ok(Response::new(pb::AddMemberResponse {}))
    }

    async fn remove_member(&self, request: Request<pb::RemoveMemberRequest>) -> AdminResult<pb::RemoveMemberResponse> {
        let outcome = self.member.remove_member(request.into_inner().id).await;
        outcome.map_err(|error| proposal_status(&error))?;
        Ok(Response::new(pb::RemoveMemberResponse {}))
    }
}

impl AdminService {
    async fn change(&self, target: &str, kind: ChangeKind) -> Result<(), Status> {
        let target = target_name(target)?;
        proposal_result(self.member.propose(Change { target, kind }).await)
    }

    /// The slice of the keys in a request, by the key mode of the target.
    fn named_keys(&self, target: &str, keys: Option<pb::Keys>) -> Result<Slice, Status> {
        let mode = self.target(target)?.settings.key_mode;
        Ok(named_keys(keys, mode)?)
    }

    fn target(&self, name: &str) -> Result<Arc<TargetState>, Status> {
        let target = target_name(name)?;
        let state = self.member.state().borrow().target(&target).cloned();
        state.ok_or_else(|| rejection_status(&Rejection::UnknownTarget { target }))
    }
}

fn target_name(name: &str) -> Result<TargetName, InvalidMessage> {
    TargetName::try_new(name).map_err(|error| InvalidMessage::new("target", error))
}

fn pod_name(name: &str) -> Result<PodName, InvalidMessage> {
    PodName::try_new(name).map_err(|error| InvalidMessage::new("pod", error))
}

fn known_pod(name: &str, target: &TargetName, state: &TargetState) -> Result<PodName, Status> {
    let pod = pod_name(name)?;
    if state.pods.contains_key(&pod) {
        return Ok(pod);
    }
    let target = target.clone();
    Err(rejection_status(&Rejection::UnknownPod { target, pod }))
}

fn summary(name: &TargetName, state: &TargetState) -> pb::TargetSummary {
    pb::TargetSummary {
        target: name.as_str().to_owned(),
        generation: state.assignment.generation().number(),
        slice_count: state.assignment.slices().slice_count() as u64,
        pod_count: state.pods.len() as u64,
        is_frozen: state.is_frozen,
    }
}

fn wire_pin(pin: &Pin) -> pb::Pin {
    pb::Pin {
        slice: Some((&pin.slice).into()),
        pod: pin.pod.as_str().to_owned(),
    }
}

fn pod_status(record: &PodRecord, state: &TargetState) -> pb::PodStatus {
    let index = state.assignment.index_of(&record.pod.name);
    let count = |wanted: Phase| {
        let shares = index.map(|index| state.assignment.shares_of(index));
        shares
            .into_iter()
            .flatten()
            .filter(|(_, _, phase)| *phase == wanted)
            .count() as u64
    };
    pb::PodStatus {
        pod: Some((&record.pod).into()),
        is_draining: record.is_draining,
        serving_count: count(Phase::Serving) + count(Phase::Yielding),
        leaving_count: count(Phase::Leaving),
        warming_count: count(Phase::Warming),
        yielding_count: count(Phase::Yielding),
    }
}
