//! `emberkeep dev` as a process that runs until a test has observed the expected report.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use emberkeep_testkit::deadline::{RUN_DEADLINE, wait_for, wait_within};
use emberkeep_testkit::process::send_signal;
use serde_json::Value;

use crate::binary::{FinishedCommand, emberkeep, finished, json_in};
use crate::followed_command::FollowedCommand;

/// A run with `--for 1h` and its data in `data` below the folder. Killed with all its processes when dropped.
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
        let line = format!("dev --patient --for 1h --data data --json out.json {options}");
        let mut command = emberkeep(line.split_whitespace());
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

    /// Waits until the run has reported a value.
    pub(crate) fn wait_for<T>(&mut self, what: &str, reported: impl Fn(&DevOutput) -> Option<T>) -> T {
        wait_for(what, || {
            let progress = self.progress();
            assert_eq!(
                self.exit_status(),
                None,
                "it ended before {what}: {:#?}",
                progress.lines
            );
            reported(&progress)
        })
    }

    /// Waits until the reports of the run satisfy the predicate.
    pub(crate) fn wait_until(&mut self, what: &str, is_reported: impl Fn(&DevOutput) -> bool) {
        self.wait_for(what, |progress| is_reported(progress).then_some(()));
    }

    /// Waits until this disruption, given by its flag, is finished.
    pub(crate) fn wait_until_finished(&mut self, flag: &str) {
        let finished = format!("disruption finished flag=\"{flag}\"");
        self.wait_until(flag, |progress| progress.log.contains(&finished));
    }

    /// The address of the process of that name, as soon as it is printed.
    pub(crate) fn address_of(&mut self, name: &str) -> SocketAddr {
        self.wait_for(name, |progress| {
            let line = progress.lines.iter().find(|line| line.starts_with(name))?;
            let (_, rest) = line.split_once("http://")?;
            rest.split_once(',')?.0.parse().ok()
        })
    }

    /// Runs `emberkeep admin` against the first member of the assigner.
    pub(crate) fn admin(&mut self, line: &str) -> FinishedCommand {
        let assigner = format!("http://{}", self.address_of("assigner-1"));
        let args = ["admin", "--assigner", &assigner].into_iter();
        finished(&mut emberkeep(args.chain(line.split(' '))))
    }

    /// Starts `emberkeep admin` against the first member of the assigner.
    pub(crate) fn follow(&mut self, line: &str) -> FollowedCommand {
        let assigner = format!("http://{}", self.address_of("assigner-1"));
        let args = ["admin", "--assigner", &assigner].into_iter();
        FollowedCommand::start(&mut emberkeep(args.chain(line.split(' '))))
    }

    /// Shortens the time for which former owners answer late requests, which each move takes. By default it is 5 s.
    pub(crate) fn shorten_moves(&mut self) {
        let configured = self.admin("configure-target demo --leave-linger 500ms");
        assert_eq!(configured.code, Some(0), "{configured:?}");
    }

    /// How the run has ended, if it has.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("it was started")
    }

    /// Ends the run with SIGTERM, which must succeed; returns the summary that it writes.
    pub(crate) fn end(mut self) -> Value {
        send_signal(&self.process, "TERM");
        // Requests under way may take as long as any one event.
        let status = wait_within("the end", RUN_DEADLINE, || self.exit_status());
        let reader = self.reader.take().expect("it ends once");
        reader.join().expect("it does not panic");
        assert_eq!(status.code(), Some(0), "{:#?}", self.progress().lines);
        json_in(&self.folder, "out.json")
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

    /// The first line of its output.
    pub(crate) fn first_line(&self) -> Option<&str> {
        self.lines.first().map(String::as_str)
    }

    /// The address of the metrics, and of the page, of the process of that name.
    pub(crate) fn metrics_address_of(&self, name: &str) -> Option<SocketAddr> {
        let line = self.lines.iter().find(|line| line.starts_with(name))?;
        let (_, url) = line.split_once("metrics at http://")?;
        url.strip_suffix("/metrics")?.parse().ok()
    }

    /// The number of completed requests, by the samples of each second.
    pub(crate) fn request_count(&self) -> u64 {
        self.values_of(" req/s,").sum()
    }

    /// The number of slices that have moved.
    pub(crate) fn move_count(&self) -> u64 {
        self.values_of(" moves,").last().unwrap_or_default()
    }

    /// The generation of the assignment, once load is sent.
    pub(crate) fn generation(&self) -> Option<u64> {
        let mut lines = self.lines.iter();
        lines.find_map(|line| line.rsplit_once(", generation ")?.1.parse().ok())
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
