//! `emberkeep dev` as a process that runs until a test has observed the expected report.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use emberkeep_testkit::deadline::wait_for;
use serde_json::Value;

use crate::binary::emberkeep;

/// A run with `--for 1h` and its data in `data` below the folder. Killed when dropped.
pub(crate) struct DevCommand {
    process: Child,
    folder: PathBuf,
    /// The lines of its standard error so far.
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// The reports of a run so far.
pub(crate) struct DevOutput {
    lines: Vec<String>,
    log: String,
}

impl DevCommand {
    pub(crate) fn start(folder: &Path, options: &str) -> Self {
        let args = [
            "dev",
            "--patient",
            "--for",
            "1h",
            "--data",
            "data",
            "--json",
            "out.json",
        ];
        let mut command = emberkeep(args.into_iter().chain(options.split_whitespace()));
        let mut process = command.current_dir(folder).spawn().expect("the binary was built");
        let stderr = BufReader::new(process.stderr.take().expect("it is piped"));
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let sink = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                sink.lock().unwrap().push(line);
            }
        });
        Self {
            process,
            folder: folder.to_owned(),
            lines,
            reader: Some(reader),
        }
    }

    /// Waits until the run has reported this text.
    pub(crate) fn wait_until(&mut self, what: &str, is_reported: impl Fn(&DevOutput) -> bool) {
        wait_for(what, || {
            let progress = self.progress();
            let ended = self.process.try_wait().expect("it was started");
            assert_eq!(ended, None, "it ended before {what}: {:#?}", progress.lines);
            is_reported(&progress).then_some(())
        });
    }

    /// Waits until this disruption, given by its flag, is finished.
    pub(crate) fn wait_until_finished(&mut self, flag: &str) {
        let finished = format!("disruption finished flag=\"{flag}\"");
        self.wait_until(flag, |progress| progress.log.contains(&finished));
    }

    /// Ends the run with SIGTERM, which must succeed; returns the summary that it writes.
    pub(crate) fn end(mut self) -> Value {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill can be run").success(), "it runs");
        let status = wait_for("the end", || self.process.try_wait().expect("it was started"));
        let reader = self.reader.take().expect("it ends once");
        reader.join().expect("it does not panic");
        assert_eq!(status.code(), Some(0), "{:#?}", self.progress().lines);
        let json = fs::read_to_string(self.folder.join("out.json")).expect("--json names it");
        serde_json::from_str(&json).expect("it is JSON")
    }

    fn progress(&self) -> DevOutput {
        DevOutput {
            lines: self.lines.lock().unwrap().clone(),
            log: fs::read_to_string(self.folder.join("data/logs/dev.log")).unwrap_or_default(),
        }
    }
}

impl DevOutput {
    /// The number of injected disruptions of this kind.
    pub(crate) fn injected(&self, kind: &str) -> usize {
        self.log.matches(&format!("disruption injected kind={kind} ")).count()
    }

    /// The number of completed requests, by the samples of each second.
    pub(crate) fn request_count(&self) -> u64 {
        self.values_of(" req/s,").sum()
    }

    /// The number of slices that have moved.
    pub(crate) fn move_count(&self) -> u64 {
        self.values_of(" moves,").last().unwrap_or_default()
    }

    /// The numbers before this unit.
    fn values_of(&self, unit: &str) -> impl Iterator<Item = u64> {
        let samples = self.lines.iter().filter_map(move |line| line.split_once(unit));
        samples.filter_map(|(before, _)| before.rsplit(' ').next()?.parse().ok())
    }
}

impl Drop for DevCommand {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
