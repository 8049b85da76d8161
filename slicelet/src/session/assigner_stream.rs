//! The stream to an assigner, from registration to its end.

use std::sync::Arc;

use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::slicelet::{SessionEvent, WELCOME_TIMEOUT};
use emberkeep_proto::convert::{FromAssigner, FromSlicelet, InvalidMessage, LeaderRedirect, Registration};
use emberkeep_proto::pb::slicelet_session_client::SliceletSessionClient;
use emberkeep_proto::pb::{SessionRequest, SessionResponse};
use emberkeep_runtime::channel::{BadAddress, ChannelSettings, channel_to};
use emberkeep_runtime::watch::UPDATE_SIZE_MAX;
use futures::StreamExt;
use prometheus::IntGauge;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// One attempt at a session with one assigner.
pub(super) struct AssignerStream {
    pub(super) connection: u64,
    pub(super) assigner: Arc<str>,
    pub(super) registration: Registration,
    pub(super) events: mpsc::Sender<SessionEvent>,
    pub(super) is_connected: IntGauge,
}

/// Why a stream ended.
#[derive(Debug, Error)]
enum StreamError {
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

impl AssignerStream {
    /// Registers, relays messages in both directions until the stream ends, and reports the end to the brain.
    pub(super) async fn run(self, to_send: mpsc::Receiver<FromSlicelet>) {
        let Err(error) = self.relay(to_send).await;
        self.is_connected.set(0);
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

    async fn relay(&self, to_send: mpsc::Receiver<FromSlicelet>) -> Result<std::convert::Infallible, StreamError> {
        let (settings, mut messages) = timeout(WELCOME_TIMEOUT, self.register(to_send)).await??;
        self.is_connected.set(1);
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
                FromAssigner::Welcome(_) => return Err(StreamError::Unwelcome),
            }
        }
    }

    async fn register(
        &self,
        to_send: mpsc::Receiver<FromSlicelet>,
    ) -> Result<(SessionSettings, Streaming<SessionResponse>), StreamError> {
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
            | FromAssigner::WarmOrder(_) => Err(StreamError::Unwelcome),
        }
    }

    async fn report(&self, event: SessionEvent) -> Result<(), StreamError> {
        self.events.send(event).await.map_err(|_| StreamError::Stopped)
    }
}

async fn next(messages: &mut Streaming<SessionResponse>) -> Result<FromAssigner, StreamError> {
    let message = messages.message().await?.ok_or(StreamError::Ended)?;
    Ok(FromAssigner::try_from(message)?)
}

fn leader_of(error: &StreamError) -> Option<Arc<str>> {
    match error {
        StreamError::Refused(status) => LeaderRedirect::from_status(status)?.leader.map(Arc::from),
        StreamError::BadAddress(_)
        | StreamError::Silent(_)
        | StreamError::Invalid(_)
        | StreamError::Unwelcome
        | StreamError::Ended
        | StreamError::Stopped => None,
    }
}
