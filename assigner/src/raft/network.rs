//! What this member asks of the others: one lazily connected channel to each, a deadline on each question.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_proto::raft::raft_transport_client::RaftTransportClient;
use emberkeep_proto::raft::{RaftRequest, RaftResponse, SnapshotHeader, SnapshotPart, snapshot_part::Part};
use futures::stream::{self, Stream};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{RPCOption, RPCTypes, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::{BasicNode, OptionalSend};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

use super::codec::{decode, encode};
use super::log_reader::BATCH_BYTES;
use super::settings::{MemberId, RaftSettings};
use super::type_config::{Snapshot, TypeConfig, Vote};

/// The largest change: an assignment of 65,536 slices fits several times.
pub(super) const PROPOSAL_BYTES_MAX: usize = 16 << 20;
/// The largest message between members: a batch that is one byte short of full, and then the largest change.
pub(super) const MESSAGE_BYTES_MAX: usize = PROPOSAL_BYTES_MAX + BATCH_BYTES + (1 << 20);
/// How much of a snapshot travels in one message, so that heartbeats get through in between.
pub(super) const CHUNK_BYTES: usize = 1 << 20;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the members are: what this one was told at start wins over what the log says.
#[derive(Clone)]
pub(super) struct AddressBook {
    told: Arc<BTreeMap<MemberId, String>>,
}

impl AddressBook {
    pub(super) fn new(settings: &RaftSettings) -> Self {
        Self {
            told: Arc::new(settings.members.clone()),
        }
    }

    pub(super) fn address_of(&self, member: MemberId, node: &BasicNode) -> String {
        self.told.get(&member).unwrap_or(&node.addr).clone()
    }
}

/// Makes the [`Peer`]s that openraft asks for.
pub(super) struct Network {
    from: MemberId,
    addresses: AddressBook,
    replication_timeout: Duration,
    /// By address: openraft asks for a new peer for each of its tasks, they all share one connection.
    channels: BTreeMap<String, Channel>,
}

impl Network {
    pub(super) fn new(settings: &RaftSettings, addresses: AddressBook) -> Self {
        Self {
            from: settings.id,
            addresses,
            replication_timeout: settings.replication_timeout,
            channels: BTreeMap::new(),
        }
    }

    fn channel(&mut self, address: String) -> Result<Channel, tonic::transport::Error> {
        if let Some(channel) = self.channels.get(&address) {
            return Ok(channel.clone());
        }
        let channel = Endpoint::from_shared(address.clone())?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_adaptive_window(true)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .connect_lazy();
        self.channels.insert(address, channel.clone());
        Ok(channel)
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: MemberId, node: &BasicNode) -> Peer {
        let address = self.addresses.address_of(target, node);
        let client = self.channel(address.clone()).map(|channel| {
            RaftTransportClient::new(channel)
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX)
        });
        Peer {
            from: self.from,
            to: target,
            client: client.map_err(|error| format!("member {target} has no usable address, {address}: {error}")),
            replication_timeout: self.replication_timeout,
        }
    }
}

/// Another member, as seen from this one.
pub(super) struct Peer {
    from: MemberId,
    to: MemberId,
    /// Or why there is none.
    client: Result<RaftTransportClient<Channel>, String>,
    replication_timeout: Duration,
}

impl Peer {
    fn client(&self) -> Result<RaftTransportClient<Channel>, RPCError<TypeConfig>> {
        match &self.client {
            Ok(client) => Ok(client.clone()),
            Err(reason) => Err(Unreachable::from_string(reason).into()),
        }
    }

    fn request<T: Serialize>(&self, question: &T) -> Result<RaftRequest, RPCError<TypeConfig>> {
        let payload = encode(question).map_err(|error| NetworkError::new(&error))?;
        Ok(RaftRequest { to: self.to, payload })
    }

    /// Waits for `reply` no longer than `limit`.
    async fn answer<T: DeserializeOwned>(
        &self,
        action: RPCTypes,
        limit: Duration,
        reply: impl Future<Output = Result<Response<RaftResponse>, Status>>,
    ) -> Result<T, RPCError<TypeConfig>> {
        match tokio::time::timeout(limit, reply).await {
            Ok(Ok(response)) => {
                let payload = response.into_inner().payload;
                decode(&payload).map_err(|error| NetworkError::new(&error).into())
            }
            Ok(Err(status)) => Err(refused(&status)),
            Err(_) => Err(Timeout {
                action,
                id: self.from,
                target: self.to,
                timeout: limit,
            }
            .into()),
        }
    }
}

