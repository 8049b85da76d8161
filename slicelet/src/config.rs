//! The configuration of a slicelet, checked once at start.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::name::NameError;
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, Weight};
use emberkeep_core::slicelet::AnsweredLimits;
use emberkeep_core::slicelet::admission::AdmissionSettings;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::channel::{ChannelSettings, channel_to};

use crate::byte_size::ByteSize;
use crate::error::SliceletError;
use crate::warm::{DiskSettings, Freshness, WarmSettings};

/// The configuration as given to the builder.
#[derive(Debug, Clone)]
pub(crate) struct UncheckedConfig {
    pub(crate) target: String,
    pub(crate) assigners: Vec<String>,
    pub(crate) peers: Vec<String>,
    pub(crate) advertise: Option<String>,
    pub(crate) pod_name: Option<String>,
    pub(crate) zone: String,
    pub(crate) weight: f64,
    pub(crate) memory_budget: ByteSize,
    pub(crate) memory_capacity: Option<ByteSize>,
    pub(crate) disk: Option<DiskSettings>,
    pub(crate) freshness: Freshness,
    pub(crate) is_writable: bool,
    pub(crate) answered: AnsweredLimits,
    pub(crate) load_concurrency: usize,
    pub(crate) load_deadline: Duration,
    pub(crate) http_listen: Option<String>,
    pub(crate) logs_one_in: u64,
    pub(crate) drains_on_sigterm: bool,
}

/// The configuration with every setting present, parsed and in range.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) target: TargetName,
    pub(crate) assigners: Vec<Arc<str>>,
    pub(crate) peers: Vec<String>,
    pub(crate) pod: Pod,
    pub(crate) warm: WarmSettings,
    pub(crate) disk: Option<DiskSettings>,
    pub(crate) is_writable: bool,
    pub(crate) admission: AdmissionSettings,
    pub(crate) load_deadline: Duration,
    pub(crate) http_listen: Option<SocketAddr>,
    /// One request in so many is logged; 0 for none.
    pub(crate) logs_one_in: u64,
    pub(crate) drains_on_sigterm: bool,
}

