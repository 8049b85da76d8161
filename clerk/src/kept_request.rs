//! A request that is kept, so that it can be sent again.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Uri};
use http_body_util::{BodyExt, Full};
use tonic::body::Body;

use crate::ClerkError;

/// What is needed to send a unary gRPC request again; its bytes are shared with what was sent before.
#[derive(Debug)]
pub(crate) struct KeptRequest {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl KeptRequest {
    /// Reads the whole body, `size_max` bytes at most, and gives the request back with a copy that is kept.
    pub(crate) async fn keep(
        request: http::Request<Body>,
        size_max: usize,
    ) -> Result<(http::Request<Body>, Self), ClerkError> {
        let (parts, body) = request.into_parts();
        let kept = Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            body: collected(body, size_max).await?,
        };
        let request = http::Request::from_parts(parts, kept.body());
        Ok((request, kept))
    }

    /// The request once more.
    pub(crate) fn again(&self) -> http::Request<Body> {
        let mut request = http::Request::new(self.body());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        *request.version_mut() = http::Version::HTTP_2;
        request
    }

    fn body(&self) -> Body {
        Body::new(Full::new(self.body.clone()))
    }
}

/// All bytes of a body. A message usually comes as one frame, which is taken as it is; only further ones are copied.
async fn collected(mut body: Body, size_max: usize) -> Result<Bytes, ClerkError> {
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

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use tonic::Status;

    use super::*;

    fn body(frames: &'static [&'static [u8]]) -> Body {
        let frame = |bytes: &&'static [u8]| Ok::<_, Status>(Frame::data(Bytes::from_static(bytes)));
        Body::new(StreamBody::new(stream::iter(frames.iter().map(frame))))
    }

    #[tokio::test]
    async fn a_request_sent_again_is_the_same() {
        let request = http::Request::post("/service/method").header("te", "trailers");
        let request = request.body(body(&[b"", b"one", b"two", b"three"])).unwrap();
        let (first, kept) = KeptRequest::keep(request, 11).await.unwrap();
        for request in [first, kept.again(), kept.again()] {
            assert_eq!(request.uri(), "/service/method");
            assert_eq!(request.headers()["te"], "trailers");
            assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "onetwothree");
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_before_all_of_it_is_read() {
        let endless = stream::repeat_with(|| Ok::<_, Status>(Frame::data(Bytes::from_static(b"more"))));
        let request = http::Request::new(Body::new(StreamBody::new(endless)));
        let error = KeptRequest::keep(request, 10).await.unwrap_err();
        assert!(matches!(error, ClerkError::BodyTooLarge { limit: 10 }));
    }
}
