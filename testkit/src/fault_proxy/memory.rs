//! The versions of objects that were read through the proxy.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::ETAG;
use http::{HeaderValue, Response};

/// How many objects are remembered; reads of any others are never stale.
const OBJECT_COUNT_MAX: usize = 4096;

/// One answer to a read, whole.
pub(super) type Version = Response<Bytes>;

/// The two newest versions of each object.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<String, Versions>);

#[derive(Debug)]
struct Versions {
    newest: Version,
    before: Option<Version>,
}

impl Memory {
    /// Notes an answer; one without an ETag is no object's.
    pub(super) fn note(&mut self, path: &str, read: &Version) {
        if etag(read).is_none() {
            return;
        }
        let has_room = self.0.len() < OBJECT_COUNT_MAX;
        match self.0.get_mut(path) {
            Some(versions) if etag(&versions.newest) != etag(read) => {
                versions.before = Some(std::mem::replace(&mut versions.newest, read.clone()));
            }
            None if has_room => {
                let (newest, before) = (read.clone(), None);
                self.0.insert(path.to_owned(), Versions { newest, before });
            }
            Some(_) | None => {}
        }
    }

    /// The older of the versions that were read.
    pub(super) fn older(&self, path: &str) -> Option<Version> {
        let versions = self.0.get(path)?;
        Some(versions.before.as_ref().unwrap_or(&versions.newest).clone())
    }
}

pub(super) fn etag(version: &Version) -> Option<&HeaderValue> {
    version.headers().get(ETAG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(etag: &str) -> Version {
        let body = Bytes::from(etag.to_owned());
        Response::builder().header(ETAG, etag).body(body).unwrap()
    }

    #[test]
    fn the_older_of_the_two_newest_versions_is_remembered() {
        let mut memory = Memory::default();
        let reads = [("1", "1"), ("1", "1"), ("2", "1"), ("2", "1"), ("3", "2")];
        for (read, older) in reads {
            memory.note("/a", &version(read));
            assert_eq!(memory.older("/a").unwrap().body(), older, "after {read}");
        }
        assert!(memory.older("/b").is_none());
    }
}
