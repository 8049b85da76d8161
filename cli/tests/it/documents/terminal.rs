//! A terminal: a shell command whose output is kept while it runs.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use emberkeep_testkit::deadline::RUN_DEADLINE;
use emberkeep_testkit::process::send_signal;

use super::shown::is_printed;

#[derive(Debug)]
pub(crate) struct Terminal {
    name: String,
    process: Child,
    printed: Arc<Mutex<String>>,
}

impl Terminal {
    /// Runs the command in the shell, with standard output and standard error combined.
    pub(crate) fn start(name: &str, shell: &mut Command, command: &str) -> Self {
        let process = shell
            .args(["-e", "-c", &format!("exec 2>&1\n{command}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut process = process.spawn().unwrap();
        let mut output = process.stdout.take().unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&printed);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                kept.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        let name = name.to_owned();
        Self { name, process, printed }
    }

    pub(crate) fn wait_for(&mut self, shown: &str) {
        self.poll("print", RUN_DEADLINE, shown, |terminal| {
            let is_printed = is_printed(shown, &terminal.printed.lock().unwrap());
            let status = terminal.process.try_wait().unwrap();
            assert!(
                is_printed || status.is_none(),
                "{} ended: {}",
                terminal.name,
                terminal.text()
            );
            is_printed.then_some(())
        })
    }

    /// The exit status of the command; all expected output has been printed.
    pub(crate) fn end(&mut self, deadline: Duration, shown: &str) -> ExitStatus {
        let status = self.poll("end", deadline, "", |terminal| terminal.process.try_wait().unwrap());
        self.poll("print", RUN_DEADLINE, shown, |terminal| {
            is_printed(shown, &terminal.printed.lock().unwrap()).then_some(())
        });
        status
    }

    pub(crate) fn ends_well(&mut self, shown: &str) {
        let status = self.end(RUN_DEADLINE, shown);
        assert!(status.success(), "{} ended with {status}: {}", self.name, self.text());
    }

    /// Ctrl-C, for a command that handles it.
    pub(crate) fn interrupt(&self) {
        send_signal(&self.process, "INT");
    }

    /// Ctrl-C, for a command that it ends. If tests run in the background of a shell, that signal is ignored by all commands that do not
    /// handle it, so this sends another one.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.end(RUN_DEADLINE, "");
    }

    fn text(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    fn poll<T>(
        &mut self,
        what: &str,
        deadline: Duration,
        shown: &str,
        mut found: impl FnMut(&mut Self) -> Option<T>,
    ) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            let (name, text) = (&self.name, self.text());
            assert!(
                start.elapsed() < deadline,
                "{name} did not {what} within {deadline:?}: {shown}\nIt printed: {text}"
            );
            thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
