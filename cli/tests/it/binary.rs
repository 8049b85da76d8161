//! Running the built binary, with a deadline.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Far longer than any command takes; only a command that hangs exceeds it.
const DEADLINE: Duration = Duration::from_secs(180);

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct FinishedCommand {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_emberkeep");

/// The command with these arguments.
pub(crate) fn emberkeep<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command to its end.
pub(crate) fn finished(command: &mut Command) -> FinishedCommand {
    let mut child = command.spawn().expect("the binary was built");
    let stdout = read_in_background(child.stdout.take().expect("it is piped"));
    let stderr = read_in_background(child.stderr.take().expect("it is piped"));
    let text = |reader: &mpsc::Receiver<String>| reader.recv_timeout(DEADLINE);
    let (stdout, stderr) = match (text(&stdout), text(&stderr)) {
        (Ok(stdout), Ok(stderr)) => (stdout, stderr),
        _ => hangs(child),
    };
    let code = child.wait().expect("it was started").code();
    FinishedCommand { code, stdout, stderr }
}

fn read_in_background(mut source: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let _ = source.read_to_string(&mut text);
        let _ = sender.send(text);
    });
    receiver
}

fn hangs(mut child: Child) -> ! {
    let _ = child.kill();
    panic!("the command did not end within {DEADLINE:?}")
}
