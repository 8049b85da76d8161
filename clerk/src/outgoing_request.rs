//! A request on its way out, kept so that it can be sent again.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Uri, Version};
use http_body::Frame;
use http_body_util::BodyExt;
use tonic::body::Body;

use crate::ClerkError;

/// What is needed to send a gRPC request. Lives in one place for all attempts, so that the future of a call, which
/// is allocated each time, stays small.
#[derive(Debug)]
pub(crate) struct OutgoingRequest {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    message: Message,
}

#[derive(Debug)]
enum Message {
    /// As the caller gave it: it can be sent once.
    Given(Body),
    /// Read as a whole: it can be sent again, and shares its bytes with what was sent before.
    Kept(Bytes),
}

impl OutgoingRequest {
    pub(crate) fn new(request: http::Request<Body>) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            message: Message::Given(body),
        }
    }

    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Reads the whole body, `size_max` bytes at most.
    pub(crate) async fn keep(&mut self, size_max: usize) -> Result<(), ClerkError> {
        if let Message::Given(body) = &mut self.message {
            self.message = Message::Kept(collected(body, size_max).await?);
        }
        Ok(())
    }

    /// Whether it can be sent once more.
    pub(crate) const fn is_kept(&self) -> bool {
        matches!(self.message, Message::Kept(_))
    }

    /// The request for one more attempt; without a body after the first one, unless it is kept.
    pub(crate) fn next_attempt(&mut self) -> http::Request<Body> {
        let body = match &mut self.message {
            Message::Given(body) => std::mem::take(body),
            Message::Kept(bytes) => Body::new(OneFrame(Some(bytes.clone()))),
        };
        let mut request = http::Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        *request.version_mut() = Version::HTTP_2;
        request
    }
}

/// All bytes of a body. A message usually comes as one frame, which is taken as it is; only further ones are copied.
async fn collected(body: &mut Body, size_max: usize) -> Result<Bytes, ClerkError> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Requests in gRPC have no trailers.
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

/// A body of one frame, which also ends it. Its size is not announced: nobody in gRPC needs a `content-length`, and
/// both sides would pay for it.
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
    async fn a_request_that_is_kept_is_the_same_each_time() {
        let mut outgoing = request(&[b"", b"one", b"two", b"three"]);
        outgoing.keep(11).await.unwrap();
        assert!(outgoing.is_kept());
        for _ in 0..3 {
            let request = outgoing.next_attempt();
            assert_eq!(request.method(), Method::POST);
            assert_eq!(request.uri(), "/service/method");
            assert_eq!(request.headers()["te"], "trailers");
            assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "onetwothree");
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_before_all_of_it_is_read() {
        let endless = stream::repeat_with(|| Ok::<_, Status>(Frame::data(Bytes::from_static(b"more"))));
        let mut outgoing = OutgoingRequest::new(http::Request::new(Body::new(StreamBody::new(endless))));
        let error = outgoing.keep(10).await.unwrap_err();
        assert!(matches!(error, ClerkError::BodyTooLarge { limit: 10 }));
    }
}
