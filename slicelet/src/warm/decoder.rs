//! Decoders: from the bytes of an object to the value in memory.

use std::sync::Arc;

use bytes::Bytes;
use emberkeep_store::ObjectName;

use super::GetError;
use super::entry::CachedValue;
use crate::codec::{Codec, CodecError};

/// Decodes objects of one kind.
pub(super) type Decoder<V> = Arc<dyn Fn(Bytes) -> Result<DecodedValue<V>, CodecError> + Send + Sync>;

/// A value and the memory it uses, in bytes.
#[derive(Debug)]
pub(super) struct DecodedValue<V> {
    pub(super) value: CachedValue<V>,
    pub(super) size: usize,
}

/// Objects of at least this size, in bytes, are decoded on the blocking pool, so that they do not delay other tasks of the
/// runtime.
const LARGE: usize = 256 << 10;

/// A decoder of values of keys, by the target's codec.
pub(super) fn key_decoder<C: Codec>(codec: Arc<C>) -> Decoder<C::Value> {
    Arc::new(move |bytes| {
        let length = bytes.len();
        let value = codec.decode(bytes)?;
        Ok(DecodedValue {
            size: codec.weight(&value, length),
            value: CachedValue::OfKey(Arc::new(value)),
        })
    })
}

/// A decoder of values of paths, by the codec of one request.
pub(super) fn path_decoder<V, D: Codec>(codec: D) -> Decoder<V> {
    Arc::new(move |bytes| {
        let length = bytes.len();
        let value = codec.decode(bytes)?;
        Ok(DecodedValue {
            size: codec.weight(&value, length),
            value: CachedValue::OfPath(Arc::new(value)),
        })
    })
}

/// Decodes an object, on the blocking pool if it is large.
pub(super) async fn decode<V: Send + Sync + 'static>(
    decoder: &Decoder<V>,
    name: &ObjectName,
    bytes: Bytes,
) -> Result<DecodedValue<V>, GetError> {
    let outcome = if bytes.len() < LARGE {
        decoder(bytes)
    } else {
        let decoder = Arc::clone(decoder);
        let decoding = tokio::task::spawn_blocking(move || decoder(bytes));
        decoding.await.unwrap_or_else(|failure| Err(failure.into()))
    };
    outcome.map_err(|reason| undecodable(name, &*reason))
}

pub(super) fn undecodable(name: &ObjectName, reason: &(dyn std::error::Error + Send + Sync)) -> GetError {
    GetError::Undecodable {
        object: name.to_string(),
        reason: reason.to_string(),
    }
}
