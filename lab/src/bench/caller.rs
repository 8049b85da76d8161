//! A pod and a client of it in one process, which calls the pod's keys on command.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use emberkeep_clerk::Clerk;
use futures::FutureExt;
use futures::future::{LocalBoxFuture, join_all};
use prometheus::Registry;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::object::keys_of;
use crate::demo::pb::ViewRequest;
use crate::demo::pb::demo_client::DemoClient;
use crate::demo::{DemoPod, DemoPodSettings, TARGET};
use crate::{DEADLINE, LabError};

/// The number of objects of the measurement, of which each of two pods owns about a half.
pub(super) const OBJECT_COUNT: u32 = 2_048;
/// The size of each object: small, so that the cost of a call is that of the path.
pub(super) const OBJECT_SIZE: u64 = 64;
/// The number of concurrent calls.
const IN_FLIGHT: usize = 32;
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A running pod, and a clerk that calls it.
#[derive(Debug)]
pub struct Caller {
    clerk: Clerk,
    /// Those that the pod owns.
    keys: Arc<[Arc<str>]>,
    registry: Registry,
}

/// The calls of one slice of time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct CallBurst {
    calls: u64,
    seconds: f64,
}

impl Caller {
    /// Starts pod and clerk, and waits until the pod has its share of all keys and their values are warm.
    pub fn start(settings: DemoPodSettings) -> LocalBoxFuture<'static, Result<Self, LabError>> {
        start(settings).boxed_local()
    }

    /// The registry of the metrics of pod and clerk.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Calls as often as possible for that time.
    ///
    /// # Errors
    /// If a call fails.
    pub async fn call_for(&self, time: Duration) -> Result<CallBurst, LabError> {
        let began_at = Instant::now();
        let calls = Arc::<AtomicU64>::default();
        let lanes = (0..IN_FLIGHT).map(|number| {
            let (clerk, keys, calls) = (self.clerk.clone(), Arc::clone(&self.keys), Arc::clone(&calls));
            tokio::spawn(async move {
                let keys = keys.iter().cycle().skip(number * keys.len() / IN_FLIGHT);
                for key in keys {
                    if began_at.elapsed() >= time {
                        break;
                    }
                    view(&clerk, key).await?;
                    calls.fetch_add(1, Relaxed);
                }
                Ok::<_, LabError>(())
            })
        });
        for lane in join_all(lanes).await {
            lane.map_err(LabError::failed)??;
        }
        Ok(CallBurst {
            calls: calls.load(Relaxed),
            seconds: began_at.elapsed().as_secs_f64(),
        })
    }
}

impl CallBurst {
    pub(super) fn per_second(&self) -> f64 {
        self.calls as f64 / self.seconds
    }
}

async fn start(settings: DemoPodSettings) -> Result<Caller, LabError> {
    let name = settings.name.clone();
    let builder = settings.assigners.iter();
    let builder = builder.fold(Clerk::builder(TARGET), |builder, url| builder.assigner(url));
    let pod = DemoPod::start(settings).await?;
    let registry = pod.registry().clone();
    tokio::spawn(async move {
        if let Err(error) = pod.serve().await {
            tracing::error!(%error, "the pod failed");
        }
    });
    let clerk = builder.connect().await.map_err(LabError::failed)?;
    registry
        .register(Box::new(clerk.collector()))
        .map_err(LabError::failed)?;
    clerk.ready(DEADLINE).await.map_err(LabError::failed)?;
    let keys = owned_keys(&clerk, &name).await?;
    for key in &*keys {
        view(&clerk, key).await?;
    }
    Ok(Caller { clerk, keys, registry })
}

/// The keys of the pod, once both pods have theirs and no slice moves.
async fn owned_keys(clerk: &Clerk, pod: &str) -> Result<Arc<[Arc<str>]>, LabError> {
    let deadline = Instant::now() + DEADLINE;
    let all = keys_of(OBJECT_SIZE, OBJECT_COUNT);
    let is_owned = |key: &&Arc<str>| clerk.owner_of(&***key).is_some_and(|owner| owner.name.as_str() == pod);
    let mut before = Vec::new();
    while Instant::now() < deadline {
        let owned: Vec<Arc<str>> = all.iter().filter(is_owned).cloned().collect();
        let is_share = (all.len() / 3..all.len() * 2 / 3).contains(&owned.len());
        if is_share && owned == before {
            return Ok(owned.into());
        }
        before = owned;
        sleep(20 * POLL_INTERVAL).await;
    }
    Err(LabError::failed(format!(
        "{pod} did not own half of the keys within {DEADLINE:?}"
    )))
}

async fn view(clerk: &Clerk, key: &str) -> Result<(), LabError> {
    let request = ViewRequest {
        key: key.to_owned(),
        load_milli: 1,
    };
    let answer = DemoClient::new(clerk.for_key(key)).view(request).await;
    answer.map(drop).map_err(LabError::failed)
}
