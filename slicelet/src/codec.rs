//! Codecs: how the bytes of an object become a value, and back.

use std::error::Error;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes are no value, or a value has no bytes.
pub type CodecError = Box<dyn Error + Send + Sync>;

/// How the bytes of an object become the value that is kept warm, and back.
pub trait Codec: Send + Sync + 'static {
    /// What is kept warm.
    type Value: Send + Sync + 'static;

    /// The value of these bytes.
    ///
    /// # Errors
    /// When they are none.
    fn decode(&self, bytes: Bytes) -> Result<Self::Value, CodecError>;

    /// The bytes of the value.
    ///
    /// # Errors
    /// When it has none.
    fn encode(&self, value: &Self::Value) -> Result<Bytes, CodecError>;

    /// How many bytes of memory the value takes, as far as is known; `encoded_length` is what its object has.
    fn weight(&self, _value: &Self::Value, encoded_length: usize) -> usize {
        encoded_length
    }
}

/// JSON text.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(PhantomData<fn() -> T>);

impl<T> Default for Json<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Codec for Json<T> {
    type Value = T;

    fn decode(&self, bytes: Bytes) -> Result<T, CodecError> {
        Ok(serde_json::from_slice(&bytes)?)
    }

    fn encode(&self, value: &T) -> Result<Bytes, CodecError> {
        Ok(serde_json::to_vec(value)?.into())
    }
}

/// The bytes as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Raw;

impl Codec for Raw {
    type Value = Bytes;

    fn decode(&self, bytes: Bytes) -> Result<Bytes, CodecError> {
        Ok(bytes)
    }

    fn encode(&self, value: &Bytes) -> Result<Bytes, CodecError> {
        Ok(value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_comes_back() {
        let codec = Json::<Vec<u32>>::default();
        let bytes = codec.encode(&vec![1, 2]).unwrap();
        assert_eq!(codec.decode(bytes).unwrap(), [1, 2]);
        assert!(codec.decode(Bytes::from_static(b"{")).is_err());
    }
}
