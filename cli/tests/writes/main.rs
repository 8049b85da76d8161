//! Writing while owners are killed and keys are moved: real processes, real sockets, real kills.
//!
//! CI runs each test at a size that takes seconds. At full size, and each on another S3 server, they are run by
//!
//! ```sh
//! cargo test --release -p emberkeep --test writes -- --ignored --nocapture --test-threads 1
//! EMBERKEEP_TEST_STORE='s3://bucket?endpoint=http://host:port&path_style=true' cargo test -p emberkeep --test writes
//! ```

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod cluster;
mod effects;
mod envelope;
mod failures;
mod history;
