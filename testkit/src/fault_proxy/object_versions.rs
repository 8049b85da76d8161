//! The versions of objects that were read through the proxy.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::ETAG;
use http::{HeaderValue, Response};

/// How many objects are remembered; reads of further ones are never stale.
const OBJECT_COUNT_MAX: usize = 4096;

/// A reply to a read, with its whole body.
pub(super) type ObjectVersion = Response<Bytes>;

/// The two newest versions of each object.
#[derive(Debug, Default)]
pub(super) struct ObjectVersions(BTreeMap<String, VersionPair>);

#[derive(Debug)]
struct VersionPair {
    newest: ObjectVersion,
    before: Option<ObjectVersion>,
}

impl ObjectVersions {
    /// Records a reply; one without an ETag holds no object.
    pub(super) fn on_read(&mut self, path: &str, read: &ObjectVersion) {
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
                self.0.insert(path.to_owned(), VersionPair { newest, before });
            }
            Some(_) | None => {}
        }
    }

    /// The older of the two newest versions, or the only one.
    pub(super) fn older(&self, path: &str) -> Option<ObjectVersion> {
        let versions = self.0.get(path)?;
        Some(versions.before.as_ref().unwrap_or(&versions.newest).clone())
    }
}

pub(super) fn etag(version: &ObjectVersion) -> Option<&HeaderValue> {
    version.headers().get(ETAG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(etag: &str) -> ObjectVersion {
        let body = Bytes::from(etag.to_owned());
        Response::builder().header(ETAG, etag).body(body).unwrap()
    }

    #[test]
    fn the_older_of_the_two_newest_versions_is_remembered() {
        let mut versions = ObjectVersions::default();
        let reads = [("1", "1"), ("1", "1"), ("2", "1"), ("2", "1"), ("3", "2")];
        for (read, older) in reads {
            versions.on_read("/a", &version(read));
            assert_eq!(versions.older("/a").unwrap().body(), older, "after {read}");
        }
        assert!(versions.older("/b").is_none());
    }
}
