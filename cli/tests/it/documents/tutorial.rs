//! The tutorial, executed: its files make a project in a temporary folder, its commands run there, and they print what it shows.
//!
//! Differences from a manual run, so that nothing is downloaded and little is compiled twice:
//!
//! - the program `emberkeep` is the one that cargo built for this test, instead of `cargo install`;
//! - `../emberkeep` is the repository, and the project shares its lock file and its target folder;
//! - one further dependency unifies features with the workspace, and its development profile is that of the workspace;
//! - addresses have other ports.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use emberkeep_testkit::address::free_address;
use tempfile::TempDir;

use super::steps::{Step, steps_of};
use super::terminal::Terminal;
use super::{document, root};

/// Long enough to compile everything on a busy machine.
const BUILD_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// The features that a build of the workspace with its tests has and one of the project alone has not. A feature that is missing here costs
/// time, nothing else.
const ALIGNMENT: &str = r#"
[package]
name = "alignment"
version = "0.1.0"
edition = "2024"

[lib]
path = "lib.rs"

[dependencies]
emberkeep-assigner = { path = "../emberkeep/assigner" }
emberkeep-store = { path = "../emberkeep/store", features = ["embedded"] }
byteorder = "1"
num-traits = "0.2"
tokio = { version = "1", features = ["test-util"] }
tokio-rustls = { version = "0.26", default-features = false, features = ["ring"] }
"#;

const CARGO_CONFIG: &str = r#"
[net]
offline = true

[profile.dev]
debug = "line-tables-only"

[profile.dev.package."*"]
debug = false
"#;

#[test]
fn each_step_of_the_tutorial_works() {
    let steps = steps_of(&document("docs/tutorial.md"));
    assert!(steps.len() > 15, "the tutorial has steps");
    let mut run = TutorialRun::new();
    for step in &steps {
        run.follow(step);
    }
}

/// One run through the tutorial, in a temporary folder, with its open terminals.
struct TutorialRun {
    folder: TempDir,
    terminals: BTreeMap<String, Terminal>,
    addresses: BTreeMap<String, String>,
}

impl TutorialRun {
    fn new() -> Self {
        let run = Self {
            folder: TempDir::new().unwrap(),
            terminals: BTreeMap::new(),
            addresses: BTreeMap::new(),
        };
        run.write(Path::new("alignment/Cargo.toml"), &in_repository(ALIGNMENT));
        run.write(Path::new("alignment/lib.rs"), "");
        run.write(Path::new(".cargo/config.toml"), CARGO_CONFIG);
        run.write(Path::new("visits/Cargo.lock"), &document("Cargo.lock"));
        std::os::unix::fs::symlink(target_folder(), run.project().join("target")).unwrap();
        run
    }

    fn follow(&mut self, step: &Step) {
        match step {
            Step::File { path, text } => {
                let text = match path.as_str() {
                    "Cargo.toml" => aligned(&in_repository(text)),
                    _ => text.clone(),
                };
                self.write(&Path::new("visits").join(path), &text);
            }
            Step::Run { commands, prints } => {
                let (commands, prints) = (self.readdressed(commands), self.readdressed(prints));
                let mut terminal = Terminal::start(&commands, &mut self.shell(), &commands);
                let status = terminal.end(BUILD_DEADLINE, &prints);
                assert!(status.success(), "{commands} ended with {status}");
            }
            Step::Start {
                terminal,
                command,
                prints,
            } => {
                let (command, prints) = (self.readdressed(command), self.readdressed(prints));
                let mut started = Terminal::start(terminal, &mut self.shell(), &format!("exec {command}"));
                started.wait_for(&prints);
                self.terminals.insert(terminal.clone(), started);
            }
            Step::Ended { terminal, prints } => self.terminal(terminal).ends_well(prints),
            Step::Interrupt { terminal, prints } => {
                let terminal = self.terminal(terminal);
                if prints.is_empty() {
                    terminal.kill();
                } else {
                    terminal.interrupt();
                    terminal.ends_well(prints);
                }
            }
        }
    }

    fn terminal(&mut self, name: &str) -> &mut Terminal {
        self.terminals.get_mut(name).expect("the tutorial has started it")
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("visits")
    }

    fn write(&self, path: &Path, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn shell(&mut self) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_emberkeep")).parent().unwrap();
        let cargo = Path::new(env!("CARGO")).parent().unwrap();
        let others = env::var_os("PATH").unwrap_or_default();
        let folders = [program.to_owned(), cargo.to_owned()]
            .into_iter()
            .chain(env::split_paths(&others));
        let mut shell = Command::new("sh");
        shell.current_dir(self.project());
        // Build scripts run again when these change, and cargo sets them for tests.
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
            {
                shell.env_remove(&*name);
            }
        }
        shell
            .env("PATH", env::join_paths(folders).unwrap())
            .env("CARGO_TARGET_DIR", target_folder())
            .env("ASSIGNER", self.readdressed("http://127.0.0.1:7400"));
        shell
    }

    /// The text with a free address of this machine in place of each one that the tutorial names.
    fn readdressed(&mut self, text: &str) -> String {
        const HOST: &str = "127.0.0.1:";
        let mut parts = text.split(HOST);
        let mut readdressed = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (port, rest) = part.split_at(part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len()));
            let address = self.addresses.entry(port.to_owned());
            let address = address.or_insert_with(|| free_address().to_string());
            readdressed.push_str(&format!("{address}{rest}"));
        }
        readdressed
    }
}

fn in_repository(manifest: &str) -> String {
    manifest.replace("../emberkeep", root().to_str().unwrap())
}

fn aligned(manifest: &str) -> String {
    manifest.replacen(
        "[dependencies]",
        "[dependencies]\nalignment = { path = \"../alignment\" }",
        1,
    )
}

fn target_folder() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_emberkeep"));
    program.ancestors().nth(2).unwrap().to_owned()
}