/// Lifetime of a negative entry: long enough to absorb repeated requests for a missing object, short enough that an object
/// created by another writer is soon visible.
const MISSING_LIFETIME: Duration = Duration::from_secs(1);
/// Bound of the admission queue. A longer queue has no benefit: with a slow store, requests behind so many others reach
/// their deadline in the queue, and with a fast store there is no queue.
const WAITING_MAX: usize = 4_096;
const ZONE_LENGTH_MAX: usize = 253;
/// Bound of both `remember_requests` and `Freshness::RevalidateAfter`.
const AGE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl UncheckedConfig {
    pub(crate) fn new(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            assigners: Vec::new(),
            peers: Vec::new(),
            advertise: None,
            pod_name: None,
            zone: String::new(),
            weight: 1.0,
            memory_budget: ByteSize::gib(1),
            memory_capacity: None,
            disk: None,
            freshness: Freshness::default(),
            is_writable: false,
            answered: AnsweredLimits {
                count: 256,
                age: Duration::from_secs(15 * 60),
            },
            load_concurrency: 64,
            load_deadline: Duration::from_secs(10),
            http_listen: None,
            logs_one_in: 0,
            drains_on_sigterm: true,
        }
    }

    /// The settings, if all are present and in range. Must be called inside a tokio runtime.
    pub(crate) fn check(self) -> Result<Settings, SliceletError> {
        let pod = self.pod()?;
        Ok(Settings {
            target: TargetName::try_new(&self.target)?,
            assigners: self.checked_assigners()?,
            peers: self.checked_peers(&pod)?,
            warm: self.warm_settings()?,
            is_writable: self.is_writable,
            admission: self.admission(&pod)?,
            load_deadline: self.checked_load_deadline()?,
            pod,
            http_listen: self.http_address()?,
            logs_one_in: self.logs_one_in,
            drains_on_sigterm: self.drains_on_sigterm,
            disk: self.checked_disk()?,
        })
    }

    fn checked_assigners(&self) -> Result<Vec<Arc<str>>, SliceletError> {
        if self.assigners.is_empty() {
            return Err(SliceletError::Missing { setting: "assigner" });
        }
        let checked = |url: &String| checked_url(url).map(Arc::from);
        self.assigners.iter().map(checked).collect()
    }

    /// The peers without the pod's own address: as a peer, the pod would only report its own assignment back to itself.
    fn checked_peers(&self, pod: &Pod) -> Result<Vec<String>, SliceletError> {
        let is_other = |url: &&String| url.split("://").last() != Some(pod.address.as_str());
        let checked = |url: &String| checked_url(url).map(str::to_owned);
        self.peers.iter().filter(is_other).map(checked).collect()
    }

    fn pod(&self) -> Result<Pod, SliceletError> {
        let advertise = self.advertise.as_deref();
        let address = PodAddress::try_new(advertise.ok_or(SliceletError::Missing { setting: "advertise" })?)?;
        let zone = self.zone.as_str();
        check("zone", zone, zone.len() <= ZONE_LENGTH_MAX, "at most 253 bytes")?;
        Ok(Pod {
            name: self.name_at(&address)?,
            incarnation: Incarnation(uuid::Uuid::new_v4().as_u128()),
            address,
            zone: zone.into(),
            weight: self.checked_weight()?,
            memory_capacity: self.checked_memory_capacity()?,
        })
    }

    fn name_at(&self, address: &PodAddress) -> Result<PodName, NameError> {
        let hostname = || std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
        match self.pod_name.clone().or_else(hostname) {
            Some(name) => PodName::try_new(&name),
            None => PodName::try_new(&address.as_str().replace(['[', ']'], "").replace(':', "-")),
        }
    }

    fn checked_weight(&self) -> Result<Weight, SliceletError> {
        // The conversion saturates out of range and maps NaN to 0; `from_thousandths` rejects both results.
        Weight::from_thousandths((self.weight * 1_000.0) as u32).ok_or_else(|| SliceletError::OutOfRange {
            setting: "weight",
            found: self.weight.to_string(),
            allowed: "0.001 to 1000",
        })
    }

    fn checked_memory_capacity(&self) -> Result<Option<u64>, SliceletError> {
        if let Some(capacity) = self.memory_capacity {
            check(
                "memory_capacity",
                capacity,
                capacity >= ByteSize::mib(1),
                "at least 1 MiB",
            )?;
        }
        Ok(self.memory_capacity.map(ByteSize::as_bytes))
    }

    fn warm_settings(&self) -> Result<WarmSettings, SliceletError> {
        let (budget, answered) = (self.memory_budget, self.answered);
        check("memory_budget", budget, budget >= ByteSize::mib(1), "at least 1 MiB")?;
        check(
            "remember_requests",
            format!("{} requests for {:?}", answered.count, answered.age),
            (1..=10_000).contains(&answered.count) && answered.age <= AGE_MAX,
            "1 to 10000 requests for at most 30 days",
        )?;
        Ok(WarmSettings {
            memory_budget: budget,
            freshness: self.checked_freshness()?,
            missing_lifetime: MISSING_LIFETIME,
            answered,
        })
    }

    fn admission(&self, pod: &Pod) -> Result<AdmissionSettings, SliceletError> {
        let concurrency = self.load_concurrency;
        check(
            "load_concurrency",
            concurrency,
            (1..=10_000).contains(&concurrency),
            "1 to 10000",
        )?;
        Ok(AdmissionSettings {
            concurrency,
            waiting_max: WAITING_MAX,
            // The incarnation is random; the high half seeds admission, the low half the session.
            seed: (pod.incarnation.0 >> 64) as u64,
        })
    }

    fn checked_load_deadline(&self) -> Result<Duration, SliceletError> {
        let (deadline, allowed) = (self.load_deadline, Duration::from_millis(1)..=Duration::from_secs(600));
        check(
            "load_deadline",
            format!("{deadline:?}"),
            allowed.contains(&deadline),
            "1 ms to 10 minutes",
        )?;
        Ok(deadline)
    }

    fn checked_freshness(&self) -> Result<Freshness, SliceletError> {
        if let Freshness::RevalidateAfter(age) = self.freshness {
            let is_allowed = (Duration::from_millis(1)..=AGE_MAX).contains(&age);
            check("freshness", format!("{age:?}"), is_allowed, "1 ms to 30 days")?;
        }
        Ok(self.freshness)
    }

    fn checked_disk(self) -> Result<Option<DiskSettings>, SliceletError> {
        if let Some(DiskSettings { size, .. }) = self.disk {
            check("disk_cache", size, size >= DiskSettings::SIZE_MIN, "at least 256 MiB")?;
        }
        Ok(self.disk)
    }

    fn http_address(&self) -> Result<Option<SocketAddr>, SliceletError> {
        let parsed = self.http_listen.as_ref().map(|text| {
            text.parse().map_err(|_| SliceletError::OutOfRange {
                setting: "http_listen",
                found: text.clone(),
                allowed: "an IP address and a port, as 127.0.0.1:9090",
            })
        });
        parsed.transpose()
    }
}

