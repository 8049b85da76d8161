//! The client library: routes each request to the pod that owns its key.
//!
//! A [`Clerk`] holds the newest assignment of one target. [`Clerk::for_key`] returns a channel for any tonic client. It
//! sends each request to the pod that owns the key at that moment, and retries at the new owner if ownership has just
//! moved.
//!
//! ```no_run
//! # use std::time::Duration;
//! # // In place of the client that tonic generates from the service's own `.proto`.
//! # use emberkeep_proto::pb::assignment_watch_client::AssignmentWatchClient as ProfilesClient;
//! # use emberkeep_proto::pb::WatchRequest as ViewRequest;
//! use emberkeep_clerk::Clerk;
//!
//! # async fn view() -> Result<(), Box<dyn std::error::Error>> {
//! let clerk = Clerk::builder("profiles")
//!     .assigner("http://127.0.0.1:7000")
//!     .seed_pods(["127.0.0.1:8081", "127.0.0.1:8082"])
//!     .connect()
//!     .await?;
//! clerk.ready(Duration::from_secs(5)).await?;
//!
//! let mut profiles = ProfilesClient::new(clerk.for_key("user-1").idempotent());
//! # let request = ViewRequest::default();
//! let profile = profiles.watch(request).await?;
//! # let _ = profile;
//! # Ok(())
//! # }
//! ```
//!
//! For other protocols use [`Clerk::owner_of`]: a lookup without lock, call or allocation.

mod attempt_outcome;
mod builder;
mod call;
mod call_trace;
mod clerk;
mod clerk_state;
mod directory;
mod error;
mod failure_kind;
mod metrics;
mod outgoing_request;
mod peer;
mod reporter;
mod retry_wait;
mod routed;
mod seeds;
mod settings;
mod staleness_detector;
mod stats;

pub use builder::ClerkBuilder;
pub use clerk::Clerk;
#[cfg(feature = "otlp")]
pub use emberkeep_runtime::telemetry;
pub use error::ClerkError;
pub use metrics::metric_descriptions;
pub use routed::Routed;
pub use settings::ClerkSettings;
pub use stats::{ClerkStats, FailedByKind};
