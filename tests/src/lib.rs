//! End-to-end tests: real processes, real sockets, real kills. This is what the tests share.

mod process;

pub use process::{Process, build, free_address, wait_for};