fn checked_url(url: &str) -> Result<&str, SliceletError> {
    channel_to(url, &ChannelSettings::default())?;
    Ok(url)
}

fn check(
    setting: &'static str,
    found: impl ToString,
    is_allowed: bool,
    allowed: &'static str,
) -> Result<(), SliceletError> {
    if is_allowed {
        return Ok(());
    }
    Err(SliceletError::OutOfRange {
        setting,
        found: found.to_string(),
        allowed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> UncheckedConfig {
        UncheckedConfig {
            assigners: vec!["http://127.0.0.1:7400".to_owned()],
            advertise: Some("[::1]:8081".to_owned()),
            pod_name: Some("pod-1".to_owned()),
            ..UncheckedConfig::new("profiles")
        }
    }

    #[tokio::test]
    async fn a_valid_configuration_becomes_settings() {
        let settings = config().check().unwrap();
        assert_eq!(settings.pod.name.as_str(), "pod-1");
        assert_eq!(settings.pod.weight, Weight::ONE);
    }

    #[tokio::test]
    async fn a_pod_is_no_peer_of_itself_but_a_pod_whose_address_ends_alike_is() {
        let mut config = config();
        config.advertise = Some("1.0.0.1:80".to_owned());
        config.peers = ["http://1.0.0.1:80", "1.0.0.1:80", "http://11.0.0.1:80"]
            .map(String::from)
            .into();
        assert_eq!(config.check().unwrap().peers, ["http://11.0.0.1:80"]);
    }

    #[tokio::test]
    async fn a_missing_or_invalid_pod_setting_is_refused_with_the_allowed_range() {
        let cases: [(Misconfiguration, &str); 8] = [
            (
                |w| w.assigners.clear(),
                "slicelet setting assigner is missing: set it with Builder::assigner",
            ),
            (
                |w| w.advertise = None,
                "slicelet setting advertise is missing: set it with Builder::advertise",
            ),
            (|w| w.target = "No".into(), "target \"No\" is not allowed: it must be"),
            (
                |w| w.pod_name = Some("a b".into()),
                "pod \"a b\" is not allowed: it must be",
            ),
            (
                |w| w.weight = f64::NAN,
                "slicelet setting weight is NaN, allowed is 0.001 to 1000",
            ),
            (
                |w| w.weight = -1.0,
                "slicelet setting weight is -1, allowed is 0.001 to 1000",
            ),
            (
                |w| w.memory_capacity = Some(ByteSize::kib(1)),
                "slicelet setting memory_capacity is 1 KiB, allowed is at least 1 MiB",
            ),
            (
                |w| w.http_listen = Some("x".into()),
                "slicelet setting http_listen is x, allowed is an IP address",
            ),
        ];
        assert_refused(&cases);
    }

    #[tokio::test]
    async fn an_invalid_store_or_cache_setting_is_refused_with_the_allowed_range() {
        let cases: [(Misconfiguration, &str); 4] = [
            (
                |w| w.load_concurrency = 0,
                "slicelet setting load_concurrency is 0, allowed is 1 to 10000",
            ),
            (
                |w| w.answered.count = 0,
                "slicelet setting remember_requests is 0 requests for 900s, allowed is 1 to 10000 requests",
            ),
            (
                |w| w.freshness = Freshness::RevalidateAfter(Duration::ZERO),
                "slicelet setting freshness is 0ns, allowed is 1 ms to 30 days",
            ),
            (
                |w| {
                    w.disk = Some(DiskSettings {
                        folder: "cache".into(),
                        size: ByteSize::mib(1),
                    });
                },
                "slicelet setting disk_cache is 1 MiB, allowed is at least 256 MiB",
            ),
        ];
        assert_refused(&cases);
    }

    /// Makes one setting invalid.
    type Misconfiguration = fn(&mut UncheckedConfig);

    fn assert_refused(cases: &[(Misconfiguration, &str)]) {
        for (misconfigure, expected) in cases {
            let mut config = config();
            misconfigure(&mut config);
            let error = config.check().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
