//! The summary: how well the cluster did, in a few lines.

use std::fmt::Write;

use emberkeep_core::balancer::Cause;

use super::figures::{counted, lasting, moment, percent, ratio, units};
use crate::cluster::{Cluster, Process};
use crate::observer::{MovementTotals, Observer};

/// All figures, from when the observer watched to the end.
pub(super) fn summary(cluster: &Cluster, observer: &Observer) -> String {
    let mut text = String::new();
    for (title, line) in [
        ("pods", pods(cluster)),
        ("load", load(cluster)),
        ("balance", balance(observer)),
        ("over band", over_band(observer)),
        ("moves", moves(observer.tally())),
        ("churn", churn(observer.tally())),
        ("unanswered", unanswered(cluster, observer)),
    ] {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {title:<11} {line}");
    }
    text
}

fn pods(cluster: &Cluster) -> String {
    let newest = cluster.state().assignment.generation();
    let running: Vec<_> = cluster.pods().filter(|pod| pod.process == Process::Running).collect();
    let owning = running.iter().filter(|pod| !pod.ownership.is_empty()).count();
    let behind = running
        .iter()
        .filter(|pod| pod.ownership.generation() != newest)
        .count();
    let slices = counted(cluster.state().assignment.slices().slice_count(), "slice");
    let behind = match behind {
        0 => "all go by".to_owned(),
        count => format!("{count} of them behind"),
    };
    format!(
        "{} run, {owning} own {slices}, {behind} generation {newest}",
        counted(running.len(), "pod")
    )
}

fn load(cluster: &Cluster) -> String {
    let loads: Vec<_> = cluster.pods().filter(|pod| pod.process == Process::Running).collect();
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

/// More figures do not fit on a line.
const PODS_SHOWN_MAX: usize = 20;

fn balance(observer: &Observer) -> String {
    let (worst, at) = observer.worst();
    format!(
        "hottest pod {} of the mean at the end, {} at worst ({})",
        ratio(observer.reading().max_over_mean()),
        ratio(worst.max_over_mean()),
        moment(*at)
    )
}

fn over_band(observer: &Observer) -> String {
    let cures = observer.cures();
    let steps = match (cures.all().len(), cures.slowest()) {
        (0, _) => String::new(),
        (count, Some(slowest)) => {
            let steps = counted(count, "step");
            format!(", {steps} of the load cured, the slowest in {}", lasting(slowest))
        }
        (count, None) => format!(", {} of the load, the last one not cured", counted(count, "step")),
    };
    format!("{}{steps}", lasting(observer.over_band()))
}

fn moves(tally: &MovementTotals) -> String {
    let parts = Cause::ALL.into_iter().filter_map(|cause| {
        let tally = tally.by_cause.get(&cause).filter(|tally| tally.move_count > 0)?;
        Some(format!(
            "{} {} ({})",
            cause.as_str(),
            tally.move_count,
            percent(tally.share)
        ))
    });
    let parts: Vec<String> = parts.chain([format!("cuts {}", tally.split_count)]).collect();
    parts.join(", ")
}

fn churn(tally: &MovementTotals) -> String {
    format!(
        "owners left {}, owners stayed {}, of it at once {} at most",
        percent(tally.forced),
        percent(tally.voluntary),
        percent(tally.voluntary_at_once_max)
    )
}

fn unanswered(cluster: &Cluster, observer: &Observer) -> String {
    let (lasted, units) = observer.outage(cluster);
    format!("{} in all, {units} units of load", lasting(lasted))
}
