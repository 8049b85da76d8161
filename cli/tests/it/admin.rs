//! `emberkeep admin`: the loads of pods, and draining a pod.

use std::io::{BufRead, BufReader, Lines};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr};

use emberkeep_testkit::deadline::wait_for;
use serde_json::Value;

use crate::binary::{FinishedCommand, emberkeep, finished};

/// A dev cluster of two pods; killed when dropped.
struct DevCluster {
    process: Child,
    /// Kept open: the cluster writes its progress there.
    lines: Lines<BufReader<ChildStderr>>,
}

impl DevCluster {
    fn start() -> Self {
        let mut command = emberkeep("dev --pods 2 --for 1h --store folder".split(' '));
        let mut process = command.spawn().expect("the binary was built");
        let stderr = process.stderr.take().expect("it is piped");
        Self {
            process,
            lines: BufReader::new(stderr).lines(),
        }
    }

    /// The address of a process, as soon as it is printed.
    fn address_of(&mut self, name: &str) -> SocketAddr {
        let mut printed = self.lines.by_ref().map_while(Result::ok);
        let line = printed.find(|line| line.starts_with(name)).expect("it is printed");
        let (_, rest) = line.split_once("http://").expect("it is printed with its URL");
        let (address, _) = rest.split_once(',').expect("metrics follow");
        address.parse().expect("it is an address")
    }
}

impl Drop for DevCluster {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn admin(assigner: SocketAddr, line: &str) -> FinishedCommand {
    let assigner = format!("http://{assigner}");
    let args = ["admin", "--assigner", &assigner].into_iter();
    finished(&mut emberkeep(args.chain(line.split(' '))))
}

#[test]
fn the_loads_of_pods_and_the_tolerance_are_printed() {
    let mut cluster = DevCluster::start();
    let assigner = cluster.address_of("assigner-1");
    let loads = admin(assigner, "loads demo --json");
    assert_eq!(loads.code, Some(0), "{loads:?}");
    let loads: Value = serde_json::from_str(&loads.stdout).expect("it is JSON");
    let pods = loads["pods"].as_array().expect("pods are a list");
    let names: Vec<_> = pods.iter().filter_map(|pod| pod["pod"].as_str()).collect();
    assert_eq!(names, ["pod-1", "pod-2"], "{loads}");
    // A tenth of the million units that a pod of dev can carry.
    assert_eq!(loads["load"]["tolerance_milli"], 100_000_000, "{loads}");

    let unknown = admin(assigner, "loads other");
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}

#[test]
fn a_drained_pod_owns_nothing_and_ends_and_the_last_pod_is_kept() {
    let mut cluster = DevCluster::start();
    let assigner = cluster.address_of("assigner-1");
    let pod = cluster.address_of("pod-1");

    let unknown = admin(assigner, "drain demo pod-9 --wait");
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(
        unknown.stderr.starts_with("error: ") && unknown.stderr.contains("pod-9"),
        "{unknown:?}"
    );

    let drained = admin(assigner, "drain demo pod-1 --wait");
    assert_eq!(drained.code, Some(0), "{drained:?}");
    assert_eq!(drained.stdout, "pod pod-1 of target demo has drained\n");
    assert!(drained.stderr.contains(" slices left ("), "{drained:?}");
    let last = drained.stderr.lines().last().expect("progress is shown");
    assert!(
        last.starts_with("pod-1: 0 of ") && last.ends_with(" slices left"),
        "{drained:?}"
    );
    wait_for("the pod's end", || TcpStream::connect(pod).is_err().then_some(()));

    let late = admin(assigner, "drain demo pod-2 --wait --timeout 5s");
    assert_eq!(late.code, Some(1), "{late:?}");
    let refusal = "error: pod pod-2 of target demo had not drained within 5s: ";
    assert!(late.stderr.contains(refusal), "{late:?}");

    let status = cluster.process.try_wait().expect("it was started");
    assert_eq!(status, None, "the cluster continues after a pod has ended in order");
}
