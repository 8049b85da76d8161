//! Object storage: one trait over S3 and local folders, with conditional writes that are atomic under concurrent writers.
//!
//! ```no_run
//! # async fn example() -> Result<(), emberkeep_store::StoreError> {
//! use emberkeep_store::{Expect, ObjectName, Read, Store};
//!
//! let store = Store::from_url("s3://state/prod?region=eu-central-1").await?;
//! store.require_conditional_writes().await?;
//!
//! let name = ObjectName::of_key("profiles", &[0x5e, 0x1f], b"alice")?;
//! let etag = match store.get(&name, None).await? {
//!     Read::Found(object) => store.put(&name, object.bytes, Expect::Matches(object.etag)).await?,
//!     Read::Missing | Read::NotModified => store.put(&name, "hello".into(), Expect::Absent).await?,
//! };
//! # let _ = etag;
//! # Ok(())
//! # }
//! ```

mod error;
mod etag;
mod folder;
mod name;
mod object_store;
mod probe;
mod range;
mod request_trace;
mod s3;
mod store;

#[cfg(feature = "embedded")]
pub mod embedded;

pub use error::StoreError;
pub use etag::ETag;
pub use folder::{Durability, Folder};
pub use name::{InvalidObjectName, NAME_BYTES_MAX, ObjectName};
pub use object_store::{Expect, OBJECT_BYTES_MAX, Object, ObjectStore, Read};
pub use range::{Listed, NameRange, Page};
pub use s3::{Credentials, S3, S3Settings};
pub use store::Store;
