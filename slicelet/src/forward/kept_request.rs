//! A request that is kept while the service has it, so that it can be sent on.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use http_body::{Frame, SizeHint};
use http_body_util::Full;
use thiserror::Error;
use tonic::Status;
use tonic::body::Body;

/// All that is needed to send a gRPC request once more. The body is copied as the service reads it: waiting for all of
/// it first would wait for ever where the caller waits for an answer before it sends more.
#[derive(Debug)]
pub(super) struct KeptRequest {
    uri: Uri,
    headers: HeaderMap,
    body: Arc<Mutex<BodyCopy>>,
}

/// More bytes of a body than this are not kept.
const BODY_SIZE_MAX: usize = 4 << 20;

/// How often a request has been sent on.
const HOPS_KEY: HeaderName = HeaderName::from_static("emberkeep-hops");

/// Why a request cannot be sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum NotKept {
    #[error("its body is over the limit of {BODY_SIZE_MAX} bytes that are forwarded")]
    TooLarge,
    #[error("it was refused before all of it had come")]
    Streaming,
}

#[derive(Debug)]
enum BodyCopy {
    /// A message usually comes as one frame, which is shared; only further ones are copied.
    Growing {
        first: Bytes,
        rest: BytesMut,
    },
    Whole(Bytes),
    TooLarge,
    NotWanted,
}

impl KeptRequest {
    /// What is kept, and the request for the service.
    pub(super) fn of(request: http::Request<Body>) -> (Self, http::Request<Body>) {
        let (parts, body) = request.into_parts();
        let kept = Self {
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            body: Arc::new(Mutex::new(BodyCopy::begin())),
        };
        let copied = CopiedBody {
            body,
            copy: Arc::clone(&kept.body),
        };
        (kept, http::Request::from_parts(parts, Body::new(copied)))
    }

    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// How often it has been sent on; `None` if it says something else than a number.
    pub(super) fn hop_count(&self) -> Option<u8> {
        let Some(hops) = self.headers.get(HOPS_KEY) else {
            return Some(0);
        };
        hops.to_str().ok()?.parse().ok()
    }

    /// Ends the copy; what the service reads from now on is not kept.
    pub(super) fn take_body(&self) -> Result<Bytes, NotKept> {
        match std::mem::replace(&mut *locked(&self.body), BodyCopy::NotWanted) {
            BodyCopy::Whole(body) => Ok(body),
            BodyCopy::TooLarge => Err(NotKept::TooLarge),
            BodyCopy::Growing { .. } | BodyCopy::NotWanted => Err(NotKept::Streaming),
        }
    }

    /// The request for the next pod, which is the `hop_count`th to get it from another one.
    pub(super) fn sent_on(&self, body: Bytes, hop_count: u8, timeout: HeaderValue) -> http::Request<Body> {
        let mut request = http::Request::new(Body::new(Full::new(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(HOPS_KEY, u16::from(hop_count).into());
        request.headers_mut().insert("grpc-timeout", timeout);
        request
    }
}

impl BodyCopy {
    fn begin() -> Self {
        Self::Growing {
            first: Bytes::new(),
            rest: BytesMut::new(),
        }
    }

    fn add(&mut self, bytes: &Bytes) {
        match self {
            Self::Growing { first, rest } if first.len() + rest.len() + bytes.len() > BODY_SIZE_MAX => {
                *self = Self::TooLarge;
            }
            Self::Growing { first, .. } if first.is_empty() => *first = bytes.clone(),
            Self::Growing { rest, .. } => rest.extend_from_slice(bytes),
            Self::Whole(_) | Self::TooLarge | Self::NotWanted => {}
        }
    }

    fn end(&mut self) {
        if let Self::Growing { first, rest } = self {
            let first = std::mem::take(first);
            *self = Self::Whole(match rest.is_empty() {
                true => first,
                false => [&first[..], &rest[..]].concat().into(),
            });
        }
    }
}

/// A body that leaves a copy of what is read from it.
struct CopiedBody {
    body: Body,
    copy: Arc<Mutex<BodyCopy>>,
}

impl http_body::Body for CopiedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let mut copy = locked(&self.copy);
        if let Some(Ok(frame)) = &frame
            && let Some(bytes) = frame.data_ref()
        {
            copy.add(bytes);
        }
        if frame.is_none() || self.body.is_end_stream() {
            copy.end();
        }
        drop(copy);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn locked(copy: &Mutex<BodyCopy>) -> MutexGuard<'_, BodyCopy> {
    // The copy is whole whatever a holder was doing when it panicked.
    copy.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    fn request(frames: Vec<Bytes>) -> http::Request<Body> {
        let frames = frames.into_iter().map(|bytes| Ok::<_, Status>(Frame::data(bytes)));
        http::Request::new(Body::new(StreamBody::new(stream::iter(frames))))
    }

    #[tokio::test]
    async fn what_the_service_has_read_is_sent_on_byte_for_byte() {
        let (kept, request) = KeptRequest::of(request(vec!["one".into(), "two".into(), "three".into()]));
        assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "onetwothree");
        let body = kept.take_body().unwrap();
        let request = kept.sent_on(body, 1, HeaderValue::from_static("5m"));
        assert_eq!(request.headers()[HOPS_KEY], "1");
        assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "onetwothree");
    }

    #[tokio::test]
    async fn what_is_too_large_or_has_not_come_is_not_kept() {
        let half = Bytes::from(vec![0; BODY_SIZE_MAX / 2 + 1]);
        let (kept, request_of_service) = KeptRequest::of(request(vec![half.clone(), half]));
        request_of_service.into_body().collect().await.unwrap();
        assert_eq!(kept.take_body(), Err(NotKept::TooLarge));
        let (kept, _unread) = KeptRequest::of(request(vec!["one".into()]));
        assert_eq!(kept.take_body(), Err(NotKept::Streaming));
    }

    #[test]
    fn hops_that_cannot_be_read_are_unknown() {
        for (value, hop_count) in [
            ("0", Some(0)),
            ("2", Some(2)),
            ("-1", None),
            ("many", None),
            ("256", None),
        ] {
            let mut request = request(vec![]);
            request.headers_mut().insert(HOPS_KEY, value.parse().unwrap());
            assert_eq!(KeptRequest::of(request).0.hop_count(), hop_count, "{value}");
        }
        assert_eq!(KeptRequest::of(request(vec![])).0.hop_count(), Some(0));
    }
}
