//! The settings of a clerk: data, with defaults that suit requests within one data centre.

use std::time::Duration;

use emberkeep_core::clerk::RetryBudgetSettings;
use emberkeep_runtime::channel::ChannelSettings;

/// What a clerk goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClerkSettings {
    /// How long a request may take that brings no `grpc-timeout` and was given no deadline of its own.
    pub deadline: Duration,
    /// How long a request may wait for a pod that takes it, within its deadline.
    pub patience: Duration,
    /// How many requests may wait at a time; further ones fail at once.
    pub waiting_max: usize,
    /// The ceiling of the first pause between two looks at the assignment; a new assignment ends a pause.
    pub pause_first: Duration,
    /// The ceiling of all later pauses.
    pub pause_max: Duration,
    /// The largest request body, in bytes, that is kept so that it can be sent again.
    pub body_size_max: usize,
    /// How many second attempts there may be.
    pub retries: RetryBudgetSettings,
    /// How connections to pods are made and kept.
    pub channel: ChannelSettings,
}

impl Default for ClerkSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            patience: Duration::from_secs(2),
            waiting_max: 4_096,
            pause_first: Duration::from_millis(10),
            pause_max: Duration::from_millis(200),
            body_size_max: 4 << 20,
            retries: RetryBudgetSettings::default(),
            channel: ChannelSettings::default(),
        }
    }
}
