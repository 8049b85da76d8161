//! A transfer source whose streams follow the test's script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use emberkeep_proto::convert::Transferred;
use emberkeep_proto::pb::warm_transfer_server::{WarmTransfer, WarmTransferServer};
use emberkeep_proto::pb::{TransferRequest, TransferResponse};
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use futures::StreamExt;
use futures::stream::{BoxStream, iter};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::pod_pair::TransferTestPod;
use crate::codec::Raw;
use crate::transfer::TransferService;

/// The script of one stream.
pub(super) enum StreamScript {
    /// The stream breaks after `after` messages.
    Cut { after: usize },
    /// The stream breaks after `after` messages, and the server stops.
    Crash { after: usize },
    /// The stream is rejected with this status.
    Reject(Status),
    /// The stream sends these messages and ends.
    Send(Vec<TransferResponse>),
}

/// A transfer service on a port of its own, until dropped.
pub(super) struct ScriptedSource {
    pub(super) address: String,
    /// The keys sent, in order.
    sent: Arc<Mutex<Vec<String>>>,
    _stops: DropGuard,
}

impl ScriptedSource {
    /// Serves the warm values of `pod`: each stream follows the next script, and those after the last script are complete.
    pub(super) async fn of(pod: &TransferTestPod, scripts: impl IntoIterator<Item = StreamScript>) -> Self {
        let stop = CancellationToken::new();
        let sent = Arc::default();
        let transfer = ScriptedTransfer {
            service: TransferService::new(Arc::clone(&pod.warm), Arc::clone(&pod.published), stop.clone()),
            scripts: Mutex::new(scripts.into_iter().collect()),
            sent: Arc::clone(&sent),
            stop: stop.clone(),
        };
        let address = serve(Routes::new(WarmTransferServer::new(transfer)), stop.clone()).await;
        Self {
            address,
            sent,
            _stops: stop.drop_guard(),
        }
    }

    pub(super) fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().clone()
    }
}

/// Serves until `stop` is cancelled, after which no connection is accepted; returns the address.
pub(super) async fn serve(routes: Routes, stop: CancellationToken) -> String {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = server_builder()
        .add_routes(routes)
        .serve_with_incoming(incoming(listener));
    tokio::spawn(async move { stop.run_until_cancelled(serving).await });
    address
}

struct ScriptedTransfer {
    service: TransferService<Raw>,
    scripts: Mutex<VecDeque<StreamScript>>,
    sent: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
}

#[tonic::async_trait]
impl WarmTransfer for ScriptedTransfer {
    type TransferStream = BoxStream<'static, Result<TransferResponse, Status>>;

    async fn transfer(&self, request: Request<TransferRequest>) -> Result<Response<Self::TransferStream>, Status> {
        let script = self.scripts.lock().unwrap().pop_front();
        let whole = self.service.transfer(request).await?.into_inner();
        let broken = iter([Err(Status::unavailable("the cable was cut"))]);
        let stream = match script {
            None => whole,
            Some(StreamScript::Reject(status)) => return Err(status),
            Some(StreamScript::Send(messages)) => iter(messages).map(Ok).boxed(),
            Some(StreamScript::Cut { after }) => whole.take(after).chain(broken).boxed(),
            Some(StreamScript::Crash { after }) => {
                let stop = self.stop.clone();
                let last = broken.inspect(move |_| stop.cancel());
                whole.take(after).chain(last).boxed()
            }
        };
        let sent = Arc::clone(&self.sent);
        Ok(Response::new(
            stream.inspect(move |message| record(&sent, message)).boxed(),
        ))
    }
}

fn record(sent: &Mutex<Vec<String>>, message: &Result<TransferResponse, Status>) {
    let Ok(message) = message else { return };
    if let Ok(Transferred::Values(values)) = Transferred::try_from(message.clone()) {
        let keys = values.into_iter().map(|value| String::from_utf8(value.key).unwrap());
        sent.lock().unwrap().extend(keys);
    }
}
