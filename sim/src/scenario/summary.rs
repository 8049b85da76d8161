//! The summary: the figures of a run, one line each.

use std::fmt::Write;

use emberkeep_core::balancer::MoveCause;

use crate::cluster::{ProcessState, SimCluster};
use crate::observer::figures::{counted, lasting, moment, percent, ratio, units};
use crate::observer::{MovementTotals, Observer};

/// The figures from the start of observation to the end of the run.
pub(super) fn summary(cluster: &SimCluster, observer: &Observer) -> String {
    let mut text = String::new();
    for (title, line) in [
        ("pods", pods(cluster)),
        ("load", load(cluster)),
        ("balance", balance(observer)),
        ("over band", over_band(observer)),
        ("moves", moves(observer.movements())),
        ("churn", churn(observer.movements())),
        ("unanswered", unanswered(cluster, observer)),
    ] {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  {title:<11} {line}");
    }
    text
}

fn pods(cluster: &SimCluster) -> String {
    let newest = cluster.state().assignment.generation();
    let running: Vec<_> = cluster
        .pods()
        .filter(|pod| pod.process == ProcessState::Running)
        .collect();
    let owning = running.iter().filter(|pod| !pod.ownership.is_empty()).count();
    let behind = running
        .iter()
        .filter(|pod| pod.ownership.generation() != newest)
        .count();
    let slices = counted(cluster.state().assignment.slices().slice_count(), "slice");
    let behind = match behind {
        0 => "all at".to_owned(),
        count => format!("{count} of them behind"),
    };
    format!(
        "{} run, {owning} own {slices}, {behind} generation {newest}",
        counted(running.len(), "pod")
    )
}

fn load(cluster: &SimCluster) -> String {
    let loads: Vec<_> = cluster
        .pods()
        .filter(|pod| pod.process == ProcessState::Running)
        .collect();
    let shown = loads.iter().map(|pod| units(pod.load)).take(PODS_SHOWN_MAX);
    let more = match loads.len().saturating_sub(PODS_SHOWN_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let total = units(cluster.traffic().total());
    format!(
        "{total} units a second at the end, by pod {}{more}",
        shown.collect::<Vec<_>>().join(" ")
    )
}

/// More loads do not fit on a line.
const PODS_SHOWN_MAX: usize = 20;

fn balance(observer: &Observer) -> String {
    let (worst, at) = observer.worst();
    format!(
        "hottest pod at {} of the mean at the end, {} at worst ({})",
        ratio(observer.latest().max_over_mean()),
        ratio(worst.max_over_mean()),
        moment(*at)
    )
}

fn over_band(observer: &Observer) -> String {
    let recoveries = observer.recoveries();
    let steps = match (recoveries.all().len(), recoveries.slowest()) {
        (0, _) => String::new(),
        (count, Some(slowest)) => {
            let steps = counted(count, "load step");
            format!(", recovered from {steps}, the slowest in {}", lasting(slowest))
        }
        (count, None) => format!(", {}, not recovered from the last", counted(count, "load step")),
    };
    format!("{}{steps}", lasting(observer.over_band()))
}

fn moves(totals: &MovementTotals) -> String {
    let parts = MoveCause::ALL.into_iter().filter_map(|cause| {
        let by_cause = totals.by_cause.get(&cause).filter(|by_cause| by_cause.move_count > 0)?;
        Some(format!(
            "{} {} ({})",
            cause.as_str(),
            by_cause.move_count,
            percent(by_cause.share)
        ))
    });
    let parts: Vec<String> = parts.chain([format!("splits {}", totals.split_count)]).collect();
    parts.join(", ")
}

fn churn(totals: &MovementTotals) -> String {
    format!(
        "owner left {}, owner stayed {}, at most {} of it at once",
        percent(totals.forced),
        percent(totals.voluntary),
        percent(totals.voluntary_at_once_max)
    )
}

fn unanswered(cluster: &SimCluster, observer: &Observer) -> String {
    let (lasted, units) = observer.outage(cluster);
    format!("{} in total, {units} units of load", lasting(lasted))
}
