//! The source: the pod that had the slice, as the receiver calls it.

use std::time::Duration;

use emberkeep_core::pod::PodAddress;
use emberkeep_proto::convert::{InvalidMessage, TRANSFER_MESSAGE_SIZE_MAX, TransferStart, Transferred};
use emberkeep_proto::pb::warm_transfer_client::WarmTransferClient;
use emberkeep_proto::pb::{TransferRequest, TransferResponse};
use emberkeep_runtime::channel::{BadAddress, ChannelSettings, channel_to};
use thiserror::Error;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status, Streaming};

/// How long a source may take for each message, connecting included.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// How far a source may send ahead: a receiver that is slow has no more than this waiting, and one message in hand.
const WINDOW: u32 = 1 << 20;

/// Why a stream ended before it was complete.
#[derive(Debug, Error)]
pub(super) enum TransferError {
    #[error(transparent)]
    BadAddress(#[from] BadAddress),
    #[error("{} ({:?})", .0.message(), .0.code())]
    Refused(#[from] Status),
    #[error("it did not send anything for {MESSAGE_TIMEOUT:?}")]
    Silent(#[from] Elapsed),
    #[error("it sent a message that breaks a rule: {0}")]
    Invalid(#[from] InvalidMessage),
    #[error("it ended before its manifest did")]
    Short,
}

/// Whether it is of use to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryClass {
    /// It may come back.
    Broken,
    /// It is there, but has no time.
    Busy,
    /// It will say the same again.
    Final,
}

/// One stream of one slice.
pub(super) struct SourceStream {
    messages: Streaming<TransferResponse>,
}

impl SourceStream {
    /// Asks the pod at `address`.
    pub(super) async fn open(address: &PodAddress, start: &TransferStart) -> Result<Self, TransferError> {
        let settings = ChannelSettings {
            stream_window: WINDOW,
            connection_window: WINDOW,
            ..ChannelSettings::default()
        };
        let mut client = WarmTransferClient::new(channel_to(address.as_str(), &settings)?)
            .max_decoding_message_size(TRANSFER_MESSAGE_SIZE_MAX)
            .accept_compressed(CompressionEncoding::Zstd);
        let answer = client.transfer(TransferRequest::from(start));
        let messages = timeout(MESSAGE_TIMEOUT, answer).await??.into_inner();
        Ok(Self { messages })
    }

    /// What it sends next; nothing once it has sent all.
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
                // It has no such service, no such target, or no such request.
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
