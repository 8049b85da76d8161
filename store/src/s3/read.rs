//! One read: the reply header, then the content, in one allocation of exactly its length.

use std::time::Duration;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::attempts::AttemptTracker;
use super::{S3, sdk_error};
use crate::object_store::require_size;
use crate::{ETag, Object, ObjectName, Read, StoreError};

/// The longest pause before each retry of an object whose content was cut off; their number bounds the retries.
const PAUSES_MAX: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// A reply once its header has been received: an object whose content follows, or a final result.
enum Head {
    Found(IncomingObject),
    Final(Read),
}

/// An object whose content is being received.
struct IncomingObject {
    etag: ETag,
    size_bytes: u64,
    body: ByteStream,
}

impl S3 {
    /// Reads an object; retries if its content is cut off, because the SDK's retries end with the reply header.
    pub(super) async fn read(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError> {
        let incoming = match self.request_object(name, unless).await? {
            Head::Found(incoming) => incoming,
            Head::Final(read) => return Ok(read),
        };
        let after = receive_timeout(incoming.size_bytes);
        let received = timeout(after, self.receive(name, unless, incoming)).await;
        received.unwrap_or_else(|_| {
            let location = self.location.clone();
            Err(StoreError::Timeout { location, after })
        })
    }

    async fn request_object(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Head, StoreError> {
        let request = self.client.get_object().bucket(&self.bucket).key(self.key(name));
        let request = request.set_if_none_match(unless.map(ETag::to_string)).customize();
        match request.interceptor(AttemptTracker::new()).send().await {
            Ok(found) => self.incoming(name, found).map(Head::Found),
            Err(error) => match sdk_error::status(&error) {
                Some(304) => Ok(Head::Final(Read::NotModified)),
                Some(404) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => {
                    Ok(Head::Final(Read::Missing))
                }
                _ => Err(sdk_error::of_store(&self.location, error)),
            },
        }
    }

    fn incoming(&self, name: &ObjectName, found: GetObjectOutput) -> Result<IncomingObject, StoreError> {
        let length = found.content_length().and_then(|length| u64::try_from(length).ok());
        let size_bytes = length.ok_or_else(|| self.unexpected("an object has no content length"))?;
        require_size(name, size_bytes)?;
        Ok(IncomingObject {
            etag: self.tag(found.e_tag)?,
            size_bytes,
            body: found.body,
        })
    }

    async fn receive(
        &self,
        name: &ObjectName,
        unless: Option<&ETag>,
        mut incoming: IncomingObject,
    ) -> Result<Read, StoreError> {
        let mut pauses = PAUSES_MAX.into_iter();
        loop {
            let reason = match incoming.object().await {
                Ok(object) => return Ok(Read::Found(object)),
                Err(fault) => format!("the content of {name} {fault}"),
            };
            let Some(pause) = pauses.next() else {
                let location = self.location.clone();
                return Err(StoreError::NotReachable { location, reason });
            };
            tracing::debug!(
                location = self.location,
                reason,
                "retrying a read whose content was cut off"
            );
            sleep(pause.mul_f64(rand::random_range(0.0..=1.0))).await;
            incoming = match self.request_object(name, unless).await? {
                Head::Found(incoming) => incoming,
                Head::Final(read) => return Ok(read),
            };
        }
    }
}

impl IncomingObject {
    /// Receives the whole content, or returns what is wrong with it.
    ///
    /// The bytes are copied into one buffer: slices of network buffers would keep those in memory as long as the object.
    async fn object(self) -> Result<Object, String> {
        let Self {
            etag,
            size_bytes,
            mut body,
        } = self;
        let length = usize::try_from(size_bytes).expect("an object fits into memory");
        let mut content = Vec::with_capacity(length);
        while let Some(piece) = body.next().await {
            let broken_off = |error| {
                let cause = sdk_error::innermost(&error);
                format!("was cut off after {} of {length} bytes: {cause}", content.len())
            };
            let piece = piece.map_err(broken_off)?;
            if content.len() + piece.len() > length {
                return Err(format!("is longer than the {length} bytes announced"));
            }
            content.extend_from_slice(&piece);
        }
        if content.len() < length {
            return Err(format!("ended after {} of {length} bytes", content.len()));
        }
        let bytes = Bytes::from(content);
        Ok(Object { bytes, etag })
    }
}

/// Bounds receiving the content, retries included: 30 s, and 1 s more for each MiB.
fn receive_timeout(size_bytes: u64) -> Duration {
    Duration::from_secs(30 + (size_bytes >> 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(size_bytes: u64, body: ByteStream) -> IncomingObject {
        let etag = ETag::new("\"x\"");
        IncomingObject { etag, size_bytes, body }
    }

    #[tokio::test]
    async fn content_has_a_buffer_of_its_own() {
        let buffer = Bytes::from(vec![b'x'; 64 << 10]);
        let body = ByteStream::from(buffer.slice(10..20));
        let object = incoming(10, body).object().await.unwrap();
        drop(buffer);
        // `Vec::from` reuses a buffer only if it has one owner and the bytes begin at its start.
        let content = Vec::from(object.bytes);
        assert_eq!((content.len(), content.capacity()), (10, 10));
    }

    #[tokio::test]
    async fn content_of_another_length_than_announced_is_rejected() {
        let refused = async |size_bytes| {
            let body = ByteStream::from_static(b"abc");
            incoming(size_bytes, body).object().await.unwrap_err()
        };
        assert_eq!(refused(4).await, "ended after 3 of 4 bytes");
        assert_eq!(refused(2).await, "is longer than the 2 bytes announced");
    }
}
