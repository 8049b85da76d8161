//! A headless Chromium: opens pages, reads them, and types and clicks as a person does.

mod devtools;
mod tab;
mod viewport;

use std::env;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;

use self::devtools::Devtools;
pub use self::tab::Tab;
pub use self::viewport::Viewport;

/// Names the program; without it, `chromium` of the path is used.
const PROGRAM: &str = "EMBERKEEP_CHROMIUM";
/// If `1`, a missing program fails the tests.
const REQUIRED: &str = "EMBERKEEP_REQUIRE_CHROMIUM";

/// Chromium speaks its protocol on the descriptors 3 and 4; the shell connects them to standard input and output.
const WRAPPER: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;
const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
];

/// A browser with an empty profile; dropping it ends the process.
#[derive(Debug)]
pub struct Chromium {
    process: Child,
    devtools: Arc<Devtools>,
    _profile: TempDir,
}

impl Chromium {
    /// Starts a browser. Where none is installed, prints that the test is skipped, unless one is required.
    ///
    /// # Panics
    /// If a browser is required and cannot be started.
    pub fn start() -> Option<Self> {
        let program = env::var(PROGRAM).unwrap_or_else(|_| "chromium".to_owned());
        let has_started = Command::new(&program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !has_started {
            let reason = format!("{program} is not installed; {PROGRAM} may name a Chromium");
            let is_required = env::var_os(REQUIRED).is_some_and(|value| value == "1");
            assert!(!is_required, "{reason}");
            eprintln!("skipped: {reason}");
            return None;
        }
        let profile = TempDir::new().expect("there is room for a profile");
        let mut process = Command::new("sh")
            .args(["-c", WRAPPER, &program])
            .args(ARGUMENTS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let input = process.stdin.take().expect("it is piped");
        let output = process.stdout.take().expect("it is piped");
        Some(Self {
            process,
            devtools: Devtools::connect(input, output),
            _profile: profile,
        })
    }

    /// Opens a page in a tab of its own; the tab records requests and errors from the beginning.
    pub fn open(&self, url: &str, viewport: Viewport) -> Tab {
        let created = self
            .devtools
            .call(None, "Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": created["targetId"], "flatten": true });
        let attached = self.devtools.call(None, "Target.attachToTarget", attach);
        let session = attached["sessionId"].as_str().expect("a tab has a session");
        Tab::open(Arc::clone(&self.devtools), session, url, viewport)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
