//! One process of a cluster.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child as Process, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::{DEADLINE, LabError};

/// The prefix of the line on standard output by which a process reports that it is ready.
pub const READY: &str = "ready:";
/// The exit code for bad input.
const BAD_INPUT_CODE: i32 = 2;
/// The deadline for it to end once its standard input is closed.
const END_TIMEOUT: Duration = Duration::from_secs(1);
/// The number of lines of its log that a failure quotes.
const TAIL_LINE_COUNT: usize = 10;

/// The settings for starting a process.
#[derive(Debug, Clone)]
pub struct ProcessSpec {
    /// The name in logs and failures.
    pub name: String,
    /// The path of the binary.
    pub program: PathBuf,
    /// The arguments of the binary.
    pub args: Vec<String>,
    /// Environment variables in addition to those of this process.
    pub env: Vec<(&'static str, String)>,
    /// The file to which its standard error is appended.
    pub log: PathBuf,
}

/// A signal to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: shut down gracefully.
    Terminate,
    /// SIGSTOP: halt until SIGCONT.
    Stop,
    /// SIGCONT: resume after SIGSTOP.
    Continue,
}

/// A running process. It is killed when this is dropped, and ends when the process that started it ends.
#[derive(Debug)]
pub struct ChildProcess {
    spec: ProcessSpec,
    process: Process,
    output: Lines<BufReader<ChildStdout>>,
    /// Closing it ends the process, at the latest when this process ends.
    lifeline: Option<ChildStdin>,
}

impl ChildProcess {
    /// Starts a process and waits until it is ready.
    ///
    /// # Errors
    /// If it ends or is not ready in time; bad input if the process reports that.
    pub async fn start(spec: ProcessSpec) -> Result<Self, LabError> {
        let mut child = Self::spawn(spec)?;
        child.ready().await?;
        Ok(child)
    }

    /// Starts a process.
    ///
    /// # Errors
    /// If the program or the log cannot be opened.
    pub fn spawn(spec: ProcessSpec) -> Result<Self, LabError> {
        let cannot = |error| LabError::failed(format!("cannot start {}: {error}", spec.name));
        let log = File::options()
            .create(true)
            .append(true)
            .open(&spec.log)
            .map_err(cannot)?;
        let mut process = Command::new(&spec.program)
            .args(&spec.args)
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C on the terminal reaches this process only, which then shuts the others down.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot)?;
        let output = process.stdout.take().expect("it was piped and is taken once");
        Ok(Self {
            lifeline: process.stdin.take(),
            output: BufReader::new(output).lines(),
            process,
            spec,
        })
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn ready(&mut self) -> Result<(), LabError> {
        match timeout(DEADLINE, self.output.next_line()).await {
            Ok(Ok(Some(line))) if line.starts_with(READY) => Ok(()),
            Ok(_) => {
                let ended = timeout(DEADLINE, self.process.wait()).await;
                let status = ended.ok().and_then(Result::ok);
                Err(self.did_not_start(status))
            }
            Err(_) => Err(LabError::failed(format!(
                "{} was not ready within {DEADLINE:?}\n{}",
                self.spec.name,
                self.log_tail()
            ))),
        }
    }

    /// Bad input reported by the process is bad input of this run.
    fn did_not_start(&self, status: Option<ExitStatus>) -> LabError {
        let log = fs::read_to_string(&self.spec.log).unwrap_or_default();
        let reason = log.lines().rev().find_map(|line| line.strip_prefix("error: "));
        let bad_input = status.and_then(|status| status.code()) == Some(BAD_INPUT_CODE);
        match reason {
            Some(reason) if bad_input => LabError::bad_input(reason),
            Some(reason) => LabError::failed(format!("{} did not start: {reason}", self.spec.name)),
            None => LabError::failed(format!("{} did not start\n{}", self.spec.name, self.log_tail())),
        }
    }

    /// The name in logs and failures.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its process id, while it runs.
    ///
    /// # Errors
    /// If it has ended.
    pub fn id(&self) -> Result<u32, LabError> {
        self.process.id().ok_or_else(|| self.failure("has ended"))
    }

    /// Kills the process with SIGKILL and starts it again with further arguments.
    pub(crate) async fn restart(&mut self, more: impl IntoIterator<Item = String>) -> Result<(), LabError> {
        self.kill().await?;
        let mut spec = self.spec.clone();
        spec.args.extend(more);
        *self = Self::start(spec).await?;
        Ok(())
    }

