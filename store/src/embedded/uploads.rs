//! Pending multipart uploads: a folder of parts until they are completed or aborted.

use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use s3s::dto::CompletedPart;
use s3s::{S3Result, s3_error};
use uuid::Uuid;

use super::{condition, fault};
use crate::{
    Durability, ETag, Expect, Folder, NameRange, OBJECT_BYTES_MAX, Object, ObjectName, ObjectStore, Read, StoreError,
};

/// Not a valid bucket name, so it collides with none.
const FOLDER: &str = ".uploads";
/// The limit of AWS.
const PART_COUNT_MAX: i32 = 10_000;

/// The pending uploads of a server. Each has a `purpose` object with its bucket and key, and one object for each part.
#[derive(Debug)]
pub(super) struct Uploads(Folder);

/// An upload between create and complete or abort.
#[derive(Debug)]
pub(super) struct PendingUpload<'a> {
    parts: &'a Folder,
    id: String,
    writer: Option<String>,
}

impl Uploads {
    /// Starts empty: the clients of an earlier server have given up its uploads.
    pub(super) async fn open(root: &Path, durability: Durability) -> Result<Self, StoreError> {
        let path = root.join(FOLDER);
        match tokio::fs::remove_dir_all(&path).await {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StoreError::Io { path, source }),
            _ => Folder::open(path, durability).await.map(Self),
        }
    }

    pub(super) async fn begin(&self, bucket: &str, name: &ObjectName, writer: Option<&str>) -> S3Result<String> {
        let id = Uuid::new_v4().to_string();
        let purpose = purpose(bucket, name.as_str()).into();
        self.0
            .put_as(writer, &object(&id, "purpose")?, purpose, Expect::Absent)
            .await
            .map_err(fault::of_store)?;
        Ok(id)
    }

    pub(super) async fn find(&self, bucket: &str, key: &str, id: &str) -> S3Result<PendingUpload<'_>> {
        let unknown = || s3_error!(NoSuchUpload, "no pending upload {}", id);
        let name = object(id, "purpose").map_err(|_| unknown())?;
        match self.0.get(&name, None).await.map_err(fault::of_store)? {
            Read::Found(found) if found.bytes == purpose(bucket, key) => {}
            _ => return Err(unknown()),
        }
        let header = self
            .0
            .header(&name)
            .await
            .map_err(fault::of_store)?
            .ok_or_else(unknown)?;
        Ok(PendingUpload {
            parts: &self.0,
            id: id.to_owned(),
            writer: header.writer,
        })
    }
}

impl PendingUpload<'_> {
    /// The write id given at creation.
    pub(super) fn writer(&self) -> Option<&str> {
        self.writer.as_deref()
    }

    pub(super) async fn put_part(&self, number: i32, bytes: Bytes) -> S3Result<ETag> {
        if !(1..=PART_COUNT_MAX).contains(&number) {
            return Err(s3_error!(
                InvalidArgument,
                "part {} is not one of 1 to {}",
                number,
                PART_COUNT_MAX
            ));
        }
        let name = object(&self.id, &number.to_string())?;
        self.parts
            .put(&name, bytes, Expect::Anything)
            .await
            .map_err(fault::of_store)
    }

    /// The joined content of the parts; rejects parts whose tags differ from those the client sent.
    pub(super) async fn joined(&self, parts: &[CompletedPart]) -> S3Result<Bytes> {
        if !parts.is_sorted_by(|a, b| a.part_number < b.part_number) {
            return Err(s3_error!(InvalidPartOrder));
        }
        let mut whole = BytesMut::new();
        for part in parts {
            let Object { bytes, etag } = self.part(part.part_number.unwrap_or_default()).await?;
            if part.e_tag.as_ref().is_some_and(|tag| condition::from_wire(tag) != etag) {
                return Err(s3_error!(InvalidPart));
            }
            if (whole.len() + bytes.len()) as u64 > OBJECT_BYTES_MAX {
                return Err(s3_error!(EntityTooLarge));
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.freeze())
    }

    async fn part(&self, number: i32) -> S3Result<Object> {
        let name = object(&self.id, &number.to_string())?;
        match self.parts.get(&name, None).await.map_err(fault::of_store)? {
            Read::Found(part) => Ok(part),
            Read::NotModified | Read::Missing => Err(s3_error!(InvalidPart, "part {} was not uploaded", number)),
        }
    }

    /// Deletes the parts and the purpose of the upload.
    pub(super) async fn discard(self) -> S3Result<()> {
        let mut rest = Some(NameRange::prefix(format!("{}/", self.id)));
        while let Some(range) = rest {
            let page = self.parts.list(&range, 1000).await.map_err(fault::of_store)?;
            for object in page.objects {
                self.parts.delete(&object.name).await.map_err(fault::of_store)?;
            }
            rest = page.rest;
        }
        Ok(())
    }
}

/// Unambiguous, because neither buckets nor keys contain a line break.
fn purpose(bucket: &str, key: &str) -> String {
    format!("{bucket}\n{key}")
}

fn object(id: &str, what: &str) -> S3Result<ObjectName> {
    ObjectName::new(format!("{id}/{what}")).map_err(|error| fault::of_store(error.into()))
}
