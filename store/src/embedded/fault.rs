//! Store errors as S3 error codes.

use s3s::{S3Error, S3ErrorCode};

use crate::StoreError;

/// The S3 error reply for `error`.
pub(super) fn of_store(error: StoreError) -> S3Error {
    let code = match &error {
        StoreError::PreconditionFailed { .. } => S3ErrorCode::PreconditionFailed,
        StoreError::BadName { .. } | StoreError::BadUrl { .. } => S3ErrorCode::InvalidArgument,
        StoreError::TooLarge { .. } => S3ErrorCode::EntityTooLarge,
        StoreError::Timeout { .. } | StoreError::Busy { .. } | StoreError::NotReachable { .. } => S3ErrorCode::SlowDown,
        StoreError::NoSuchLocation { .. } => S3ErrorCode::NoSuchBucket,
        StoreError::Refused { .. } | StoreError::NoCredentials { .. } => S3ErrorCode::AccessDenied,
        StoreError::NoConditionalWrites { .. } => S3ErrorCode::NotImplemented,
        StoreError::OtherVersion { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Io { .. }
        | StoreError::NotSecure { .. }
        | StoreError::Undecided { .. }
        | StoreError::CannotListen { .. }
        | StoreError::Unexpected { .. } => S3ErrorCode::InternalError,
    };
    S3Error::with_message(code, error.to_string())
}
