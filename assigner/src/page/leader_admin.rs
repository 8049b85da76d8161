//! The admin service of the leader, whichever member that is.

use std::convert::Infallible;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{self, Request};
use emberkeep_proto::pb::admin_client::AdminClient;
use emberkeep_proto::pb::admin_server::AdminServer;
use emberkeep_runtime::channel::{ChannelSettings, channel_to};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::{Code, Response, Status};
use tower::Service;
use tower::util::{BoxCloneSyncService, ServiceExt};

use super::page_error::PageError;
use crate::admin_service::AdminService;
use crate::raft::{Leadership, Member};

/// The deadline of an answer, local or of another member.
const ANSWER_DEADLINE: Duration = Duration::from_secs(3);
/// The largest answer: the first list of incidents of a leader with a thousand large decisions.
const ANSWER_SIZE_MAX: usize = 16 << 20;

type AdminTransport = BoxCloneSyncService<Request<Body>, http::Response<Body>, Status>;
/// A client of this member or of another one: both are asked by the same messages.
pub(super) type AnyAdminClient = AdminClient<AdminTransport>;

/// Asks this member if it leads, and otherwise the leader over gRPC.
pub(super) struct LeaderAdmin {
    member: Member,
    own: AnyAdminClient,
    /// The last other leader with its URL: a channel reconnects by itself.
    other: Mutex<Option<(String, AnyAdminClient)>>,
}

impl LeaderAdmin {
    pub(super) fn new(service: AdminService) -> Self {
        let member = service.member.clone();
        let own = AdminServer::new(service);
        Self {
            member,
            own: client_on(ServiceExt::<Request<Body>>::map_err(
                own,
                |never: Infallible| match never {},
            )),
            other: Mutex::default(),
        }
    }

    /// The leader's answer, or why there is none within the deadline.
    pub(super) fn ask<T, F>(
        &self,
        send: impl FnOnce(AnyAdminClient) -> F + Send + 'static,
    ) -> BoxFuture<'static, Result<T, PageError>>
    where
        F: Future<Output = Result<Response<T>, Status>> + Send + 'static,
        T: Send + 'static,
    {
        let client = self.client();
        let answer = async move {
            let answer = timeout(ANSWER_DEADLINE, send(client?)).await;
            let answer = answer.map_err(|_| PageError::Unavailable(format!("no answer within {ANSWER_DEADLINE:?}")))?;
            answer.map(Response::into_inner).map_err(|status| error_of(&status))
        };
        answer.boxed()
    }

    fn client(&self) -> Result<AnyAdminClient, PageError> {
        match &*self.member.leadership().borrow() {
            Leadership::Leading { .. } => Ok(self.own.clone()),
            Leadership::Following { leader: Some(url) } => self.client_of(url),
            Leadership::Following { leader: None } => Err(PageError::Unavailable("no member leads".to_owned())),
            Leadership::Stopped => Err(PageError::Unavailable("this member has stopped".to_owned())),
        }
    }

    fn client_of(&self, url: &str) -> Result<AnyAdminClient, PageError> {
        let mut other = self.other.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = other.as_ref().filter(|(known, _)| known == url) {
            return Ok(client.clone());
        }
        let channel = channel_to(url, &ChannelSettings::default());
        let channel = channel.map_err(|error| PageError::Unavailable(error.to_string()))?;
        let client = client_on(channel.map_err(|error| Status::from_error(Box::new(error))));
        *other = Some((url.to_owned(), client.clone()));
        Ok(client)
    }
}

fn client_on<S>(service: S) -> AnyAdminClient
where
    S: Service<Request<Body>, Response = http::Response<Body>, Error = Status> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    AdminClient::new(BoxCloneSyncService::new(service)).max_decoding_message_size(ANSWER_SIZE_MAX)
}

fn error_of(status: &Status) -> PageError {
    let sentence = status.message().to_owned();
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange => PageError::BadInput(sentence),
        Code::NotFound => PageError::NotFound(sentence),
        Code::AlreadyExists => PageError::Conflict(sentence),
        // The redirect to a leader that has just been elected is one of these, too: the next attempt reaches it.
        Code::FailedPrecondition => PageError::Conflict(sentence),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => PageError::Unavailable(sentence),
    }
}
