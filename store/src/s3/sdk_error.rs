//! Mapping of the SDK's errors to store errors.

use std::error::Error;
use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use rustls::CertificateError;

use super::client::{CONNECT_TIMEOUT, OPERATION_TIMEOUT, READ_TIMEOUT};
use crate::{ObjectName, StoreError};

/// The HTTP status of the reply, if there was one.
pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Maps an error of any operation.
pub(super) fn of_store<E>(location: &str, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let location = location.to_owned();
    match &error {
        SdkError::TimeoutError(_) => StoreError::Timeout {
            location,
            after: OPERATION_TIMEOUT,
        },
        SdkError::DispatchFailure(failure) if failure.is_timeout() => timed_out(location, &error),
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => not_sent(location, &error),
        SdkError::ServiceError(answer) => {
            let reason = service_message(answer.err());
            of_answer(location, answer.raw().status().as_u16(), answer.err().code(), reason)
        }
        _ => of_answer(location, status(&error).unwrap_or(0), None, innermost(&error)),
    }
}

/// Maps an error of a conditional write, for which 404, 412 and 501 have meanings of their own.
pub(super) fn of_write<E>(location: &str, name: &ObjectName, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .unwrap_or_default();
    match (status(&error), code) {
        // `NoSuchKey` is the reply to If-Match on a missing object.
        (Some(412), _) | (Some(404), "NoSuchKey") => StoreError::PreconditionFailed { name: name.clone() },
        (Some(501), _) => StoreError::NoConditionalWrites {
            location: location.to_owned(),
            reason: innermost(&error),
        },
        _ => of_store(location, error),
    }
}

fn of_answer(location: String, status: u16, code: Option<&str>, reason: String) -> StoreError {
    match (status, code.unwrap_or_default()) {
        (404, "NoSuchBucket") => StoreError::NoSuchLocation { location },
        (401 | 403, _) | (400, "ExpiredToken" | "InvalidToken" | "AuthorizationHeaderMalformed") => {
            StoreError::Refused { location, reason }
        }
        (409 | 429 | 500.., _) | (404, "NoSuchUpload") => StoreError::Busy { location, reason },
        _ => StoreError::Unexpected {
            location,
            reason: format!("{reason} (HTTP status {status})"),
        },
    }
}

/// The request got no reply: the TLS handshake failed, the reply was not HTTP, credentials or the server were missing.
fn not_sent(location: String, error: &(dyn Error + 'static)) -> StoreError {
    let reason = innermost(error);
    if let Some(fault) = chain(error).find_map(tls_error) {
        let reason = tls_reason(fault);
        StoreError::NotSecure { location, reason }
    } else if chain(error).any(is_not_http) {
        let reason = format!("it is not HTTP ({reason}), write https:// for a server with TLS");
        StoreError::Unexpected { location, reason }
    } else if chain(error).any(|cause| cause.to_string().contains("credential")) {
        // The first sentence is the reason; the SDK appends a line for each provider without credentials.
        let reason = reason.split(['.', '\n']).next().unwrap_or_default().to_owned();
        StoreError::NoCredentials { location, reason }
    } else {
        StoreError::NotReachable { location, reason }
    }
}

/// The last attempt timed out: while connecting (`NotReachable`), or while waiting for a reply (`Timeout`).
fn timed_out(location: String, error: &(dyn Error + 'static)) -> StoreError {
    if chain(error).any(|cause| cause.to_string().contains("connect timeout")) {
        let reason = format!("no connection within {CONNECT_TIMEOUT:?}");
        StoreError::NotReachable { location, reason }
    } else {
        let after = READ_TIMEOUT;
        StoreError::Timeout { location, after }
    }
}

/// The TLS error inside an `io::Error`, where the chain of `source` does not lead.
fn tls_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = cause;
    while let Some(inner) = cause.downcast_ref().and_then(io::Error::get_ref) {
        cause = inner;
    }
    cause.downcast_ref()
}

fn is_not_http(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref().is_some_and(hyper::Error::is_parse)
}

fn tls_reason(fault: &rustls::Error) -> String {
    match fault {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate is not signed by a trusted authority, set ca_file to the certificate of its authority"
                .to_owned()
        }
        rustls::Error::InvalidMessage(_) => {
            "the server does not speak TLS, write http:// for a server without TLS".to_owned()
        }
        other => other.to_string(),
    }
}

fn service_message(error: &(impl ProvideErrorMetadata + Error + 'static)) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, Some(message)) => message.to_owned(),
        (None, None) => innermost(error),
    }
}

/// The root cause, which names what to correct; the errors above it only state that something failed.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| cause.source())
}
