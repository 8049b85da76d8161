//! A pod that is killed repeatedly while it writes, and restarts on the same disk.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use bytes::Bytes;
use emberkeep_slicelet::{ByteSize, GetError, Raw, Slicelet, Store};
use emberkeep_testkit::assignment::all_by;
use emberkeep_testkit::deadline::{DEADLINE, soon};
use emberkeep_testkit::scripted_assigner::ScriptedAssigner;
use tempfile::TempDir;
use tonic::Status;

/// The number of kills, unless `EMBERKEEP_KILLS` sets another.
const KILL_COUNT: u32 = 12;
const KEY_COUNT: usize = 48;
/// Large enough that a block is being written to disk nearly all the time.
const VALUE_SIZE: usize = 24 << 10;
const FOLDER: &str = "EMBERKEEP_KILLED_POD_FOLDER";

#[test]
fn a_pod_killed_while_it_writes_never_returns_a_wrong_value() {
    let kill_count = std::env::var("EMBERKEEP_KILLS").map_or(KILL_COUNT, |count| count.parse().unwrap());
    let folder = TempDir::new().unwrap();
    let mut acknowledged = BTreeMap::new();
    for number in 0..kill_count {
        let mut pod = WritingPod::start(folder.path());
        let kill_after = 6 + u64::from(number * 7 % 60);
        while pod.write_count < kill_after {
            let KeyVersion { key, version } = pod.next_report();
            let known: u64 = acknowledged.get(&key).copied().unwrap_or(0);
            // The write that was in flight at the kill may have taken effect.
            assert!(
                (known..=known + 1).contains(&version),
                "{key}: {version}, acknowledged was {known}"
            );
            acknowledged.insert(key, version);
        }
    }
    assert!(acknowledged.values().sum::<u64>() > u64::from(kill_count));
}

/// A pod as a process of its own; killed when dropped.
struct WritingPod {
    process: Child,
    /// What it prints, read by a thread of its own.
    lines: Receiver<String>,
    write_count: u64,
}

/// The version of a key that the pod has read, or has written with an acknowledgement.
struct KeyVersion {
    key: String,
    version: u64,
}

impl WritingPod {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["crash_recovery::pod", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || printed.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self {
            process,
            lines,
            write_count: 0,
        }
    }

    fn next_report(&mut self) -> KeyVersion {
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.expect("the pod runs and reports until it is killed");
            let words: Vec<_> = line.split(' ').collect();
            // Other lines are output of the test harness.
            if let [event @ ("read" | "wrote"), key, version] = words[..] {
                self.write_count += u64::from(event == "wrote");
                return KeyVersion {
                    key: key.to_owned(),
                    version: version.parse().unwrap(),
                };
            }
        }
    }
}

impl Drop for WritingPod {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The pod itself: reports what it reads, then writes until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other test starts it as a process"]
async fn pod() {
    let folder = std::path::PathBuf::from(std::env::var(FOLDER).unwrap());
    let mut assigner = ScriptedAssigner::start().await;
    let slicelet = Slicelet::builder("numbers")
        .assigner(&assigner.url)
        .advertise("127.0.0.1:1")
        .pod_name("me")
        .store(Store::folder(folder.join("objects")).await.unwrap())
        .disk_cache(folder.join("cache"), ByteSize::mib(256))
        .memory_budget(ByteSize::mib(1))
        .drain_on_sigterm(false)
        .writable()
        .start()
        .await
        .unwrap();
    let session = assigner.welcome().await;
    session.send_assignment(&all_by(slicelet.pod())).await;
    soon(slicelet.assignment().wait_for(Option::is_some)).await.unwrap();
    let keys: Vec<_> = (0..KEY_COUNT).map(|number| format!("key-{number}")).collect();
    for key in &keys {
        report("read", key, read(&slicelet, key).await);
    }
    for key in keys.iter().cycle() {
        let guard = slicelet.own(key).unwrap();
        let next = |present: Option<&Bytes>| {
            let version = present.map_or(0, |bytes| version_of(key, bytes)) + 1;
            Ok::<_, Status>(value_of(key, version))
        };
        let written = soon(guard.update(next)).await.unwrap();
        report("wrote", key, version_of(key, &written));
    }
}

fn report(event: &str, key: &str, version: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{event} {key} {version}").unwrap();
    out.flush().unwrap();
}

/// The version of a key; 0 if it was never written.
async fn read(slicelet: &Slicelet<Raw>, key: &str) -> u64 {
    match soon(slicelet.own(key).unwrap().get()).await {
        Ok(bytes) => version_of(key, &bytes),
        Err(GetError::NotFound) => 0,
        Err(error) => panic!("{error}"),
    }
}

/// Bytes that repeat their key and version to the end, so that a mixture of two values is found.
fn value_of(key: &str, version: u64) -> Bytes {
    let line = format!("{key} {version}\n");
    line.bytes().cycle().take(VALUE_SIZE).collect::<Vec<_>>().into()
}

fn version_of(key: &str, bytes: &Bytes) -> u64 {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap();
    let version = std::str::from_utf8(line).unwrap().split(' ').nth(1).unwrap();
    let version = version.parse().unwrap();
    assert!(*bytes == value_of(key, version), "a wrong value of {key}");
    version
}
