//! How many faults of each kind were injected.

use super::Fault;

/// Counts of injected faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Requests passed on late.
    pub delays: u64,
    /// Answers of 500.
    pub internal_errors: u64,
    /// Answers of 503.
    pub slow_downs: u64,
    /// Connections cut before the request was carried out.
    pub cuts_before: u64,
    /// Connections cut after that, but before the reply.
    pub cuts_after: u64,
    /// Connections cut in the middle of the reply's body.
    pub body_cuts: u64,
    /// Reads answered with an older version.
    pub stale_reads: u64,
}

impl Injected {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self {
            delays,
            internal_errors,
            slow_downs,
            cuts_before,
            cuts_after,
            body_cuts,
            stale_reads,
        } = self;
        delays + internal_errors + slow_downs + cuts_before + cuts_after + body_cuts + stale_reads
    }

    pub(super) fn add(&mut self, fault: Fault) {
        let count = match fault {
            Fault::Delay(_) => &mut self.delays,
            Fault::InternalError => &mut self.internal_errors,
            Fault::SlowDown => &mut self.slow_downs,
            Fault::CutBefore => &mut self.cuts_before,
            Fault::CutAfter => &mut self.cuts_after,
            Fault::CutBody => &mut self.body_cuts,
            Fault::StaleRead => &mut self.stale_reads,
        };
        *count += 1;
    }
}
