//! Draining a pod, and waiting until it owns nothing.

use std::fmt;
use std::time::Duration;

use emberkeep_proto::pb;
use tokio::time::sleep;

use crate::admin_client::{AdminError, AssignerAdmin};

/// The interval at which the state of the pod is read.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The slices of a draining pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemainingSlices {
    /// Whether the answering member has applied the drain already.
    is_draining: bool,
    /// The most slices observed.
    of: u64,
    serving: u64,
    leaving: u64,
    warming: u64,
}

impl AssignerAdmin {
    /// Marks a pod as draining, and waits until it owns nothing. `show` receives its remaining slices whenever they
    /// change.
    pub async fn drain_to_end(
        &self,
        target: &str,
        pod: &str,
        mut show: impl FnMut(RemainingSlices),
    ) -> Result<(), AdminError> {
        self.drain(target, pod).await?;
        let mut shown = None;
        loop {
            let left = RemainingSlices::of(&self.target(target).await?, pod, shown.as_ref());
            if shown != Some(left) {
                show(left);
            }
            shown = Some(left);
            if left.is_drained() {
                return Ok(());
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}

impl RemainingSlices {
    /// A pod that is no longer registered has none.
    fn of(target: &pb::DescribeTargetResponse, pod: &str, before: Option<&Self>) -> Self {
        let is_it = |status: &&pb::PodStatus| status.pod.as_ref().is_some_and(|known| known.name == pod);
        let status = target.pods.iter().find(is_it);
        let counts = status.map(|status| (status.serving_count, status.leaving_count, status.warming_count));
        let (serving, leaving, warming) = counts.unwrap_or_default();
        Self {
            is_draining: status.is_none_or(|status| status.is_draining),
            of: before.map_or(0, |before| before.of).max(serving + leaving + warming),
            serving,
            leaving,
            warming,
        }
    }

    const fn slice_count(&self) -> u64 {
        self.serving + self.leaving + self.warming
    }

    const fn is_drained(&self) -> bool {
        self.is_draining && self.slice_count() == 0
    }
}

impl fmt::Display for RemainingSlices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            of,
            serving,
            leaving,
            warming,
            ..
        } = self;
        write!(f, "{} of {of} slices left", self.slice_count())?;
        if self.slice_count() > 0 {
            write!(f, " ({serving} serving, {leaving} leaving, {warming} warming)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(pods: &[(&str, bool, u64, u64)]) -> pb::DescribeTargetResponse {
        let status = |&(name, is_draining, serving_count, leaving_count): &(&str, bool, u64, u64)| pb::PodStatus {
            pod: Some(pb::Pod {
                name: name.to_owned(),
                ..Default::default()
            }),
            is_draining,
            serving_count,
            leaving_count,
            ..Default::default()
        };
        pb::DescribeTargetResponse {
            pods: pods.iter().map(status).collect(),
            ..Default::default()
        }
    }

    #[test]
    fn progress_is_shown_relative_to_the_most_slices() {
        let first = RemainingSlices::of(&described(&[("a", true, 32, 0), ("b", false, 9, 9)]), "a", None);
        assert_eq!(
            first.to_string(),
            "32 of 32 slices left (32 serving, 0 leaving, 0 warming)"
        );
        let second = RemainingSlices::of(&described(&[("a", true, 3, 4)]), "a", Some(&first));
        assert_eq!(
            second.to_string(),
            "7 of 32 slices left (3 serving, 4 leaving, 0 warming)"
        );
        let last = RemainingSlices::of(&described(&[("b", false, 64, 0)]), "a", Some(&second));
        assert_eq!(
            (last.to_string().as_str(), last.is_drained()),
            ("0 of 32 slices left", true)
        );
    }

    #[test]
    fn a_pod_is_drained_only_once_the_drain_is_applied() {
        assert!(!RemainingSlices::of(&described(&[("a", false, 0, 0)]), "a", None).is_drained());
        assert!(RemainingSlices::of(&described(&[("a", true, 0, 0)]), "a", None).is_drained());
    }
}
