//! The client library: each request to the pod that owns its key.
