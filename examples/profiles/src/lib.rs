//! A service to copy: user profiles in object storage, kept warm by the pod that owns the user.
//!
//! `src/bin/profiles-server.rs` is a pod, `src/bin/profiles-client.rs` calls it.

/// The service as tonic generates it from `proto/profiles.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod pb {
    tonic::include_proto!("profiles");
}

/// The name under which the assigner knows this service.
pub const TARGET: &str = "profiles";
