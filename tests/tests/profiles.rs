//! The example that users copy, with an assigner, pods and a client as processes of their own.

#![allow(clippy::unwrap_used)]

use emberkeep_tests::{Process, free_address, wait_for};
use serde_json::Value;

struct Service {
    _folder: tempfile::TempDir,
    store: String,
    assigner_url: String,
    _assigner: Process,
}

impl Service {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let data = folder.path().join("assigner");
        let (listen, http) = (free_address(), free_address());
        let (listen_text, http_text) = (listen.to_string(), http.to_string());
        let data = data.to_str().expect("temporary folders have plain names");
        let args = [
            "assigner",
            "--listen",
            &listen_text,
            "--http",
            &http_text,
            "--data",
            data,
        ];
        Self {
            _assigner: Process::listening("emberkeep", &args, listen),
            store: format!("folder://{}", folder.path().join("objects").display()),
            assigner_url: format!("http://{listen}"),
            _folder: folder,
        }
    }

    fn pod(&self) -> Process {
        let listen = free_address();
        let args = [listen.to_string(), self.store.clone(), self.assigner_url.clone()];
        Process::listening("profiles-server", &args.each_ref().map(String::as_str), listen)
    }

    fn client(&self, words: &[&str]) -> Result<String, String> {
        Process::output("profiles-client", words, &[("ASSIGNER", &self.assigner_url)])
    }

    /// How many pods serve slices.
    fn serving_pods(&self) -> Option<usize> {
        let args = [
            "admin",
            "--assigner",
            &self.assigner_url,
            "--json",
            "target",
            "profiles",
        ];
        let told = Process::output("emberkeep", &args, &[]).ok()?;
        let told: Value = serde_json::from_str(&told).expect("--json prints JSON");
        let pods = told["pods"].as_array().expect("pods are a list");
        Some(pods.iter().filter(|pod| pod["serving"].as_u64() > Some(0)).count())
    }
}

#[test]
fn a_profile_outlives_the_pod_that_served_it() {
    let service = Service::start();
    let mut first = service.pod();
    assert_eq!(
        service.client(&["create", "alice", "Alice", "be kind"]).unwrap(),
        "created alice\n"
    );
    assert_eq!(service.client(&["view", "alice"]).unwrap(), "Alice: be kind\n");
    let twice = service.client(&["create", "alice", "Alice", "again"]).unwrap_err();
    assert!(twice.contains("there is such a profile"), "{twice}");

    let _second = service.pod();
    wait_for("two pods that serve", || {
        (service.serving_pods() == Some(2)).then_some(())
    });
    assert!(first.terminate().success(), "a drained pod exits 0");
    assert_eq!(service.client(&["view", "alice"]).unwrap(), "Alice: be kind\n");
}
