//! Metrics of requests forwarded to the owner of their key.

use emberkeep_runtime::labelled_registry::LabelledRegistry;
use prometheus::IntCounterVec;

/// The outcome of one request to be forwarded to the owner of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForwardOutcome {
    /// The owner answered, with success or an error of its own.
    Answered,
    /// The pod named as the owner did not own the key either.
    NotOwner,
    /// No connection to the owner could be established; the request was not sent.
    Unreachable,
    /// The connection broke after the request was sent and before the answer.
    Broken,
    /// The owner did not answer within the request's deadline.
    TimedOut,
    /// The body exceeded the size limit of forwarded requests.
    TooLarge,
    /// The service rejected the request before the whole body arrived.
    Streaming,
    /// The request had reached the maximum number of hops.
    HopLimit,
}

impl ForwardOutcome {
    const ALL: [Self; 8] = [
        Self::Answered,
        Self::NotOwner,
        Self::Unreachable,
        Self::Broken,
        Self::TimedOut,
        Self::TooLarge,
        Self::Streaming,
        Self::HopLimit,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NotOwner => "not_owner",
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::TimedOut => "timed_out",
            Self::TooLarge => "too_large",
            Self::Streaming => "streaming",
            Self::HopLimit => "hop_limit",
        }
    }
}

/// Forwarded requests by outcome. Clones share the counters.
#[derive(Debug, Clone)]
pub(crate) struct ForwardMetrics(IntCounterVec);

impl ForwardMetrics {
    pub(super) fn new(of_target: &LabelledRegistry<'_>) -> Self {
        let forwards = of_target.counters(
            "emberkeep_slicelet_forwards_total",
            "Requests for keys of other pods that were to be forwarded to the owner, by outcome",
            "outcome",
        );
        for outcome in ForwardOutcome::ALL {
            forwards.with_label_values(&[outcome.label()]);
        }
        Self(forwards)
    }

    pub(crate) fn record(&self, outcome: ForwardOutcome) {
        self.0.with_label_values(&[outcome.label()]).inc();
    }
}
