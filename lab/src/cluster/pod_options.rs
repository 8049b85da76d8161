//! The settings of a cluster's pods, and the arguments of their processes.

use std::path::Path;

use emberkeep_slicelet::ByteSize;

/// The memory budget of a pod: many of them share one machine.
const MEMORY_BUDGET: ByteSize = ByteSize::mib(256);

/// The settings of a cluster's pods.
#[derive(Debug, Clone)]
pub struct PodOptions {
    /// Whether their connections pass through proxies, so that they can be partitioned.
    pub uses_proxy: bool,
    /// Whether they serve writes.
    pub are_writable: bool,
    /// The memory budget of each; `None` for the SDK's default.
    pub memory_budget: Option<ByteSize>,
    /// The maximum number of concurrent store requests of each; `None` for the SDK's default.
    pub load_concurrency: Option<usize>,
    /// The level of their logs.
    pub log_level: &'static str,
    /// Whether each read of the store is appended to a ledger, at the cost of a write per read.
    pub records_reads: bool,
    /// Whether they serve metrics and health.
    pub serves_http: bool,
    /// They log one request in so many; 0 for none.
    pub logs_one_in: u64,
}

impl Default for PodOptions {
    fn default() -> Self {
        Self {
            uses_proxy: false,
            are_writable: false,
            memory_budget: Some(MEMORY_BUDGET),
            load_concurrency: None,
            log_level: "info",
            records_reads: true,
            serves_http: true,
            logs_one_in: 0,
        }
    }
}

impl PodOptions {
    /// The arguments of a pod's process; `reads` is its ledger of reads.
    pub(super) fn arguments(&self, reads: &Path) -> Vec<String> {
        let reads = self.records_reads.then(|| format!("--reads={}", reads.display()));
        let budget = self
            .memory_budget
            .map(|budget| format!("--budget={}", budget.as_bytes()));
        let concurrency = self.load_concurrency.map(|count| format!("--load-concurrency={count}"));
        let writable = self.are_writable.then(|| "--writable".to_owned());
        let requests = (self.logs_one_in > 0).then(|| format!("--log-requests={}", self.logs_one_in));
        let log = format!("--log={}", self.log_level);
        let optional = [reads, budget, concurrency, writable, requests].into_iter().flatten();
        optional.chain([log]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments_of(options: &PodOptions) -> String {
        options.arguments(Path::new("reads/pod-1")).join(" ")
    }

    #[test]
    fn a_pod_records_its_reads_unless_it_is_measured() {
        assert_eq!(
            arguments_of(&PodOptions::default()),
            "--reads=reads/pod-1 --budget=268435456 --log=info"
        );
        let measured = PodOptions {
            records_reads: false,
            memory_budget: None,
            load_concurrency: Some(8),
            are_writable: true,
            ..PodOptions::default()
        };
        assert_eq!(arguments_of(&measured), "--load-concurrency=8 --writable --log=info");
    }
}
