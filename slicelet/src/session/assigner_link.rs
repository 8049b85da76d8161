//! The link: one stream between this pod and an assigner, from registration to its end.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::slicelet::SessionEvent;
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

/// One attempt to have a session.
pub(super) struct Link {
    pub(super) connection: u64,
    pub(super) assigner: Arc<str>,
    pub(super) registration: Registration,
    pub(super) news: mpsc::Sender<SessionEvent>,
    pub(super) is_connected: IntGauge,
}

/// How long an assigner may take to welcome the pod, connecting included.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a link ended.
#[derive(Debug, Error)]
enum Parting {
    #[error(transparent)]
    BadAddress(#[from] BadAddress),
    #[error("{} ({:?})", .0.message(), .0.code())]
    Refused(#[from] Status),
    #[error("it did not answer the registration within {WELCOME_TIMEOUT:?}")]
    Silent(#[from] Elapsed),
    #[error("it sent a message that cannot be read: {0}")]
    Unreadable(#[from] InvalidMessage),
    #[error("it did not begin with a welcome")]
    Unwelcome,
    #[error("it ended the session")]
    Ended,
    #[error("the session is no longer wanted")]
    Unwanted,
}

impl Link {
    /// Registers, then carries messages both ways until the end, and tells the brain how it ended.
    pub(super) async fn run(self, to_send: mpsc::Receiver<FromSlicelet>) {
        let Err(parting) = self.carry(to_send).await;
        self.is_connected.set(0);
        let connection = self.connection;
        let event = match leader_of(&parting) {
            Some(leader) => SessionEvent::LeaderHinted { connection, leader },
            None => SessionEvent::ConnectionLost { connection },
        };
        tracing::warn!(
            target = %self.registration.target,
            assigner = %self.assigner,
            reason = %parting,
            "no session with this assigner"
        );
        // Nobody listens any more only if the whole session has ended.
        let _ = self.news.send(event).await;
    }

    async fn carry(&self, to_send: mpsc::Receiver<FromSlicelet>) -> Result<std::convert::Infallible, Parting> {
        let (settings, mut messages) = timeout(WELCOME_TIMEOUT, self.register(to_send)).await??;
        self.is_connected.set(1);
        tracing::info!(target = %self.registration.target, assigner = %self.assigner, "registered");
        let connection = self.connection;
        self.tell(SessionEvent::Connected { connection, settings }).await?;
        loop {
            match next(&mut messages).await? {
                FromAssigner::Update(update) => self.tell(SessionEvent::UpdateReceived { connection, update }).await?,
                FromAssigner::MayExit => self.tell(SessionEvent::MayExitReceived { connection }).await?,
                FromAssigner::WarmOrder(slices) => {
                    self.tell(SessionEvent::WarmingOrdered { connection, slices }).await?
                }
                FromAssigner::StoreGrant(rate) => self.tell(SessionEvent::StoreGranted { connection, rate }).await?,
                FromAssigner::Welcome(_) => return Err(Parting::Unwelcome),
            }
        }
    }

    async fn register(
        &self,
        to_send: mpsc::Receiver<FromSlicelet>,
    ) -> Result<(SessionSettings, Streaming<SessionResponse>), Parting> {
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
            | FromAssigner::WarmOrder(_) => Err(Parting::Unwelcome),
        }
    }

    async fn tell(&self, event: SessionEvent) -> Result<(), Parting> {
        self.news.send(event).await.map_err(|_| Parting::Unwanted)
    }
}

async fn next(messages: &mut Streaming<SessionResponse>) -> Result<FromAssigner, Parting> {
    let message = messages.message().await?.ok_or(Parting::Ended)?;
    Ok(FromAssigner::try_from(message)?)
}

fn leader_of(parting: &Parting) -> Option<Arc<str>> {
    match parting {
        Parting::Refused(status) => LeaderRedirect::from_status(status)?.leader.map(Arc::from),
        Parting::BadAddress(_)
        | Parting::Silent(_)
        | Parting::Unreadable(_)
        | Parting::Unwelcome
        | Parting::Ended
        | Parting::Unwanted => None,
    }
}
