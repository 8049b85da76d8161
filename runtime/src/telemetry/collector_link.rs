//! The connection to an OTLP collector, and the log of its failures.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use emberkeep_core::time::Timestamp;
use opentelemetry::KeyValue;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use thiserror::Error;
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::channel::{ChannelSettings, channel_to, is_valid_address};
use crate::clock::Clock;
use crate::keyed_throttle::KeyedThrottle;

/// The deadline of one export.
const EXPORT_DEADLINE: Duration = Duration::from_secs(3);

/// The least time between two logs of failures.
const LOG_PAUSE: Duration = Duration::from_secs(60);

/// The address of a collector: `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorAddress {
    url: String,
}

/// A text that is no address of a collector.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it must be the address of an OTLP collector for gRPC, such as http://127.0.0.1:4317")]
pub struct BadCollectorAddress;

impl FromStr for CollectorAddress {
    type Err = BadCollectorAddress;

    fn from_str(text: &str) -> Result<Self, BadCollectorAddress> {
        let url = is_valid_address(text).then(|| text.to_owned());
        url.map(|url| Self { url }).ok_or(BadCollectorAddress)
    }
}

impl fmt::Display for CollectorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// The process as a collector sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceIdentity {
    /// The kind of process, such as `emberkeep-assigner`: the attribute `service.name`.
    pub name: String,
    /// Which process of that kind it is, such as the name of a pod: the attribute `service.instance.id`.
    pub instance: String,
}

/// The connection to a collector, shared by the exports of a process.
#[derive(Debug, Clone)]
pub struct CollectorLink {
    channel: Channel,
    resource: Resource,
    failures: Arc<Mutex<KeyedThrottle<&'static str>>>,
    clock: Clock,
}

impl CollectorLink {
    /// A link to a collector. It connects with the first export, and reconnects when the connection is lost. Must be
    /// called within a tokio runtime.
    #[must_use]
    pub fn new(address: &CollectorAddress, identity: ServiceIdentity) -> Self {
        let channel = channel_to(&address.url, &ChannelSettings::default());
        let resource = Resource::builder_empty()
            .with_service_name(identity.name)
            .with_attribute(KeyValue::new("service.instance.id", identity.instance));
        Self {
            channel: channel.expect("it was checked when it was parsed"),
            resource: resource.build(),
            failures: Arc::new(Mutex::new(KeyedThrottle::new(LOG_PAUSE, 2))),
            clock: Clock::start(),
        }
    }

    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(super) const fn resource(&self) -> &Resource {
        &self.resource
    }

    pub(super) fn resource_attributes(&self) -> ResourceAttributesWithSchema {
        (&self.resource).into()
    }

    /// Waits for one export of `what`, at most for its deadline. Logs a failure, unless one was logged lately.
    pub(super) async fn exported<T>(
        &self,
        what: &'static str,
        export: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Status> {
        let in_time = tokio::time::timeout(EXPORT_DEADLINE, export).await;
        let timed_out = |_| Status::deadline_exceeded(format!("no answer within {EXPORT_DEADLINE:?}"));
        let exported = in_time.map_err(timed_out).and_then(|answer| answer);
        if let Err(status) = &exported
            && self.may_log(what, self.clock.now())
        {
            tracing::warn!(what, reason = status.message(), code = ?status.code(), "the OTLP collector accepts nothing");
        }
        exported.map(Response::into_inner)
    }

    fn may_log(&self, what: &'static str, now: Timestamp) -> bool {
        // A throttle is consistent even after a panic of a lock holder.
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.allow(what, now)
    }
}
