//! The client side of Raft: one lazily connected channel to each other member, a deadline for each call.

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
use super::member_id::MemberId;
use super::settings::RaftSettings;
use super::type_config::{Snapshot, TypeConfig, Vote};

/// The largest encoded change, in bytes: several times an assignment of 65,536 slices.
pub(super) const PROPOSAL_BYTES_MAX: usize = 16 << 20;
/// The largest message between members, in bytes: a batch one byte below its target size, followed by the largest
/// change.
pub(super) const MESSAGE_BYTES_MAX: usize = PROPOSAL_BYTES_MAX + BATCH_BYTES + (1 << 20);
/// The size of a snapshot chunk, in bytes: small, so that heartbeats on the same connection are not delayed.
pub(super) const CHUNK_BYTES: usize = 1 << 20;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// The addresses of the members. A configured address takes precedence over the one in the log.
#[derive(Clone)]
pub(super) struct AddressBook {
    configured: Arc<BTreeMap<MemberId, String>>,
}

impl AddressBook {
    pub(super) fn new(settings: &RaftSettings) -> Self {
        Self {
            configured: Arc::new(settings.members.clone()),
        }
    }

    pub(super) fn address_of(&self, member: MemberId, node: &BasicNode) -> String {
        self.configured.get(&member).unwrap_or(&node.addr).clone()
    }
}

/// Creates the [`RaftPeer`]s of openraft's tasks.
pub(super) struct Network {
    from: MemberId,
    addresses: AddressBook,
    replication_timeout: Duration,
    /// By address: openraft creates a peer for each of its tasks, which share one connection.
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
    type Network = RaftPeer;

    async fn new_client(&mut self, target: MemberId, node: &BasicNode) -> RaftPeer {
        let address = self.addresses.address_of(target, node);
        let client = self.channel(address.clone()).map(|channel| {
            RaftTransportClient::new(channel)
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX)
        });
        RaftPeer {
            from: self.from,
            to: target,
            client: client.map_err(|error| format!("member {target} has no usable address, {address}: {error}")),
            replication_timeout: self.replication_timeout,
        }
    }
}

/// The calls to one other member.
pub(super) struct RaftPeer {
    from: MemberId,
    to: MemberId,
    /// The error is the reason why the address is unusable.
    client: Result<RaftTransportClient<Channel>, String>,
    replication_timeout: Duration,
}

impl RaftPeer {
    fn client(&self) -> Result<RaftTransportClient<Channel>, RPCError<TypeConfig>> {
        match &self.client {
            Ok(client) => Ok(client.clone()),
            Err(reason) => Err(Unreachable::from_string(reason).into()),
        }
    }

    fn request<T: Serialize>(&self, message: &T) -> Result<RaftRequest, RPCError<TypeConfig>> {
        let payload = encode(message).map_err(|error| NetworkError::new(&error))?;
        Ok(RaftRequest { to: self.to, payload })
    }

    /// Decodes the reply, which must arrive within `limit`.
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
            Ok(Err(status)) => Err(error_of(&status)),
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

/// openraft backs off after `Unreachable`, and retries at once after any other error.
fn error_of(status: &Status) -> RPCError<TypeConfig> {
    match status.code() {
        Code::Unavailable => Unreachable::new(status).into(),
        _ => NetworkError::new(status).into(),
    }
}

impl RaftNetworkV2<TypeConfig> for RaftPeer {
    type SnapshotData = Vec<u8>;

    /// A heartbeat has openraft's timeout. Entries have longer: they may be large, and the receiver syncs them to disk.
    async fn append_entries(
        &mut self,
        message: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let limit = match message.entries.is_empty() {
            true => option.hard_ttl(),
            false => option.hard_ttl().max(self.replication_timeout),
        };
        let (mut client, request) = (self.client()?, self.request(&message)?);
        let reply = client.append_entries(request);
        self.answer(RPCTypes::AppendEntries, limit, reply).await
    }

    async fn vote(
        &mut self,
        message: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let (mut client, request) = (self.client()?, self.request(&message)?);
        self.answer(RPCTypes::Vote, option.hard_ttl(), client.vote(request))
            .await
    }

    async fn pre_vote(
        &mut self,
        message: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let (mut client, request) = (self.client()?, self.request(&message)?);
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
        message: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let (mut client, request) = (self.client()?, self.request(&message)?);
        let reply = client.transfer_leader(request);
        self.answer(RPCTypes::TransferLeader, option.hard_ttl(), reply).await
    }
}

/// The header, then the chunks of the state, each built when the connection accepts it.
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
    async fn a_snapshot_is_sent_as_a_header_and_bounded_chunks() {
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
            Part::Header(_) => panic!("a second header"),
        });
        let chunks: Vec<Vec<u8>> = chunks.collect();
        assert_eq!(
            chunks.iter().map(Vec::len).collect::<Vec<_>>(),
            [CHUNK_BYTES, CHUNK_BYTES, 5]
        );
        assert_eq!(chunks.concat(), state);
    }

    #[tokio::test]
    async fn a_configured_address_takes_precedence_over_the_one_in_the_log() {
        let addresses = AddressBook::new(&RaftSettings::alone("data", "http://127.0.0.1:1"));
        let logged = BasicNode::new("http://127.0.0.1:2");
        assert_eq!(addresses.address_of(1, &logged), "http://127.0.0.1:1");
        assert_eq!(addresses.address_of(2, &logged), "http://127.0.0.1:2");
    }
}
