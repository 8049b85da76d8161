//! The server library: a pod owns keys, keeps their values warm, and answers requests for them.
//!
//! ```no_run
//! use emberkeep_slicelet::{ByteSize, Json, Slicelet, Store};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Serialize, Deserialize)]
//! struct Profile {
//!     name: String,
//!     visit_count: u64,
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let profiles = Slicelet::builder("profiles")
//!     .assigner("http://127.0.0.1:7400")
//!     .advertise("127.0.0.1:8081")
//!     .store(Store::from_url("s3://bucket/prefix").await?)
//!     .values(Json::<Profile>::default())
//!     .memory_budget(ByteSize::gib(4))
//!     .writable()
//!     .start()
//!     .await?;
//!
//! // In a handler. Every error converts into a `tonic::Status`; that of `own` directs a clerk to the owner.
//! let guard = profiles.own("alice")?;
//! let profile = guard.get().await?;
//! println!("{}", profile.name);
//!
//! // Durable on return, never overwrites another pod's write, and takes effect once however often the request is repeated.
//! let visit_count = guard
//!     .once("request-17", |present| {
//!         let present = present.ok_or_else(|| tonic::Status::not_found("no such user"))?;
//!         let mut profile = present.clone();
//!         profile.visit_count += 1;
//!         let answer = profile.visit_count;
//!         Ok::<_, tonic::Status>((profile, answer))
//!     })
//!     .await?;
//! println!("visit {visit_count}");
//!
//! // Added to the pod's gRPC server: the routes for clerks and other pods, the layer that traces and logs a sample of the
//! // requests, and the one that forwards requests of clients without a clerk to the owner, if the target's setting
//! // `misroute` is `forward`.
//! let server = tonic::transport::Server::builder()
//!     .layer(profiles.request_layer())
//!     .layer(profiles.forward_layer())
//!     .add_routes(profiles.routes());
//! # let _ = server;
//!
//! // To stop gracefully, serve with `Server::serve_with_incoming_shutdown(.., profiles.drained())`, then
//! profiles.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! own(key) --> PublishedState (a snapshot, swapped whole) --> Guard --get, update--> WarmStore --admission--> object storage
//!                   ^                                           | counts                 +--> disk
//!                   +--- session <==stream==> assigner <--------+
//! routes() --> the watch, for clerks; the transfer of warm values, for other pods
//! ```

mod builder;
mod byte_size;
mod codec;
mod config;
mod error;
mod forward;
mod guard;
mod key_access;
mod many_keys;
mod metrics;
mod overloaded;
mod own_error;
mod ownership_snapshot;
mod published_state;
mod request;
mod request_sampler;
mod session;
mod slicelet;
mod stats;
mod status;
mod stop_signal;
mod store_access;
mod transfer;
mod warm;
mod writer;

pub use builder::Builder;
pub use byte_size::ByteSize;
pub use codec::{Codec, CodecError, Json, Postcard, Protobuf, Raw};
pub use emberkeep_core::assignment::Generation;
pub use emberkeep_core::keyspace::Slice;
pub use emberkeep_proto::convert::NotOwner;
#[cfg(feature = "otlp")]
pub use emberkeep_runtime::telemetry;
pub use emberkeep_store::{Store, StoreError};
pub use error::SliceletError;
pub use forward::{ForwardLayer, Forwarding};
pub use guard::Guard;
#[doc(hidden)]
pub use metrics::metric_descriptions;
pub use overloaded::Overloaded;
pub use own_error::OwnError;
pub use request::{ObservedService, RequestLayer};
pub use slicelet::Slicelet;
pub use stats::Stats;
pub use warm::{DiskError, Freshness, GetError, HotValue, WriteError};
