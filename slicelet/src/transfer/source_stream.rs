//! The stream from a source, the pod that has the values of a slice.

use std::time::Duration;

use emberkeep_core::pod::PodAddress;
use emberkeep_proto::convert::{InvalidMessage, TRANSFER_MESSAGE_SIZE_MAX, TransferStart, Transferred};
use emberkeep_proto::pb::warm_transfer_client::WarmTransferClient;
use emberkeep_proto::pb::{TransferRequest, TransferResponse};
use emberkeep_runtime::channel::{BadAddress, ChannelSettings, channel_to};
use emberkeep_runtime::trace_context;
use thiserror::Error;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request, Status, Streaming};
use tracing::Span;

/// The wait for each message of a source, including the connect for the first one.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// The flow-control window in bytes: the most that waits for a slow receiver, beside the one message it processes.
const WINDOW: u32 = 1 << 20;

/// The cause of the early end of a stream.
#[derive(Debug, Error)]
pub(super) enum TransferError {
    #[error(transparent)]
    BadAddress(#[from] BadAddress),
    #[error("{} ({:?})", .0.message(), .0.code())]
    Refused(#[from] Status),
    #[error("it sent no message for {MESSAGE_TIMEOUT:?}")]
    Silent(#[from] Elapsed),
    #[error("it sent an invalid message: {0}")]
    Invalid(#[from] InvalidMessage),
    #[error("it ended before the end of its manifest")]
    Short,
}

/// Whether another stream from the same source may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryClass {
    /// The source may be unreachable for a moment, or gone.
    Broken,
    /// The source is alive but at its limit of transfers.
    Busy,
    /// The source would fail in the same way again.
    Final,
}

/// One stream of the values of one slice.
pub(super) struct SourceStream {
    messages: Streaming<TransferResponse>,
}

impl SourceStream {
    /// Requests a transfer from the pod at `address`.
    pub(super) async fn open(address: &PodAddress, start: &TransferStart) -> Result<Self, TransferError> {
        let settings = ChannelSettings {
            stream_window: WINDOW,
            connection_window: WINDOW,
            ..ChannelSettings::default()
        };
        let mut client = WarmTransferClient::new(channel_to(address.as_str(), &settings)?)
            .max_decoding_message_size(TRANSFER_MESSAGE_SIZE_MAX)
            .accept_compressed(CompressionEncoding::Zstd);
        let mut request = Request::new(TransferRequest::from(start));
        trace_context::inject(&Span::current(), request.metadata_mut().as_mut());
        let answer = client.transfer(request);
        let messages = timeout(MESSAGE_TIMEOUT, answer).await??.into_inner();
        Ok(Self { messages })
    }

    /// The next message; `None` after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Transferred>, TransferError> {
        let message = timeout(MESSAGE_TIMEOUT, self.messages.message()).await??;
        Ok(message.map(Transferred::try_from).transpose()?)
    }
}

impl TransferError {
    pub(super) fn retry_class(&self) -> RetryClass {
        match self {
            Self::BadAddress(_) | Self::Invalid(_) | Self::Short => RetryClass::Final,
            Self::Silent(_) => RetryClass::Broken,
            Self::Refused(status) => match status.code() {
                Code::ResourceExhausted => RetryClass::Busy,
                // The source does not have the service or target, or does not accept the request.
                Code::Unimplemented
                | Code::NotFound
                | Code::InvalidArgument
                | Code::OutOfRange
                | Code::FailedPrecondition
                | Code::AlreadyExists
                | Code::PermissionDenied
                | Code::Unauthenticated => RetryClass::Final,
                Code::Ok
                | Code::Cancelled
                | Code::Unknown
                | Code::DeadlineExceeded
                | Code::Aborted
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss => RetryClass::Broken,
            },
        }
    }
}
