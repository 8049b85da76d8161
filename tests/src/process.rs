//! The programs under test, as processes of their own.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long anything may take: generous, because only a fault reaches it.
const DEADLINE: Duration = Duration::from_secs(60);

/// Builds the programs of the workspace, once a test run, and answers where they are.
pub fn build() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--locked",
            "-p",
            "emberkeep",
            "-p",
            "emberkeep-example-profiles",
        ]);
        let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.expect("cargo runs").success(), "the programs build");
        let test = std::env::current_exe().expect("a test knows where it is");
        // target/debug/deps/test-1234
        test.ancestors().nth(2).expect("a test lies in deps").to_owned()
    })
}

/// An address on this machine at which nobody listens.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound")
}

/// Asks again and again until the answer is there.
pub fn wait_for<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(start.elapsed() < DEADLINE, "{what} took longer than {DEADLINE:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts one of the workspace's programs.
    pub fn start(program: &str, args: &[&str]) -> Self {
        let child = Command::new(build().join(program))
            .args(args)
            .stdin(Stdio::null())
            .spawn();
        Self {
            name: program.to_owned(),
            child: child.unwrap_or_else(|error| panic!("{program} does not start: {error}")),
        }
    }

    /// The same, once it listens at `address`.
    pub fn listening(program: &str, args: &[&str], address: SocketAddr) -> Self {
        let mut process = Self::start(program, args);
        wait_for("listening", || {
            let ended = process.child.try_wait().expect("it is our child");
            assert_eq!(ended, None, "{program} ended before it listened at {address}");
            TcpStream::connect(address).ok()
        });
        process
    }

    /// Runs a program to its end; answers what it printed.
    pub fn output(program: &str, args: &[&str], environment: &[(&str, &str)]) -> Result<String, String> {
        let mut command = Command::new(build().join(program));
        command
            .args(args)
            .envs(environment.iter().copied())
            .stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let status = wait_for(program, || child.try_wait().expect("it is our child"));
        let read = |pipe: Option<&mut dyn Read>| {
            let mut text = String::new();
            pipe.expect("it is piped")
                .read_to_string(&mut text)
                .expect("programs print UTF-8");
            text
        };
        let printed = read(child.stdout.as_mut().map(|pipe| pipe as &mut dyn Read));
        let complained = read(child.stderr.as_mut().map(|pipe| pipe as &mut dyn Read));
        if status.success() { Ok(printed) } else { Err(complained) }
    }

    /// Asks it to stop, as Kubernetes does, and waits for its end.
    pub fn terminate(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        assert!(sent.success(), "{} is running", self.name);
        wait_for("the end", || self.child.try_wait().expect("it is our child"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
