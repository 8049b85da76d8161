//! The encoding of values in postcard, for the disk and for the messages between members.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Encodes a value in postcard.
pub(super) fn encode<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    postcard::to_stdvec(value).map_err(|error| invalid_data("encode", error))
}

/// Decodes the bytes of [`encode`].
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    postcard::from_bytes(bytes).map_err(|error| invalid_data("decode", error))
}

fn invalid_data(verb: &str, error: postcard::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("cannot {verb} postcard: {error}"))
}
