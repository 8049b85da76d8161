//! Troubles and alarms: failures of a target's pods to be reported to operators.

use std::fmt;
use std::time::Duration;

use crate::pod::PodName;

/// One failure, and how it is handled; as `admin decisions` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// So many pods failed at once that it may be a failure of the network.
    MassFailure {
        /// How many pods were suspected or died within the last ten seconds.
        failed_count: usize,
        /// All registered pods, and failed ones that are no longer registered.
        pod_count: usize,
        /// How long silent pods are kept; `None` while no pod is removed because leadership is not confirmed.
        death_timeout: Option<Duration>,
    },
    /// A pod died repeatedly and gets no slices for a while.
    #[allow(missing_docs, reason = "the fields of `flap_damping::HeldBackPod`")]
    HeldBack {
        pod: PodName,
        death_count: u32,
        /// How much longer it gets no slices.
        remaining: Duration,
    },
}

/// The values of the gauges to be alerted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alarm {
    /// Whether the mass failure guard is active.
    pub is_mass_failure: bool,
    /// How many pods get no slices because they died repeatedly.
    pub held_back_count: usize,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::MassFailure {
                failed_count,
                pod_count,
                death_timeout,
            } => {
                write!(f, "{failed_count} of {pod_count} pods failed at once: ")?;
                match death_timeout {
                    None => f.write_str("no pod is removed until a quorum has confirmed that this member leads"),
                    Some(timeout) => write!(
                        f,
                        "pods that refuse connections are removed, silent ones only after {}",
                        Seconds(*timeout)
                    ),
                }
            }
            Trouble::HeldBack {
                pod,
                death_count,
                remaining,
            } => write!(
                f,
                "pod {pod} has died {death_count} times and gets no slices for another {}",
                Seconds(*remaining)
            ),
        }
    }
}

/// Prints a duration in tenths of a second, rounded up.
pub(super) struct Seconds(pub(super) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_millis().div_ceil(100);
        write!(f, "{}.{} s", tenths / 10, tenths % 10)
    }
}
