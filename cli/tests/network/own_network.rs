//! A network namespace for one test, which runs itself again inside.

use std::any::type_name;
use std::env;
use std::io::Read;
use std::process::{Command, Output, Stdio};
use std::thread;

use emberkeep_testkit::deadline::RUN_DEADLINE;
use tokio::runtime::Builder;
use tokio::time::timeout;

/// Set for the run inside.
const INSIDE: &str = "EMBERKEEP_TEST_OWN_NETWORK";
/// The flags of `unshare` that create a network namespace, for root and for other users.
const UNSHARE_FLAGS: [&[&str]; 2] = [&["--net"], &["--net", "--user", "--map-root-user"]];
/// Commands that must work inside.
const PROBE: &str = "ip link add hub type bridge && ip link add near type veth peer name far && unshare --net true";

/// Runs the test in its own network namespace, or prints why none can be created. Must be called with a closure by the
/// test itself, whose name is taken from the type of the closure.
pub(crate) fn in_own_network<S: AsyncFnOnce()>(test: S) {
    if env::var_os(INSIDE).is_some() {
        return run(test);
    }
    match unshare_flags() {
        Ok(flags) => run_inside(flags, &test_of::<S>()),
        Err(reason) => eprintln!("skipped: no network namespaces: {reason}"),
    }
}

fn run(test: impl AsyncFnOnce()) {
    thread::spawn(end_with_parent);
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async { timeout(RUN_DEADLINE, test()).await });
    assert!(ended.is_ok(), "it took longer than {RUN_DEADLINE:?}");
}

/// Ends this process when its standard input closes, at the latest when the outer test process ends.
fn end_with_parent() {
    let _ = std::io::stdin().read(&mut [0]);
    std::process::exit(1);
}

/// The first flags that work here, or why the last ones failed.
fn unshare_flags() -> Result<&'static [&'static str], String> {
    let mut reason = String::new();
    for flags in UNSHARE_FLAGS {
        match unshare(flags).args(["sh", "-c", PROBE]).output() {
            Ok(tried) if tried.status.success() => return Ok(flags),
            Ok(tried) => reason = text(&tried.stderr).trim().replace('\n', "; "),
            Err(error) => reason = format!("unshare: {error}"),
        }
    }
    Err(reason)
}

fn run_inside(flags: &[&str], test: &str) {
    let mut inside = unshare(flags)
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lifeline = inside.stdin.take();
    let Output { status, stdout, stderr } = inside.wait_with_output().unwrap();
    drop(lifeline);
    let (stdout, stderr) = (text(&stdout), text(&stderr));
    let has_passed = status.success() && stdout.contains(" 1 passed");
    assert!(has_passed, "{test} inside: {status}\n{stdout}\n{stderr}");
    eprint!("{stderr}");
}

fn unshare(flags: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(flags);
    command
}

/// The name of the test that contains the closure, without the name of the crate.
fn test_of<S>() -> String {
    let path = type_name::<S>();
    let path = path.split_once("::").map_or(path, |(_, path)| path);
    path.replace("::{{closure}}", "")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
