//! The settings of a clerk. The defaults suit requests within one data centre.

use std::time::Duration;

use emberkeep_core::clerk::RetryBudgetSettings;
use emberkeep_runtime::channel::ChannelSettings;

/// Deadlines, retries and limits of a clerk's requests, and its connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClerkSettings {
    /// The deadline of requests that carry no `grpc-timeout` and have none of their own.
    pub deadline: Duration,
    /// How long a request may wait for a pod that accepts it, within its deadline.
    pub retry_wait_max: Duration,
    /// The maximum number of waiting requests; further ones fail at once.
    pub waiting_max: usize,
    /// The ceiling of the first pause between two attempts. A new assignment ends a pause early.
    pub pause_first: Duration,
    /// The ceiling of all later pauses; ceilings double from one pause to the next.
    pub pause_max: Duration,
    /// The largest request body that is buffered for a retry, in bytes.
    pub body_size_max: usize,
    /// The retry budget: the share of requests that may be retried.
    pub retries: RetryBudgetSettings,
    /// Timeouts and flow control of the connections to pods and sources.
    pub channel: ChannelSettings,
}

impl Default for ClerkSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            retry_wait_max: Duration::from_secs(2),
            waiting_max: 4_096,
            pause_first: Duration::from_millis(10),
            pause_max: Duration::from_millis(200),
            body_size_max: 4 << 20,
            retries: RetryBudgetSettings::default(),
            channel: ChannelSettings::default(),
        }
    }
}