    /// Starts the process again after it has ended.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_again(&mut self) -> Result<(), LabError> {
        *self = Self::start(self.spec.clone()).await?;
        Ok(())
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// If it has ended.
    pub async fn write_line(&mut self, line: &str) -> Result<(), LabError> {
        let input = self.lifeline.as_mut().expect("it is taken at the end only");
        let written = input.write_all(format!("{line}\n").as_bytes()).await;
        written.map_err(|error| self.failure(&format!("does not read its input: {error}")))
    }

    /// The next line of its standard output.
    ///
    /// # Errors
    /// If none comes within the deadline, or the process ends.
    pub async fn line(&mut self, deadline: Duration) -> Result<String, LabError> {
        let ended = match timeout(deadline, self.output.next_line()).await {
            Ok(Ok(Some(line))) => return Ok(line),
            Ok(_) => "ended too early",
            Err(_) => "printed nothing more in time",
        };
        Err(LabError::failed(format!(
            "{} {ended}\n{}",
            self.spec.name,
            self.log_tail()
        )))
    }

    /// Reaps the process if it has ended; returns true if its exit code was 0.
    pub(crate) fn try_wait_success(&mut self) -> bool {
        let status = self.process.try_wait().ok().flatten();
        status.is_some_and(|status| status.success())
    }

    /// The failure, if the process has ended unexpectedly.
    pub fn unexpected_end(&mut self) -> Option<LabError> {
        let status = self.process.try_wait().ok().flatten()?;
        Some(self.failure(&format!("ended unexpectedly, {status}")))
    }

    /// A failure of the process, with the end of its log.
    pub(crate) fn failure(&self, what: &str) -> LabError {
        LabError::failed(format!("{} {what}\n{}", self.spec.name, self.log_tail()))
    }

    /// Ends the process, and kills it if it does not end in time: its data is durable either way.
    pub async fn end(mut self) {
        drop(self.lifeline.take());
        if timeout(END_TIMEOUT, self.process.wait()).await.is_err() {
            // It fails only if the process has ended meanwhile.
            let _ = self.process.kill().await;
        }
    }

    /// Sends SIGTERM and waits until the process has ended with exit code 0.
    pub(crate) async fn terminate(mut self, deadline: Duration) -> Result<(), LabError> {
        self.signal(Signal::Terminate).await?;
        self.ended(deadline).await
    }

    /// Waits until the process has ended with exit code 0.
    ///
    /// # Errors
    /// If it ends with an error, or not within the deadline.
    pub async fn ended(&mut self, deadline: Duration) -> Result<(), LabError> {
        let reason = match timeout(deadline, self.process.wait()).await {
            Ok(Ok(status)) if status.success() => return Ok(()),
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it still ran after {deadline:?}"),
        };
        Err(LabError::failed(format!(
            "{} did not end in order: {reason}",
            self.spec.name
        )))
    }

    /// Sends the process a signal.
    ///
    /// # Errors
    /// If it has ended.
    pub async fn signal(&self, signal: Signal) -> Result<(), LabError> {
        let flag = signal.flag();
        let cannot = |reason: String| {
            let name = &self.spec.name;
            LabError::failed(format!("cannot send {name} signal {flag}: {reason}"))
        };
        let pid = self.process.id().ok_or_else(|| cannot("it has ended".to_owned()))?;
        let sent = Command::new("kill").arg(flag).arg(pid.to_string()).status().await;
        match sent {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(cannot(format!("kill ended with {status}"))),
            Err(error) => Err(cannot(format!("cannot run kill: {error}"))),
        }
    }

    /// Sends SIGKILL and waits until the process has ended.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub async fn kill(&mut self) -> Result<(), LabError> {
        let killed = self.process.kill().await;
        killed.map_err(|error| LabError::failed(format!("cannot kill {}: {error}", self.spec.name)))
    }

    fn log_tail(&self) -> String {
        let path = self.spec.log.display();
        let log = fs::read_to_string(&self.spec.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        match &lines[lines.len().saturating_sub(TAIL_LINE_COUNT)..] {
            [] => format!("its log {path} is empty"),
            tail => format!("the end of its log {path}:\n{}", tail.join("\n")),
        }
    }
}

impl Signal {
    /// The flag of `kill`.
    const fn flag(self) -> &'static str {
        match self {
            Self::Terminate => "-TERM",
            Self::Stop => "-STOP",
            Self::Continue => "-CONT",
        }
    }
}
