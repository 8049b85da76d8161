//! A command that prints until it is interrupted.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;

use emberkeep_testkit::deadline::{wait_for, wait_within};
use emberkeep_testkit::process::send_signal;

/// A running command whose output is collected in threads; killed when dropped.
pub(crate) struct FollowedCommand {
    process: Child,
    /// The lines of its standard output and standard error so far.
    lines: Arc<Mutex<Vec<String>>>,
}

impl FollowedCommand {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = command.spawn().expect("the binary was built");
        let lines = Arc::<Mutex<Vec<String>>>::default();
        collect(process.stdout.take().expect("it is piped"), &lines);
        collect(process.stderr.take().expect("it is piped"), &lines);
        Self { process, lines }
    }

    /// Waits until it has printed a line with this text.
    pub(crate) fn wait_for(&self, text: &str) {
        wait_for(text, || self.has_printed(text).then_some(()));
    }

    /// Whether it has printed a line with this text.
    pub(crate) fn has_printed(&self, text: &str) -> bool {
        let lines = self.lines.lock().unwrap();
        lines.iter().any(|line| line.contains(text))
    }

    /// Sends Ctrl-C; returns the exit code.
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        send_signal(&self.process, "INT");
        let deadline = std::time::Duration::from_secs(10);
        let status = wait_within("the end", deadline, || self.process.try_wait().expect("it was started"));
        status.code()
    }
}

impl Drop for FollowedCommand {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn collect(source: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) {
    let lines = Arc::clone(lines);
    thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    });
}
