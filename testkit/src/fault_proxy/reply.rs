//! Replies to the client: whole, streamed, or truncated.

use std::fmt;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};

pub(super) type ProxyReply = Response<UnsyncBoxBody<Bytes, ConnectionCut>>;

/// Makes hyper close the connection at once.
#[derive(Debug)]
pub(super) struct ConnectionCut;

impl fmt::Display for ConnectionCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut")
    }
}

impl std::error::Error for ConnectionCut {}

/// A reply whose body has been received.
pub(super) fn whole(reply: Response<Bytes>) -> ProxyReply {
    reply.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync())
}

/// A reply whose body is forwarded as it arrives.
pub(super) fn streamed(reply: Response<Incoming>) -> ProxyReply {
    reply.map(|body| body.map_err(|_| ConnectionCut).boxed_unsync())
}

/// A reply whose body ends in the middle with a cut connection.
pub(super) fn truncated(reply: Response<Bytes>) -> Result<ProxyReply, ConnectionCut> {
    if reply.body().is_empty() {
        return Err(ConnectionCut);
    }
    Ok(reply.map(|body| {
        let half = Frame::data(body.slice(..body.len() / 2));
        let cut = async {
            // hyper sends the first half before it polls again and meets the error.
            tokio::task::yield_now().await;
            Err(ConnectionCut)
        };
        let pieces = stream::iter([Ok(half)]).chain(stream::once(cut));
        StreamBody::new(pieces).boxed_unsync()
    }))
}

/// An error in the format of S3.
pub(super) fn s3_error(status: StatusCode, code: &str, message: &str) -> ProxyReply {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut reply = Response::new(Bytes::from(xml));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    whole(reply)
}
