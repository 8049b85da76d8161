//! What the tests of several crates need: a proxy that injects faults into HTTP, a checker of histories, and programs as
//! processes of their own.
//!
//! The rules of the repository are a test of this crate, `tests/tidy.rs`. Tests of whole programs stand beside the program,
//! so that cargo builds it for them: `cli/tests/` runs clusters of `emberkeep`, `examples/*/tests/` run the examples.
//! They use real processes, real sockets and real kills.

pub mod fault_proxy;
pub mod linearizability;
pub mod process;