/// openraft backs off from a member that is unreachable, and asks again at once after any other failure.
fn refused(status: &Status) -> RPCError<TypeConfig> {
    match status.code() {
        Code::Unavailable => Unreachable::new(status).into(),
        _ => NetworkError::new(status).into(),
    }
}

impl RaftNetworkV2<TypeConfig> for Peer {
    type SnapshotData = Vec<u8>;

    /// A heartbeat has the time of a heartbeat. Entries have longer: they may be large, and are fsynced over there.
    async fn append_entries(
        &mut self,
        question: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let limit = match question.entries.is_empty() {
            true => option.hard_ttl(),
            false => option.hard_ttl().max(self.replication_timeout),
        };
        let (mut client, request) = (self.client()?, self.request(&question)?);
        let reply = client.append_entries(request);
        self.answer(RPCTypes::AppendEntries, limit, reply).await
    }

    async fn vote(
        &mut self,
        question: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let (mut client, request) = (self.client()?, self.request(&question)?);
        self.answer(RPCTypes::Vote, option.hard_ttl(), client.vote(request))
            .await
    }

    async fn pre_vote(
        &mut self,
        question: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let (mut client, request) = (self.client()?, self.request(&question)?);
        self.answer(RPCTypes::Vote, option.hard_ttl(), client.pre_vote(request))
            .await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let header = SnapshotHeader {
            to: self.to,
            payload: self.request(&(vote, &snapshot.meta))?.payload,
            size: snapshot.snapshot.len() as u64,
        };
        let mut client = self.client()?;
        let reply = client.install_snapshot(parts(header, snapshot.snapshot));
        tokio::select! {
            closed = cancel => Err(closed.into()),
            answer = self.answer(RPCTypes::InstallSnapshot, option.hard_ttl(), reply) => Ok(answer?),
        }
    }

    async fn transfer_leader(
        &mut self,
        question: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let (mut client, request) = (self.client()?, self.request(&question)?);
        let reply = client.transfer_leader(request);
        self.answer(RPCTypes::TransferLeader, option.hard_ttl(), reply).await
    }
}

/// The header, then the state in chunks, made when the connection has room for them.
fn parts(header: SnapshotHeader, state: Vec<u8>) -> impl Stream<Item = SnapshotPart> + Send + 'static {
    let chunk_count = state.len().div_ceil(CHUNK_BYTES);
    let chunks = (0..chunk_count).map(move |index| {
        let rest = &state[index * CHUNK_BYTES..];
        Part::Chunk(rest[..rest.len().min(CHUNK_BYTES)].to_vec())
    });
    let all = std::iter::once(Part::Header(header)).chain(chunks);
    stream::iter(all.map(|part| SnapshotPart { part: Some(part) }))
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_snapshot_travels_as_its_header_and_then_all_its_bytes_in_bounded_chunks() {
        let state: Vec<u8> = (0..2 * CHUNK_BYTES + 5).map(|byte| byte as u8).collect();
        let header = SnapshotHeader {
            to: 2,
            payload: vec![1, 2, 3],
            size: state.len() as u64,
        };
        let mut sent: Vec<Part> = parts(header.clone(), state.clone())
            .filter_map(async |part| part.part)
            .collect()
            .await;
        assert_eq!(sent.remove(0), Part::Header(header));
        let chunks = sent.into_iter().map(|part| match part {
            Part::Chunk(chunk) => chunk,
            Part::Header(_) => panic!("one header is enough"),
        });
        let chunks: Vec<Vec<u8>> = chunks.collect();
        assert_eq!(
            chunks.iter().map(Vec::len).collect::<Vec<_>>(),
            [CHUNK_BYTES, CHUNK_BYTES, 5]
        );
        assert_eq!(chunks.concat(), state);
    }

    #[tokio::test]
    async fn the_address_told_at_start_wins_over_the_one_in_the_log() {
        let addresses = AddressBook::new(&RaftSettings::alone("data", "http://127.0.0.1:1"));
        let logged = BasicNode::new("http://127.0.0.1:2");
        assert_eq!(addresses.address_of(1, &logged), "http://127.0.0.1:1");
        assert_eq!(addresses.address_of(2, &logged), "http://127.0.0.1:2");
    }
}
