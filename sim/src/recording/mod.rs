//! Recordings of live assigners: read from a file, and told to fresh brains that must decide the same.
//!
//! What a recording holds is in [`emberkeep_core::assigner::Record`]; `emberkeep assigner --record FILE` writes one.

mod error;
mod reader;
mod replay;

pub use error::{RecordingError, RecordingFault};
pub use reader::RecordingReader;
pub use replay::{Divergence, ReplayReport, replay};
