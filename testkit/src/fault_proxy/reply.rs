//! What a client gets: a whole reply, a streamed one, or one that breaks off.

use std::fmt;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};

pub(super) type Reply = Response<UnsyncBoxBody<Bytes, Cut>>;

/// Ends a connection on the spot.
#[derive(Debug)]
pub(super) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

/// A reply whose body is at hand.
pub(super) fn whole(reply: Response<Bytes>) -> Reply {
    reply.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync())
}

/// A reply whose body goes through as it comes.
pub(super) fn streamed(reply: Response<Incoming>) -> Reply {
    reply.map(|body| body.map_err(|_| Cut).boxed_unsync())
}

/// A reply whose body breaks off in its middle.
pub(super) fn broken(reply: Response<Bytes>) -> Result<Reply, Cut> {
    if reply.body().is_empty() {
        return Err(Cut);
    }
    Ok(reply.map(|body| {
        let half = Frame::data(body.slice(..body.len() / 2));
        let cut = async {
            // The first half is on its way before the connection breaks.
            tokio::task::yield_now().await;
            Err(Cut)
        };
        let pieces = stream::iter([Ok(half)]).chain(stream::once(cut));
        StreamBody::new(pieces).boxed_unsync()
    }))
}

/// An error in the words of S3.
pub(super) fn refusal(status: StatusCode, code: &str, message: &str) -> Reply {
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
