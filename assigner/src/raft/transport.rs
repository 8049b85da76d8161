//! What the other members ask of this one: the gRPC service in front of openraft.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_proto::raft::raft_transport_server::RaftTransport;
use emberkeep_proto::raft::{RaftRequest, RaftResponse, SnapshotHeader, SnapshotPart, snapshot_part::Part};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tonic::{Request, Response, Status, Streaming};

use super::codec::{decode, encode};
use super::network::CHUNK_BYTES;
use super::settings::MemberId;
use super::type_config::{RaftNode, Snapshot, SnapshotMeta, Vote};

/// The largest snapshot taken from another member; it is held in memory once while it arrives.
const SNAPSHOT_BYTES_MAX: u64 = 1 << 30;
/// How long the sender of a snapshot may pause.
const PART_TIMEOUT: Duration = Duration::from_secs(5);

/// Hands the questions of other members to openraft, once they are understood.
#[derive(Clone)]
pub struct Transport {
    id: MemberId,
    node: RaftNode,
    /// Held while a snapshot arrives: two at once would only double the memory.
    receiving: Arc<Mutex<()>>,
}

impl Transport {
    pub(super) fn new(id: MemberId, node: RaftNode) -> Self {
        Self {
            id,
            node,
            receiving: Arc::default(),
        }
    }

    fn check_is_for_me(&self, to: MemberId) -> Result<(), Status> {
        match to == self.id {
            true => Ok(()),
            false => Err(Status::failed_precondition(format!(
                "this is member {}, the message is for member {to}",
                self.id
            ))),
        }
    }

    fn question<T: DeserializeOwned>(&self, request: Request<RaftRequest>) -> Result<T, Status> {
        let request = request.into_inner();
        self.check_is_for_me(request.to)?;
        decode(&request.payload).map_err(not_understood)
    }
}

#[tonic::async_trait]
impl RaftTransport for Transport {
    async fn append_entries(&self, request: Request<RaftRequest>) -> Result<Response<RaftResponse>, Status> {
        let question = self.question(request)?;
        reply(self.node.append_entries(question)).await
    }

    async fn vote(&self, request: Request<RaftRequest>) -> Result<Response<RaftResponse>, Status> {
        let question = self.question(request)?;
        reply(self.node.vote(question)).await
    }

    async fn pre_vote(&self, request: Request<RaftRequest>) -> Result<Response<RaftResponse>, Status> {
        let question = self.question(request)?;
        reply(self.node.pre_vote(question)).await
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<SnapshotPart>>,
    ) -> Result<Response<RaftResponse>, Status> {
        let mut parts = request.into_inner();
        let _turn = self
            .receiving
            .try_lock()
            .map_err(|_| Status::resource_exhausted("another snapshot is arriving, one at a time"))?;
        let header = header(&mut parts).await?;
        self.check_is_for_me(header.to)?;
        let (vote, meta): (Vote, SnapshotMeta) = decode(&header.payload).map_err(not_understood)?;
        let snapshot = chunks(&mut parts, header.size).await?;
        reply(self.node.install_full_snapshot(vote, Snapshot { meta, snapshot })).await
    }

    async fn transfer_leader(&self, request: Request<RaftRequest>) -> Result<Response<RaftResponse>, Status> {
        let question = self.question(request)?;
        reply(self.node.handle_transfer_leader(question)).await
    }
}

/// openraft fails only when it has stopped; a refused vote or a conflicting log are answers.
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

/// The state itself: exactly as many bytes as the header says. Memory grows with what arrived, not with what was said.
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
        .map_err(|_| Status::deadline_exceeded(format!("no part of the snapshot came for {PART_TIMEOUT:?}")))??;
    match message {
        None => Ok(None),
        Some(SnapshotPart { part: Some(part) }) => Ok(Some(part)),
        Some(SnapshotPart { part: None }) => Err(Status::invalid_argument("a part of the snapshot is empty")),
    }
}

fn not_understood(error: io::Error) -> Status {
    Status::invalid_argument(format!("the message is not understood: {error}"))
}
