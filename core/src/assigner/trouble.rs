//! Trouble: what is wrong with the pods of a target, for operators.

use std::fmt;
use std::time::Duration;

use crate::pod::PodName;

/// One thing that is wrong, and what is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// So many pods fell at once that it may be a failure of the network.
    MassFailure {
        /// How many pods are suspected, or have died lately.
        fallen_count: usize,
        /// How many pods there were.
        pod_count: usize,
        /// How long silent pods are kept; `None` while it is not known whether this member still leads, and nobody
        /// is removed.
        patience: Option<Duration>,
    },
    /// A pod dies again and again, and gets no slices for a while.
    HeldBack {
        /// Which.
        pod: PodName,
        /// How often it died.
        death_count: u32,
        /// For how long yet.
        left: Duration,
    },
}

/// What is to be alerted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alarm {
    /// Whether so many pods fell at once that deaths are not believed as usual.
    pub is_mass_failure: bool,
    /// How many pods get no slices because they die again and again.
    pub held_back_count: usize,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::MassFailure {
                fallen_count,
                pod_count,
                patience,
            } => {
                write!(f, "{fallen_count} of {pod_count} pods fell at once: ")?;
                match patience {
                    None => f.write_str("no pod is removed until a quorum has confirmed that this member leads"),
                    Some(patience) => write!(
                        f,
                        "pods that refuse connections are removed, silent ones only after {}",
                        Seconds(*patience)
                    ),
                }
            }
            Trouble::HeldBack { pod, death_count, left } => write!(
                f,
                "pod {pod} has died {death_count} times and gets no slices for another {}",
                Seconds(*left)
            ),
        }
    }
}

/// A duration as people read it, in tenths of a second, rounded up.
pub(super) struct Seconds(pub(super) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_millis().div_ceil(100);
        write!(f, "{}.{} s", tenths / 10, tenths % 10)
    }
}
