//! The deadline of everything that only a fault exceeds.

use std::time::Duration;

/// How long any one step may take: a process that starts, a leader that is elected, slices that move. It only prevents a
/// run that hangs, so it is far longer than a step takes on a busy machine, and longer than a draining pod waits for
/// successors.
pub const DEADLINE: Duration = Duration::from_secs(120);
