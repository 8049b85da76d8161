//! Codecs: how the bytes of an object become a value, and back.

use std::error::Error;
use std::marker::PhantomData;

use bytes::Bytes;
use prost::Message;
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

/// [Postcard](https://postcard.jamesmunns.com/wire-format.html): compact and quick to read, for types that do not change.
/// The bytes do not say what they are, so a field that comes or goes makes old objects unreadable.
#[derive(Debug, Clone, Copy)]
pub struct Postcard<T>(PhantomData<fn() -> T>);

impl<T> Default for Postcard<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Codec for Postcard<T> {
    type Value = T;

    fn decode(&self, bytes: Bytes) -> Result<T, CodecError> {
        Ok(postcard::from_bytes(&bytes)?)
    }

    fn encode(&self, value: &T) -> Result<Bytes, CodecError> {
        Ok(postcard::to_stdvec(value)?.into())
    }
}

/// Protocol buffers: a message that `prost` generated.
#[derive(Debug, Clone, Copy)]
pub struct Protobuf<M>(PhantomData<fn() -> M>);

impl<M> Default for Protobuf<M> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<M: Message + Default + 'static> Codec for Protobuf<M> {
    type Value = M;

    fn decode(&self, bytes: Bytes) -> Result<M, CodecError> {
        Ok(M::decode(bytes)?)
    }

    fn encode(&self, value: &M) -> Result<Bytes, CodecError> {
        Ok(value.encode_to_vec().into())
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

    fn assert_comes_back<C: Codec<Value: PartialEq + std::fmt::Debug>>(codec: &C, value: C::Value) {
        let bytes = codec.encode(&value).unwrap();
        assert_eq!(codec.decode(bytes).unwrap(), value);
    }

    #[test]
    fn what_is_encoded_comes_back() {
        assert_comes_back(&Json::default(), vec![1, 2]);
        assert_comes_back(&Postcard::default(), vec![1, 2]);
        assert_comes_back(&Protobuf::default(), "a message of one field".to_owned());
        assert_comes_back(&Raw, Bytes::from_static(b"raw"));
    }

    #[test]
    fn bytes_that_are_no_value_are_refused() {
        let broken = Bytes::from_static(b"\xff");
        assert!(Json::<Vec<u32>>::default().decode(broken.clone()).is_err());
        assert!(Postcard::<Vec<u32>>::default().decode(broken.clone()).is_err());
        assert!(Protobuf::<String>::default().decode(broken).is_err());
    }
}
