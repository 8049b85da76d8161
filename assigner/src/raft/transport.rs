//! The server side of Raft: the gRPC service in front of openraft.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_proto::raft::raft_transport_server::RaftTransport;
use emberkeep_proto::raft::{RaftRequest, RaftResponse, SnapshotHeader, SnapshotPart, snapshot_part::Part};
use emberkeep_runtime::age_gauge::AgeGauge;
use futures::TryFutureExt;
use openraft::raft::AppendEntriesResponse;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tonic::{Request, Response, Status, Streaming};

use super::codec::{decode, encode};
use super::member_id::MemberId;
use super::meters::RaftMeters;
use super::network::CHUNK_BYTES;
use super::raft_node::RaftNode;
use super::type_config::{Snapshot, SnapshotMeta, Vote};

/// The largest snapshot accepted from another member, in bytes; it is held in memory while it is received.
const SNAPSHOT_BYTES_MAX: u64 = 1 << 30;
/// The longest pause between two parts of a snapshot.
const PART_TIMEOUT: Duration = Duration::from_secs(5);

/// Decodes the requests of other members and passes them to openraft.
#[derive(Clone)]
pub struct Transport {
    id: MemberId,
    node: RaftNode,
    /// Confirmed by each message of the leader.
    leader_contact: AgeGauge,
    /// Locked while a snapshot is received: two at once would double the memory.
    receiving: Arc<Mutex<()>>,
}

impl Transport {
    pub(super) fn new(id: MemberId, node: RaftNode, meters: &RaftMeters) -> Self {
        Self {
            id,
            node,
            leader_contact: meters.quorum_contact.clone(),
            receiving: Arc::default(),
        }
    }

    fn check_receiver(&self, to: MemberId) -> Result<(), Status> {
        match to == self.id {
            true => Ok(()),
            false => Err(Status::failed_precondition(format!(
                "this is member {}, the message is for member {to}",
                self.id
            ))),
        }
    }

    fn message<T: DeserializeOwned>(&self, request: Request<RaftRequest>) -> Result<T, Status> {
        let request = request.into_inner();
        self.check_receiver(request.to)?;
        decode(&request.payload).map_err(malformed)
    }
}

#[tonic::async_trait]
impl RaftTransport for Transport {
    async fn append_entries(&self, request: Request<RaftRequest>) -> Result<Response<RaftResponse>, Status> {
        let message = self.message(request)?;
        let answering = self.node.append_entries(message);
        reply(answering.inspect_ok(|answer| {
            // A rejected sender is no longer the leader.
            if !matches!(answer, AppendEntriesResponse::HigherVote(_)) {
                self.leader_contact.on_confirmed();
            }
        }))
        .await
    }

    async fn vote(&self, request: Request<RaftRequest>) -> Result<Response<RaftResponse>, Status> {
        let message = self.message(request)?;
        reply(self.node.vote(message)).await
    }

    async fn pre_vote(&self, request: Request<RaftRequest>) -> Result<Response<RaftResponse>, Status> {
        let message = self.message(request)?;
        reply(self.node.pre_vote(message)).await
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<SnapshotPart>>,
    ) -> Result<Response<RaftResponse>, Status> {
        let mut parts = request.into_inner();
        let _lock = self
            .receiving
            .try_lock()
            .map_err(|_| Status::resource_exhausted("another snapshot is being received, only one at a time"))?;
        let header = header(&mut parts).await?;
        self.check_receiver(header.to)?;
        let (vote, meta): (Vote, SnapshotMeta) = decode(&header.payload).map_err(malformed)?;
        let snapshot = chunks(&mut parts, header.size).await?;
        reply(self.node.install_full_snapshot(vote, Snapshot { meta, snapshot })).await
    }

    async fn transfer_leader(&self, request: Request<RaftRequest>) -> Result<Response<RaftResponse>, Status> {
        let message = self.message(request)?;
        reply(self.node.handle_transfer_leader(message)).await
    }
}

/// openraft returns an error only when it has stopped; a rejected vote or a log conflict is an answer.
async fn reply<T: Serialize, E: std::fmt::Display>(
    answer: impl Future<Output = Result<T, E>>,
) -> Result<Response<RaftResponse>, Status> {
    let answer = answer
        .await
        .map_err(|stopped| Status::unavailable(stopped.to_string()))?;
    let payload = encode(&answer).map_err(|error| Status::internal(error.to_string()))?;
    Ok(Response::new(RaftResponse { payload }))
}

async fn header(parts: &mut Streaming<SnapshotPart>) -> Result<SnapshotHeader, Status> {
    match next_part(parts).await? {
        Some(Part::Header(header)) if header.size <= SNAPSHOT_BYTES_MAX => Ok(header),
        Some(Part::Header(header)) => Err(Status::invalid_argument(format!(
            "the snapshot is {} bytes, at most {SNAPSHOT_BYTES_MAX} are allowed",
            header.size
        ))),
        Some(Part::Chunk(_)) | None => Err(Status::invalid_argument("a snapshot begins with its header")),
    }
}

/// The bytes of the state, exactly as many as the header announces. Memory grows with the received bytes, not with the
/// announced size.
async fn chunks(parts: &mut Streaming<SnapshotPart>, size: u64) -> Result<Vec<u8>, Status> {
    let mut state = Vec::new();
    while let Some(part) = next_part(parts).await? {
        let Part::Chunk(chunk) = part else {
            return Err(Status::invalid_argument("a snapshot has one header"));
        };
        if chunk.len() > CHUNK_BYTES || (state.len() + chunk.len()) as u64 > size {
            return Err(Status::invalid_argument(format!(
                "a snapshot of {size} bytes comes in chunks of at most {CHUNK_BYTES} bytes and ends with the last"
            )));
        }
        state.extend_from_slice(&chunk);
    }
    match state.len() as u64 == size {
        true => Ok(state),
        false => Err(Status::invalid_argument(format!(
            "the snapshot ended after {} of {size} bytes",
            state.len()
        ))),
    }
}

async fn next_part(parts: &mut Streaming<SnapshotPart>) -> Result<Option<Part>, Status> {
    let message = tokio::time::timeout(PART_TIMEOUT, parts.message())
        .await
        .map_err(|_| Status::deadline_exceeded(format!("no part of the snapshot within {PART_TIMEOUT:?}")))??;
    match message {
        None => Ok(None),
        Some(SnapshotPart { part: Some(part) }) => Ok(Some(part)),
        Some(SnapshotPart { part: None }) => Err(Status::invalid_argument("a part of the snapshot is empty")),
    }
}

fn malformed(error: io::Error) -> Status {
    Status::invalid_argument(format!("malformed message: {error}"))
}
