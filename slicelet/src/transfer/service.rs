//! The transfer service: sends the warm values of a slice to its next owner.

use std::sync::Arc;

use emberkeep_proto::convert::{TRANSFER_MESSAGE_SIZE_MAX, TransferStart};
use emberkeep_proto::pb::warm_transfer_server::{WarmTransfer, WarmTransferServer};
use emberkeep_proto::pb::{TransferRequest, TransferResponse};
use emberkeep_runtime::in_progress::InProgress;
use futures::stream::{BoxStream, StreamExt, try_unfold};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};

use super::sending::Sending;
use crate::codec::Codec;
use crate::published_state::PublishedState;
use crate::warm::WarmStore;

/// Sends warm values to other pods.
///
/// No queue grows for a slow receiver: each message is created when the connection has room for it.
pub(crate) struct TransferService<C: Codec> {
    warm: Arc<WarmStore<C>>,
    published: Arc<PublishedState>,
    permits: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Transfers at a time. Each needs memory for its manifest, and CPU to encode values.
const TRANSFERS_MAX: usize = 16;

impl<C: Codec> TransferService<C> {
    /// A service that ends its transfers when `stop` is cancelled.
    pub(crate) fn new(warm: Arc<WarmStore<C>>, published: Arc<PublishedState>, stop: CancellationToken) -> Self {
        Self {
            warm,
            published,
            permits: Arc::new(Semaphore::new(TRANSFERS_MAX)),
            stop,
        }
    }

    /// The gRPC service, with its message size limits.
    pub(crate) fn into_server(self) -> WarmTransferServer<Self> {
        WarmTransferServer::new(self)
            .max_encoding_message_size(TRANSFER_MESSAGE_SIZE_MAX)
            .max_decoding_message_size(TRANSFER_MESSAGE_SIZE_MAX)
            .send_compressed(CompressionEncoding::Zstd)
    }
}

#[tonic::async_trait]
impl<C: Codec> WarmTransfer for TransferService<C> {
    type TransferStream = BoxStream<'static, Result<TransferResponse, Status>>;

    async fn transfer(&self, request: Request<TransferRequest>) -> Result<Response<Self::TransferStream>, Status> {
        let start = TransferStart::try_from(request.into_inner())?;
        let target = &self.warm.parts.target;
        if start.target != *target {
            let reason = format!(
                "target {} is not served by this pod, which serves {target}",
                start.target
            );
            return Err(Status::not_found(reason));
        }
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            let reason = format!("{TRANSFERS_MAX} transfers are in progress already, retry in a moment");
            Status::resource_exhausted(reason)
        })?;
        tracing::debug!(%target, slice = %start.slice, held_count = start.held.len(), "transfer starts");
        let key_mode = self.published.snapshot.load().key_mode;
        let running = InProgress::start(&self.warm.parts.metrics.transfer.sending);
        let sending = Sending::new(Arc::clone(&self.warm), key_mode, start);
        let stop = self.stop.clone();
        let sent = try_unfold(sending, move |sending| {
            // Both are held as long as the stream.
            let _ = (&permit, &running);
            let stop = stop.clone();
            async move {
                stop.run_until_cancelled(next(sending))
                    .await
                    .unwrap_or_else(|| Err(stopping()))
            }
        });
        Ok(Response::new(sent.boxed()))
    }
}

/// The next message, created on the blocking pool, so that it does not delay other tasks of the runtime.
async fn next<C: Codec>(mut sending: Sending<C>) -> Result<Option<(TransferResponse, Sending<C>)>, Status> {
    let made = tokio::task::spawn_blocking(move || {
        let message = sending.next()?;
        Some((TransferResponse::from(message), sending))
    });
    made.await
        .map_err(|failure| Status::internal(format!("the values could not be encoded: {failure}")))
}

fn stopping() -> Status {
    Status::unavailable("this pod is stopping, read the rest from object storage")
}
