//! What the SDK's errors mean to a caller.

use std::error::Error;
use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use rustls::CertificateError;

use super::client::{CONNECT_TIMEOUT, OPERATION_TIMEOUT, READ_TIMEOUT};
use crate::{ObjectName, StoreError};

/// The status of the server's answer, if there was one.
pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Translates an error on the whole store.
pub(super) fn of_store<E>(place: &str, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let place = place.to_owned();
    match &error {
        SdkError::TimeoutError(_) => StoreError::Timeout {
            place,
            after: OPERATION_TIMEOUT,
        },
        SdkError::DispatchFailure(failure) if failure.is_timeout() => timed_out(place, &error),
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => not_sent(place, &error),
        SdkError::ServiceError(answer) => {
            let reason = service_message(answer.err());
            of_answer(place, answer.raw().status().as_u16(), answer.err().code(), reason)
        }
        _ => of_answer(place, status(&error).unwrap_or(0), None, innermost(&error)),
    }
}

/// Translates an error on a conditional write, where some answers have a meaning of their own.
pub(super) fn of_write<E>(place: &str, name: &ObjectName, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .unwrap_or_default();
    match (status(&error), code) {
        // If-Match on an object that is not there.
        (Some(412), _) | (Some(404), "NoSuchKey") => StoreError::PreconditionFailed { name: name.clone() },
        (Some(501), _) => StoreError::NoConditionalWrites {
            place: place.to_owned(),
            reason: innermost(&error),
        },
        _ => of_store(place, error),
    }
}

fn of_answer(place: String, status: u16, code: Option<&str>, reason: String) -> StoreError {
    match (status, code.unwrap_or_default()) {
        (404, "NoSuchBucket") => StoreError::NoSuchPlace { place },
        (401 | 403, _) | (400, "ExpiredToken" | "InvalidToken" | "AuthorizationHeaderMalformed") => {
            StoreError::Refused { place, reason }
        }
        (409 | 429 | 500.., _) | (404, "NoSuchUpload") => StoreError::Busy { place, reason },
        _ => StoreError::Unexpected {
            place,
            reason: format!("{reason} (HTTP status {status})"),
        },
    }
}

/// The request never got an answer: for want of trust, of credentials to sign it with, or of a server to send it to.
fn not_sent(place: String, error: &(dyn Error + 'static)) -> StoreError {
    let reason = innermost(error);
    if let Some(fault) = chain(error).find_map(tls_error) {
        let reason = tls_reason(fault);
        StoreError::NotSecure { place, reason }
    } else if chain(error).any(is_not_http) {
        let reason = format!("not in HTTP ({reason}), write https:// if it wants TLS");
        StoreError::Unexpected { place, reason }
    } else if chain(error).any(|cause| cause.to_string().contains("credential")) {
        // After the first sentence, the SDK lists on lines of their own all the places where it found none.
        let reason = reason.split(['.', '\n']).next().unwrap_or_default().to_owned();
        StoreError::NoCredentials { place, reason }
    } else {
        StoreError::NotReachable { place, reason }
    }
}

/// The last of the tries waited for a connection, or for an answer, for as long as it may.
fn timed_out(place: String, error: &(dyn Error + 'static)) -> StoreError {
    if chain(error).any(|cause| cause.to_string().contains("connect timeout")) {
        let reason = format!("no connection within {CONNECT_TIMEOUT:?}");
        StoreError::NotReachable { place, reason }
    } else {
        let after = READ_TIMEOUT;
        StoreError::Timeout { place, after }
    }
}

/// What TLS found wrong, which lies within errors of the system, where `source` does not lead.
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
            "its certificate is not signed by a trusted authority, name that one's certificate in ca_file".to_owned()
        }
        rustls::Error::InvalidMessage(_) => "it does not answer in TLS, write http:// if it should not".to_owned(),
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

/// The cause at the bottom is the one a person can act on; those above only say that something failed.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| cause.source())
}
