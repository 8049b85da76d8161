//! Tests of the repository as a whole: `tests/tidy.rs` checks its rules.
//!
//! Tests of whole programs stand beside the program, so that cargo builds it for them: `cli/tests/` runs clusters of
//! `emberkeep`, `examples/profiles/tests/` runs the example. They use real processes, real sockets and real kills.
