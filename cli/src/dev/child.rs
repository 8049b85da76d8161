//! The processes of a dev cluster.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child as Process, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::exit::Failure;
use crate::ready::READY;

/// How long a child may take to be ready.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(1);
/// How much of a log is shown when its process ends.
const TAIL_LINE_COUNT: usize = 10;

/// What is to be started: a command of this very binary.
#[derive(Debug, Clone)]
pub(crate) struct ChildSpec {
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(&'static str, String)>,
    pub(crate) log: PathBuf,
}

/// What a process is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// End in order.
    Terminate,
    /// Stand still.
    Stop,
    /// Go on after that.
    Continue,
}

/// A running process. It is killed when this is dropped, and ends by itself when this process is gone.
#[derive(Debug)]
pub(crate) struct Child {
    spec: ChildSpec,
    process: Process,
    /// What it prints.
    output: Lines<BufReader<ChildStdout>>,
    /// The child ends when this closes, which it does in any case when this process ends.
    lifeline: Option<ChildStdin>,
}

impl Child {
    /// Starts a process and waits until it is ready.
    pub(crate) async fn start(spec: ChildSpec) -> Result<Self, Failure> {
        let mut child = Self::spawn(spec)?;
        child.ready().await?;
        Ok(child)
    }

    fn spawn(spec: ChildSpec) -> Result<Self, Failure> {
        let cannot = |error| Failure::failed(format!("cannot start {}: {error}", spec.name));
        let log = File::options()
            .create(true)
            .append(true)
            .open(&spec.log)
            .map_err(cannot)?;
        let mut process = Command::new(std::env::current_exe().map_err(cannot)?)
            .args(&spec.args)
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C on the terminal is for this process, which then stops its children itself.
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

    async fn ready(&mut self) -> Result<(), Failure> {
        match timeout(START_TIMEOUT, self.output.next_line()).await {
            Ok(Ok(Some(line))) if line.starts_with(READY) => Ok(()),
            Ok(_) => {
                let ended = timeout(START_TIMEOUT, self.process.wait()).await;
                let status = ended.ok().and_then(Result::ok);
                Err(self.did_not_start(status))
            }
            Err(_) => Err(Failure::failed(format!(
                "{} was not ready within {START_TIMEOUT:?}\n{}",
                self.spec.name,
                self.log_tail()
            ))),
        }
    }

    /// What a child calls bad input is ours too.
    fn did_not_start(&self, status: Option<ExitStatus>) -> Failure {
        let log = fs::read_to_string(&self.spec.log).unwrap_or_default();
        let reason = log.lines().rev().find_map(|line| line.strip_prefix("error: "));
        let bad_input = status.and_then(|status| status.code()) == Some(Failure::BAD_INPUT.into());
        match reason {
            Some(reason) if bad_input => Failure::bad_input(reason),
            Some(reason) => Failure::failed(format!("{} did not start: {reason}", self.spec.name)),
            None => Failure::failed(format!("{} did not start\n{}", self.spec.name, self.log_tail())),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its number, while it runs.
    pub(crate) fn id(&self) -> Result<u32, Failure> {
        self.process.id().ok_or_else(|| self.complaint("has ended"))
    }

    /// Kills the process with SIGKILL and starts it again, told this, too.
    pub(crate) async fn restart(&mut self, more: impl IntoIterator<Item = String>) -> Result<(), Failure> {
        self.kill().await?;
        let mut spec = self.spec.clone();
        spec.args.extend(more);
        *self = Self::start(spec).await?;
        Ok(())
    }

    /// The next line that it prints, after it was ready.
    pub(crate) async fn line(&mut self, deadline: Duration) -> Result<String, Failure> {
        let ended = match timeout(deadline, self.output.next_line()).await {
            Ok(Ok(Some(line))) => return Ok(line),
            Ok(_) => "ended before it had said all",
            Err(_) => "did not go on",
        };
        Err(Failure::failed(format!(
            "{} {ended}\n{}",
            self.spec.name,
            self.log_tail()
        )))
    }

    /// Whether the process has done all it had to.
    pub(crate) fn has_ended_well(&mut self) -> bool {
        let status = self.process.try_wait().ok().flatten();
        status.is_some_and(|status| status.success())
    }

    /// The complaint, if the process has ended though nobody wanted it to.
    pub(crate) fn unexpected_end(&mut self) -> Option<Failure> {
        let status = self.process.try_wait().ok().flatten()?;
        Some(self.complaint(&format!("ended unexpectedly, {status}")))
    }

    /// What the process did wrong, with the end of its log.
    pub(crate) fn complaint(&self, what: &str) -> Failure {
        Failure::failed(format!("{} {what}\n{}", self.spec.name, self.log_tail()))
    }

    /// Lets the process end, and kills it if it does not: what it holds is safe either way.
    pub(crate) async fn end(mut self) {
        drop(self.lifeline.take());
        if timeout(END_TIMEOUT, self.process.wait()).await.is_err() {
            // It fails only if the process has ended meanwhile.
            let _ = self.process.kill().await;
        }
    }

    /// Asks the process to end by SIGTERM, and waits until it has, in order.
    pub(crate) async fn terminate(self, deadline: Duration) -> Result<(), Failure> {
        self.signal(Signal::Terminate).await?;
        self.ended(deadline).await
    }

    /// Waits until the process, which was told to, has ended in order.
    pub(crate) async fn ended(mut self, deadline: Duration) -> Result<(), Failure> {
        let reason = match timeout(deadline, self.process.wait()).await {
            Ok(Ok(status)) if status.success() => return Ok(()),
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it had not within {deadline:?}"),
        };
        Err(Failure::failed(format!("{} was told to end: {reason}", self.spec.name)))
    }

    /// Sends the process a signal.
    pub(crate) async fn signal(&self, signal: Signal) -> Result<(), Failure> {
        let flag = signal.flag();
        let cannot = |reason: String| {
            let name = &self.spec.name;
            Failure::failed(format!("cannot send {name} signal {flag}: {reason}"))
        };
        let pid = self.process.id().ok_or_else(|| cannot("it has ended".to_owned()))?;
        let sent = Command::new("kill").arg(flag).arg(pid.to_string()).status().await;
        match sent {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(cannot(format!("kill ended with {status}"))),
            Err(error) => Err(cannot(format!("cannot run kill: {error}"))),
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) async fn kill(&mut self) -> Result<(), Failure> {
        let killed = self.process.kill().await;
        killed.map_err(|error| Failure::failed(format!("cannot kill {}: {error}", self.spec.name)))
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
    /// What `kill` calls it.
    const fn flag(self) -> &'static str {
        match self {
            Self::Terminate => "-TERM",
            Self::Stop => "-STOP",
            Self::Continue => "-CONT",
        }
    }
}
