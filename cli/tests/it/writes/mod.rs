//! Writes while owners are killed and keys are moved.
//!
//! CI runs each test at a size that takes seconds. These commands run them at full size, and on another S3 server:
//!
//! ```sh
//! cargo test --release -p emberkeep --test it -- --ignored --nocapture --test-threads 1
//! EMBERKEEP_TEST_STORE='s3://bucket?endpoint=http://host:port&path_style=true' cargo test -p emberkeep --test it writes
//! ```

mod effects;
mod envelope;
mod failures;
mod history;
mod write_cluster;
