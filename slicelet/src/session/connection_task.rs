//! The task of one connection to an assigner, from the registration to the end of the gRPC stream.

use std::sync::Arc;

use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::slicelet::{SessionEvent, WELCOME_TIMEOUT};
use emberkeep_proto::convert::{FromAssigner, FromSlicelet, InvalidMessage, LeaderRedirect, Registration};
use emberkeep_proto::pb::slicelet_session_client::SliceletSessionClient;
use emberkeep_proto::pb::{SessionRequest, SessionResponse};
use emberkeep_runtime::channel::{BadAddress, ChannelSettings, channel_to};
use emberkeep_runtime::watch::UPDATE_SIZE_MAX;
use futures::StreamExt;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::metrics::{SessionFailure, SessionMetrics};

/// One connection to one assigner: registers, and relays messages in both directions.
pub(super) struct ConnectionTask {
    /// The number that the events of this connection carry.
    pub(super) connection: u64,
    pub(super) assigner: Arc<str>,
    pub(super) registration: Registration,
    pub(super) events: mpsc::Sender<SessionEvent>,
    pub(super) metrics: SessionMetrics,
}

/// The cause of the end of a connection.
#[derive(Debug, Error)]
enum ConnectionError {
    #[error(transparent)]
    BadAddress(#[from] BadAddress),
    #[error("{} ({:?})", .0.message(), .0.code())]
    Refused(#[from] Status),
    #[error("it did not answer the registration within {WELCOME_TIMEOUT:?}")]
    Silent(#[from] Elapsed),
    #[error("it sent an invalid message: {0}")]
    Invalid(#[from] InvalidMessage),
    #[error("it did not send exactly one welcome, as its first message")]
    Unwelcome,
    #[error("it ended the session")]
    Ended,
    #[error("the session has stopped")]
    Stopped,
}

impl ConnectionError {
    const fn failure(&self) -> SessionFailure {
        match self {
            Self::BadAddress(_) => SessionFailure::BadAddress,
            Self::Refused(_) => SessionFailure::Rejected,
            Self::Silent(_) => SessionFailure::TimedOut,
            Self::Invalid(_) | Self::Unwelcome => SessionFailure::Invalid,
            Self::Ended | Self::Stopped => SessionFailure::Ended,
        }
    }
}

impl ConnectionTask {
    /// Registers, relays messages in both directions until the connection ends, and reports the end to the brain.
    pub(super) async fn run(self, to_send: mpsc::Receiver<FromSlicelet>) {
        let Err(error) = self.relay(to_send).await;
        self.metrics.on_disconnected();
        self.metrics.record_failure(error.failure());
        let connection = self.connection;
        let event = match leader_of(&error) {
            Some(leader) => SessionEvent::LeaderHinted { connection, leader },
            None => SessionEvent::ConnectionLost { connection },
        };
        tracing::warn!(
            target = %self.registration.target,
            assigner = %self.assigner,
            reason = %error,
            "no session with this assigner"
        );
        // The receiver is gone only after the session has ended.
        let _ = self.events.send(event).await;
    }

    async fn relay(&self, to_send: mpsc::Receiver<FromSlicelet>) -> Result<std::convert::Infallible, ConnectionError> {
        let (settings, mut messages) = timeout(WELCOME_TIMEOUT, self.register(to_send)).await??;
        self.metrics.on_connected();
        tracing::info!(target = %self.registration.target, assigner = %self.assigner, "registered");
        let connection = self.connection;
        self.report(SessionEvent::Connected { connection, settings }).await?;
        loop {
            match next(&mut messages).await? {
                FromAssigner::Update(update) => {
                    self.report(SessionEvent::UpdateReceived { connection, update }).await?
                }
                FromAssigner::MayExit => self.report(SessionEvent::MayExitReceived { connection }).await?,
                FromAssigner::WarmOrder(slices) => {
                    self.report(SessionEvent::WarmingOrdered { connection, slices }).await?
                }
                FromAssigner::StoreGrant(rate) => self.report(SessionEvent::StoreGranted { connection, rate }).await?,
                FromAssigner::Welcome(_) => return Err(ConnectionError::Unwelcome),
            }
        }
    }

    async fn register(
        &self,
        to_send: mpsc::Receiver<FromSlicelet>,
    ) -> Result<(SessionSettings, Streaming<SessionResponse>), ConnectionError> {
        let channel = channel_to(&self.assigner, &ChannelSettings::default())?;
        let mut client = SliceletSessionClient::new(channel).max_decoding_message_size(UPDATE_SIZE_MAX);
        let registration = FromSlicelet::Register(self.registration.clone());
        let rest = ReceiverStream::new(to_send);
        let requests = futures::stream::iter([registration])
            .chain(rest)
            .map(|message| SessionRequest::from(&message));
        let mut messages = client.session(requests).await?.into_inner();
        match next(&mut messages).await? {
            FromAssigner::Welcome(settings) => Ok((settings, messages)),
            FromAssigner::Update(_)
            | FromAssigner::MayExit
            | FromAssigner::StoreGrant(_)
            | FromAssigner::WarmOrder(_) => Err(ConnectionError::Unwelcome),
        }
    }

    async fn report(&self, event: SessionEvent) -> Result<(), ConnectionError> {
        self.events.send(event).await.map_err(|_| ConnectionError::Stopped)
    }
}

async fn next(messages: &mut Streaming<SessionResponse>) -> Result<FromAssigner, ConnectionError> {
    let message = messages.message().await?.ok_or(ConnectionError::Ended)?;
    Ok(FromAssigner::try_from(message)?)
}

fn leader_of(error: &ConnectionError) -> Option<Arc<str>> {
    match error {
        ConnectionError::Refused(status) => LeaderRedirect::from_status(status)?.leader.map(Arc::from),
        ConnectionError::BadAddress(_)
        | ConnectionError::Silent(_)
        | ConnectionError::Invalid(_)
        | ConnectionError::Unwelcome
        | ConnectionError::Ended
        | ConnectionError::Stopped => None,
    }
}
