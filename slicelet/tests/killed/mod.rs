//! A pod that is killed in the middle of its writes, again and again, and starts again on the same disk.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use emberkeep_slicelet::{ByteSize, GetError, Raw, Slicelet, Store};
use tempfile::TempDir;
use tonic::Status;

use crate::scripted::{ScriptedAssigner, all_by, soon};

/// How often the pod is killed; `EMBERKEEP_KILLS` says otherwise.
const KILL_COUNT: u32 = 12;
const KEY_COUNT: usize = 48;
/// Large enough that a block on disk is being written nearly all the time.
const VALUE_SIZE: usize = 24 << 10;
const FOLDER: &str = "EMBERKEEP_KILLED_POD_FOLDER";
/// How long a pod may take to do what it has to; only a fault takes so long.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_pod_killed_while_it_writes_never_answers_a_wrong_value() {
    let kill_count = std::env::var("EMBERKEEP_KILLS").map_or(KILL_COUNT, |count| count.parse().unwrap());
    let folder = TempDir::new().unwrap();
    let mut acknowledged = BTreeMap::new();
    for number in 0..kill_count {
        let mut pod = Pod::start(folder.path());
        while let Some(said) = pod.says() {
            match said {
                Said::Read { key, version } => {
                    let known: u64 = acknowledged.get(&key).copied().unwrap_or(0);
                    // The write that was under way when the pod was killed may have happened.
                    assert!(
                        (known..=known + 1).contains(&version),
                        "{key}: {version}, acknowledged was {known}"
                    );
                    acknowledged.insert(key, version);
                }
                Said::Wrote { key, version } => {
                    acknowledged.insert(key, version);
                }
            }
            if pod.written_count > 5 + u64::from(number * 7 % 60) {
                break;
            }
        }
    }
    assert!(acknowledged.values().sum::<u64>() > u64::from(kill_count));
}

/// A pod in a process of its own; killed when it is dropped.
struct Pod {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    written_count: u64,
    began_at: Instant,
}

enum Said {
    Read { key: String, version: u64 },
    Wrote { key: String, version: u64 },
}

impl Pod {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["killed::pod", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self {
            process,
            lines,
            written_count: 0,
            began_at: Instant::now(),
        }
    }

    fn says(&mut self) -> Option<Said> {
        loop {
            assert!(self.began_at.elapsed() < DEADLINE, "the pod takes too long");
            let line = self.lines.next().expect("the pod goes on until it is killed").unwrap();
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["read", key, version] => {
                    return Some(Said::Read {
                        key: key.to_owned(),
                        version: version.parse().unwrap(),
                    });
                }
                ["wrote", key, version] => {
                    self.written_count += 1;
                    return Some(Said::Wrote {
                        key: key.to_owned(),
                        version: version.parse().unwrap(),
                    });
                }
                // What the test harness says.
                _ => {}
            }
        }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The pod itself: says what it reads, then writes until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is the process that the other test starts and kills"]
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
    let session = assigner.welcomed().await;
    session.tell_full(&all_by(slicelet.pod())).await;
    soon(slicelet.assignment().wait_for(Option::is_some)).await.unwrap();
    let keys: Vec<_> = (0..KEY_COUNT).map(|number| format!("key-{number}")).collect();
    for key in &keys {
        say("read", key, read(&slicelet, key).await);
    }
    for key in keys.iter().cycle() {
        let guard = slicelet.own(key).unwrap();
        let next = |present: Option<&Bytes>| {
            let version = present.map_or(0, |bytes| version_of(key, bytes)) + 1;
            Ok::<_, Status>(value_of(key, version))
        };
        let written = soon(guard.update(next)).await.unwrap();
        say("wrote", key, version_of(key, &written));
    }
}

fn say(what: &str, key: &str, version: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what} {key} {version}").unwrap();
    out.flush().unwrap();
}

/// The version that a key has; 0 if it was never written.
async fn read(slicelet: &Slicelet<Raw>, key: &str) -> u64 {
    match soon(slicelet.own(key).unwrap().get()).await {
        Ok(bytes) => version_of(key, &bytes),
        Err(GetError::NotFound) => 0,
        Err(error) => panic!("{error}"),
    }
}

/// Bytes that say whose they are, and of which version, all the way through.
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
