//! Running the built binary, with a deadline.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use emberkeep_testkit::deadline::RUN_DEADLINE;
use serde_json::Value;

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

/// Runs a command line to its end, in this folder.
pub(crate) fn finished_in(folder: &Path, line: &str) -> FinishedCommand {
    finished(emberkeep(line.split_whitespace()).current_dir(folder))
}

/// The content of a JSON file in this folder.
pub(crate) fn json_in(folder: &Path, name: &str) -> Value {
    let text = fs::read_to_string(folder.join(name)).expect("the command has written it");
    serde_json::from_str(&text).expect("it is JSON")
}

/// Runs a command to its end.
pub(crate) fn finished(command: &mut Command) -> FinishedCommand {
    let mut child = command.spawn().expect("the binary was built");
    let stdout = read_in_background(child.stdout.take().expect("it is piped"));
    let stderr = read_in_background(child.stderr.take().expect("it is piped"));
    let text = |reader: &mpsc::Receiver<String>| reader.recv_timeout(RUN_DEADLINE);
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
    panic!("the command did not end within {RUN_DEADLINE:?}")
}
