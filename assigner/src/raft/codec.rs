//! Values to bytes and back, in postcard: for the disk and for the wire between members.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes of a value.
pub(super) fn encode<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    postcard::to_stdvec(value).map_err(|error| broken("encode", error))
}

/// The value in bytes that [`encode`] made.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    postcard::from_bytes(bytes).map_err(|error| broken("decode", error))
}

fn broken(verb: &str, error: postcard::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("cannot {verb} postcard: {error}"))
}
