//! Counts of injected faults, by kind.

use super::HttpFault;

/// How many requests met each fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InjectedFaults {
    /// Requests that were forwarded after a delay.
    pub delays: u64,
    /// Requests answered with 500 InternalError.
    pub internal_errors: u64,
    /// Requests answered with 503 SlowDown.
    pub slow_downs: u64,
    /// Connections cut before the request was carried out.
    pub cuts_before: u64,
    /// Connections cut after it was carried out, before the reply.
    pub cuts_after: u64,
    /// Connections cut in the middle of the reply's body.
    pub body_cuts: u64,
    /// Reads answered with an older version.
    pub stale_reads: u64,
}

impl InjectedFaults {
    /// The sum over all kinds.
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

    pub(super) fn add(&mut self, fault: HttpFault) {
        let count = match fault {
            HttpFault::Delay(_) => &mut self.delays,
            HttpFault::InternalError => &mut self.internal_errors,
            HttpFault::SlowDown => &mut self.slow_downs,
            HttpFault::CutBefore => &mut self.cuts_before,
            HttpFault::CutAfter => &mut self.cuts_after,
            HttpFault::CutBody => &mut self.body_cuts,
            HttpFault::StaleRead => &mut self.stale_reads,
        };
        *count += 1;
    }
}
