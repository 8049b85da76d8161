//! A copy of a request, kept while the service processes it, so that it can be forwarded.

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

/// A copy of a gRPC request. The body is copied as the service reads it: reading all of it first would block forever if the
/// caller sends the rest only after a response.
#[derive(Debug)]
pub(super) struct BufferedRequest {
    uri: Uri,
    headers: HeaderMap,
    body: Arc<Mutex<BufferedBody>>,
}

/// Bound of a buffered body, in bytes.
const BODY_SIZE_MAX: usize = 4 << 20;

/// The header with the number of times a request has been forwarded.
const HOPS_KEY: HeaderName = HeaderName::from_static("emberkeep-hops");

/// The reason not to forward a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum NotBuffered {
    #[error("its body exceeds the limit of {BODY_SIZE_MAX} bytes")]
    TooLarge,
    #[error("it was rejected before its whole body had arrived")]
    Streaming,
}

/// ```text
/// Partial --end of the body--> Complete --+
///    |                                    +--take_body--> Released
///    +--over the limit-------> TooLarge --+
/// ```
#[derive(Debug)]
enum BufferedBody {
    /// A message usually arrives as one frame, which is shared; only further frames are copied.
    Partial {
        first: Bytes,
        rest: BytesMut,
    },
    Complete(Bytes),
    TooLarge,
    Released,
}

impl BufferedRequest {
    /// Splits a request into the copy and the request for the service, which fills the copy's body as it is read.
    pub(super) fn of(request: http::Request<Body>) -> (Self, http::Request<Body>) {
        let (parts, body) = request.into_parts();
        let buffered = Self {
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            body: Arc::new(Mutex::new(BufferedBody::begin())),
        };
        let copied = TeeBody {
            body,
            copy: Arc::clone(&buffered.body),
        };
        (buffered, http::Request::from_parts(parts, Body::new(copied)))
    }

    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// How often the request has been forwarded; `None` if the header is invalid.
    pub(super) fn hop_count(&self) -> Option<u8> {
        let Some(hops) = self.headers.get(HOPS_KEY) else {
            return Some(0);
        };
        hops.to_str().ok()?.parse().ok()
    }

    /// Ends the copy and returns the body, if it is complete.
    pub(super) fn take_body(&self) -> Result<Bytes, NotBuffered> {
        match std::mem::replace(&mut *locked(&self.body), BufferedBody::Released) {
            BufferedBody::Complete(body) => Ok(body),
            BufferedBody::TooLarge => Err(NotBuffered::TooLarge),
            BufferedBody::Partial { .. } | BufferedBody::Released => Err(NotBuffered::Streaming),
        }
    }

    /// The request for the next pod, as the `hop_count`th forward.
    pub(super) fn to_forward(&self, body: Bytes, hop_count: u8, timeout: HeaderValue) -> http::Request<Body> {
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

impl BufferedBody {
    fn begin() -> Self {
        Self::Partial {
            first: Bytes::new(),
            rest: BytesMut::new(),
        }
    }

    fn add(&mut self, bytes: &Bytes) {
        match self {
            // ## Partial -> TooLarge: the frame exceeds the limit
            Self::Partial { first, rest } if first.len() + rest.len() + bytes.len() > BODY_SIZE_MAX => {
                *self = Self::TooLarge;
            }
            // ## Partial -> Partial
            Self::Partial { first, .. } if first.is_empty() => *first = bytes.clone(),
            Self::Partial { rest, .. } => rest.extend_from_slice(bytes),
            Self::Complete(_) | Self::TooLarge | Self::Released => {}
        }
    }

    fn end(&mut self) {
        // ## Partial -> Complete: the service has read the whole body
        if let Self::Partial { first, rest } = self {
            let first = std::mem::take(first);
            *self = Self::Complete(match rest.is_empty() {
                true => first,
                false => [&first[..], &rest[..]].concat().into(),
            });
        }
    }
}

/// A body that copies the frames read from it.
struct TeeBody {
    body: Body,
    copy: Arc<Mutex<BufferedBody>>,
}

impl http_body::Body for TeeBody {
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

fn locked(copy: &Mutex<BufferedBody>) -> MutexGuard<'_, BufferedBody> {
    // The copy is consistent even after a panic of a holder, so a poisoned mutex is usable.
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
    async fn the_body_read_by_the_service_is_forwarded_byte_for_byte() {
        let (buffered, request) = BufferedRequest::of(request(vec!["one".into(), "two".into(), "three".into()]));
        assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "onetwothree");
        let body = buffered.take_body().unwrap();
        let request = buffered.to_forward(body, 1, HeaderValue::from_static("5m"));
        assert_eq!(request.headers()[HOPS_KEY], "1");
        assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "onetwothree");
    }

    #[tokio::test]
    async fn a_large_or_incomplete_body_is_not_buffered() {
        let half = Bytes::from(vec![0; BODY_SIZE_MAX / 2 + 1]);
        let (buffered, request_of_service) = BufferedRequest::of(request(vec![half.clone(), half]));
        request_of_service.into_body().collect().await.unwrap();
        assert_eq!(buffered.take_body(), Err(NotBuffered::TooLarge));
        let (buffered, _unread) = BufferedRequest::of(request(vec!["one".into()]));
        assert_eq!(buffered.take_body(), Err(NotBuffered::Streaming));
    }

    #[test]
    fn an_invalid_hop_header_has_no_count() {
        for (value, hop_count) in [
            ("0", Some(0)),
            ("2", Some(2)),
            ("-1", None),
            ("many", None),
            ("256", None),
        ] {
            let mut request = request(vec![]);
            request.headers_mut().insert(HOPS_KEY, value.parse().unwrap());
            assert_eq!(BufferedRequest::of(request).0.hop_count(), hop_count, "{value}");
        }
        assert_eq!(BufferedRequest::of(request(vec![])).0.hop_count(), Some(0));
    }
}
