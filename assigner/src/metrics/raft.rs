//! The metrics of a member's Raft.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use emberkeep_runtime::age_gauge::AgeGauge;
use emberkeep_runtime::metric_registry::MetricRegistry;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, IntGaugeVec, Opts};

use crate::raft::{MemberId, QuorumContact, RaftMeters, RaftProgress};

/// The metrics of a member's Raft. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct RaftMetrics {
    pub(super) meters: RaftMeters,
    term: IntGauge,
    elections: IntCounter,
    commit_lag: IntGauge,
    apply_lag: IntGauge,
    log_entries: IntGauge,
    data_bytes: IntGauge,
    member_lag: IntGaugeVec,
    /// The members whose lag was recorded last.
    lagging: Arc<Mutex<BTreeSet<MemberId>>>,
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("emberkeep_assigner_{name}"), help)
}

/// From 0.1 ms, doubling to 3.3 s.
fn fsync_opts() -> HistogramOpts {
    let buckets = prometheus::exponential_buckets(0.000_1, 2.0, 16).expect("start, factor and count are valid");
    let opts = opts(
        "raft_fsync_seconds",
        "Duration of writes to the data file that end with an fsync.",
    );
    HistogramOpts::from(opts).buckets(buckets)
}

const QUORUM_CONTACT_HELP: &str = "Time since a quorum last acknowledged this leader, or since this follower last received a \
                                   message of the leader: how stale its watches may be.";

impl RaftMetrics {
    pub(super) fn new(registry: &MetricRegistry) -> Self {
        let gauge = |name, help| registry.registered(IntGauge::with_opts(opts(name, help)));
        let quorum_contact = AgeGauge::with_opts(opts("raft_quorum_contact_age_seconds", QUORUM_CONTACT_HELP));
        Self {
            meters: RaftMeters {
                fsync_seconds: registry.registered(Histogram::with_opts(fsync_opts())),
                snapshot_bytes: gauge("raft_snapshot_bytes", "Size of the last snapshot on disk."),
                quorum_contact: registry.registered(quorum_contact),
            },
            term: gauge("raft_term", "Raft term, which grows with each election."),
            elections: registry.registered(IntCounter::with_opts(opts(
                "raft_elections_total",
                "Terms that began while this member ran.",
            ))),
            commit_lag: gauge(
                "raft_commit_lag_entries",
                "Entries of the log that are not committed yet.",
            ),
            apply_lag: gauge("raft_apply_lag_entries", "Committed entries that are not applied yet."),
            log_entries: gauge("raft_log_entries", "Entries that the log holds."),
            data_bytes: gauge("raft_data_bytes", "Size of the data file."),
            member_lag: registry.registered(IntGaugeVec::new(
                opts(
                    "raft_member_lag_entries",
                    "Entries that another member lacks, on the leader.",
                ),
                &["member"],
            )),
            lagging: Arc::default(),
        }
    }

    pub(super) fn record_progress(&self, progress: &RaftProgress) {
        let previous = self.term.get();
        self.term.set(as_gauge(progress.term));
        if previous > 0 {
            let elections = as_gauge(progress.term).saturating_sub(previous);
            self.elections.inc_by(u64::try_from(elections).unwrap_or(0));
        }
        self.commit_lag.set(as_gauge(progress.commit_lag));
        self.apply_lag.set(as_gauge(progress.apply_lag));
        self.log_entries.set(as_gauge(progress.log_len));
        match progress.acknowledged {
            QuorumContact::Always => self.meters.quorum_contact.on_confirmation_gained(),
            QuorumContact::At(at) => self.meters.quorum_contact.on_confirmed_at(at),
            QuorumContact::Unknown => self.meters.quorum_contact.on_confirmation_lost(),
        }
        self.record_member_lags(&progress.member_lags);
    }

    pub(super) fn record_data_bytes(&self, bytes: u64) {
        self.data_bytes.set(as_gauge(bytes));
    }

    /// Sets the lags of these members, and removes the series of all others.
    fn record_member_lags(&self, lags: &BTreeMap<MemberId, u64>) {
        for (member, lag) in lags {
            self.member_lag
                .with_label_values(&[member.to_string().as_str()])
                .set(as_gauge(*lag));
        }
        let next: BTreeSet<MemberId> = lags.keys().copied().collect();
        let mut lagging = self.lagging.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in lagging.difference(&next) {
            // Fails only for a member without a series.
            let _ = self.member_lag.remove_label_values(&[gone.to_string().as_str()]);
        }
        *lagging = next;
    }
}

fn as_gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
