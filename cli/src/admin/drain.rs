//! Draining a pod, and waiting until it owns nothing.

use std::fmt;
use std::time::Duration;

use emberkeep_assigner::AssignerAdmin;
use emberkeep_proto::pb;
use tokio::time::{Instant, sleep, timeout_at};

use super::report::AdminReport;
use crate::exit::CommandError;

/// The interval at which the state of the pod is read.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Marks the pod as draining. With a deadline, waits until it owns nothing, and shows the remaining slices on standard
/// error.
pub(super) async fn drain(
    admin: &AssignerAdmin,
    target: &str,
    pod: &str,
    wait: Option<Duration>,
) -> Result<AdminReport, CommandError> {
    let Some(wait) = wait else {
        admin.drain(target, pod).await?;
        return Ok(AdminReport::Done(format!("pod {pod} of target {target} is draining")));
    };
    let deadline = Instant::now() + wait;
    let mut left = None;
    let drained = timeout_at(deadline, async {
        admin.drain(target, pod).await?;
        wait_until_drained(admin, target, pod, &mut left).await
    });
    match drained.await {
        Ok(outcome) => outcome.map(|()| AdminReport::Done(format!("pod {pod} of target {target} has drained"))),
        Err(_) => {
            let left = left.map_or(String::new(), |left| format!(": {left}"));
            Err(CommandError::failed(format!(
                "pod {pod} of target {target} had not drained within {wait:?}{left}"
            )))
        }
    }
}

async fn wait_until_drained(
    admin: &AssignerAdmin,
    target: &str,
    pod: &str,
    shown: &mut Option<RemainingSlices>,
) -> Result<(), CommandError> {
    loop {
        let left = RemainingSlices::of(&admin.target(target).await?, pod, shown.as_ref());
        if *shown != Some(left) {
            eprintln!("{pod}: {left}");
        }
        *shown = Some(left);
        if left.is_drained() {
            return Ok(());
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// The slices of a draining pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RemainingSlices {
    /// Whether the answering member has applied the drain already.
    is_draining: bool,
    /// The most slices observed.
    of: u64,
    serving: u64,
    leaving: u64,
    warming: u64,
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
