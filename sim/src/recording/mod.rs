//! Recordings of live assigners: read from a file and replayed to fresh brains, which must reach the same decisions.
//!
//! The format is documented in [`emberkeep_core::assigner::RecordingEntry`]; `emberkeep assigner --record FILE` writes one.

mod error;
mod reader;
mod replay;

pub use error::{RecordingError, RecordingFault};
pub use reader::RecordingReader;
pub use replay::{Divergence, ReplayReport, replay};
