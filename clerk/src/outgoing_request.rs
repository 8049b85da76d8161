//! An outgoing request, whose body is buffered so that it can be sent again.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Uri, Version};
use http_body::Frame;
use http_body_util::BodyExt;
use tonic::body::Body;

use crate::ClerkError;

/// The parts of a gRPC request. All attempts share one value, so that the future of a call, which is allocated each
/// time, stays small.
#[derive(Debug)]
pub(crate) struct OutgoingRequest {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: RequestBody,
    attempt_count: u32,
}

#[derive(Debug)]
enum RequestBody {
    /// The body as the caller passed it: it can be sent once.
    Original(Body),
    /// The whole body in memory: it can be sent again. Attempts share the bytes.
    Buffered(Bytes),
}

impl OutgoingRequest {
    pub(crate) fn new(request: http::Request<Body>) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body: RequestBody::Original(body),
            attempt_count: 0,
        }
    }

    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(crate) const fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// The method of the service, such as `/package.Service/Method`.
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    /// The number of attempts so far.
    pub(crate) const fn attempt_count(&self) -> u32 {
        self.attempt_count
    }

    /// Reads the whole body into memory, at most `size_max` bytes.
    pub(crate) async fn buffer_body(&mut self, size_max: usize) -> Result<(), ClerkError> {
        if let RequestBody::Original(body) = &mut self.body {
            self.body = RequestBody::Buffered(collected(body, size_max).await?);
        }
        Ok(())
    }

    /// Whether the request can be sent again.
    pub(crate) const fn is_buffered(&self) -> bool {
        matches!(self.body, RequestBody::Buffered(_))
    }

    /// The request of the next attempt. From the second one on it has a body only if that is buffered.
    pub(crate) fn next_attempt(&mut self) -> http::Request<Body> {
        self.attempt_count = self.attempt_count.saturating_add(1);
        let body = match &mut self.body {
            RequestBody::Original(body) => std::mem::take(body),
            RequestBody::Buffered(bytes) => Body::new(OneFrame(Some(bytes.clone()))),
        };
        let mut request = http::Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        *request.version_mut() = Version::HTTP_2;
        request
    }
}

/// All bytes of a body. A message is usually one frame, which is not copied; only bodies of several frames are.
async fn collected(body: &mut Body, size_max: usize) -> Result<Bytes, ClerkError> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // gRPC requests have no trailers, so other frames are ignored.
        let Ok(bytes) = frame.map_err(ClerkError::BodyFailed)?.into_data() else {
            continue;
        };
        if first.len() + all.len() + bytes.len() > size_max {
            return Err(ClerkError::BodyTooLarge { limit: size_max });
        }
        if first.is_empty() && all.is_empty() {
            first = bytes;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&bytes);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// A body of one frame. It announces no size: gRPC does not use `content-length`, and setting and parsing the header
/// costs time on both sides.
struct OneFrame(Option<Bytes>);

impl http_body::Body for OneFrame {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body_util::StreamBody;
    use tonic::Status;

    use super::*;

    fn request(frames: &'static [&'static [u8]]) -> OutgoingRequest {
        let frame = |bytes: &&'static [u8]| Ok::<_, Status>(Frame::data(Bytes::from_static(bytes)));
        let body = Body::new(StreamBody::new(stream::iter(frames.iter().map(frame))));
        let request = http::Request::post("/service/method").header("te", "trailers");
        OutgoingRequest::new(request.body(body).unwrap())
    }

    #[tokio::test]
    async fn a_buffered_request_is_the_same_in_each_attempt() {
        let mut outgoing = request(&[b"", b"one", b"two", b"three"]);
        outgoing.buffer_body(11).await.unwrap();
        assert!(outgoing.is_buffered());
        for _ in 0..3 {
            let request = outgoing.next_attempt();
            assert_eq!(request.method(), Method::POST);
            assert_eq!(request.uri(), "/service/method");
            assert_eq!(request.headers()["te"], "trailers");
            assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "onetwothree");
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_rejected_before_it_is_read_to_the_end() {
        let endless = stream::repeat_with(|| Ok::<_, Status>(Frame::data(Bytes::from_static(b"more"))));
        let mut outgoing = OutgoingRequest::new(http::Request::new(Body::new(StreamBody::new(endless))));
        let error = outgoing.buffer_body(10).await.unwrap_err();
        assert!(matches!(error, ClerkError::BodyTooLarge { limit: 10 }));
    }
}
