//! moto, an independent S3 server: one process for all tests of this program.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{ChildStderr, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;

use emberkeep_testkit::deadline::DEADLINE;

use crate::bucket::BUCKET;

/// Names the program. A program found on the path is not used, because older versions violate guarantees of S3.
const PROGRAM: &str = "EMBERKEEP_MOTO_SERVER";
/// If `1`, a missing program fails the tests.
const REQUIRED: &str = "EMBERKEEP_REQUIRE_MOTO";
/// The line that it logs once it accepts connections.
const LISTENING: &str = " * Running on http://";

/// Runs the program until standard input ends, which the system closes when this process ends, even by a kill.
const WRAPPER: &str = r#"trap '' INT HUP
"$0" -H 127.0.0.1 -p 0 >/dev/null & exec 2>&-
read -r _; kill $!"#;

/// The address of the server, if there is one.
pub(crate) fn addr() -> Option<SocketAddr> {
    static MOTO: OnceLock<Result<Moto, String>> = OnceLock::new();
    match MOTO.get_or_init(Moto::start) {
        Ok(moto) => Some(moto.addr),
        Err(reason) if env::var_os(REQUIRED).is_some_and(|value| value == "1") => panic!("{reason}"),
        Err(reason) => {
            eprintln!("skipped: {reason}");
            None
        }
    }
}

struct Moto {
    addr: SocketAddr,
    /// Closed by the system when this process ends.
    _alive: ChildStdin,
}

impl Moto {
    fn start() -> Result<Self, String> {
        let program = env::var(PROGRAM).map_err(|_| format!("{PROGRAM} names no moto_server, 5.2.5 or later"))?;
        let mut wrapper = Command::new("sh")
            .args(["-c", WRAPPER, &program])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("no shell to run {program}: {error}"))?;
        let (sender, receiver) = channel();
        let log = wrapper.stderr.take().unwrap();
        thread::spawn(move || follow(log, &sender));
        let addr = receiver.recv_timeout(DEADLINE).map_err(|error| match error {
            RecvTimeoutError::Disconnected => format!("{program}, named by {PROGRAM}, is missing or ended at once"),
            RecvTimeoutError::Timeout => format!("{program} did not start within {DEADLINE:?}"),
        })?;
        create_bucket(addr);
        Ok(Self {
            addr,
            _alive: wrapper.stdin.take().unwrap(),
        })
    }
}

/// Reads the log to its end, because a full pipe would block the server; sends its address.
fn follow(log: ChildStderr, sender: &Sender<SocketAddr>) {
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        if let Some(addr) = line.strip_prefix(LISTENING) {
            let _ = sender.send(addr.parse().unwrap());
        }
    }
}

/// Without a signature, which moto accepts.
fn create_bucket(addr: SocketAddr) {
    let mut connection = TcpStream::connect(addr).unwrap();
    connection.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(
        connection,
        "PUT /{BUCKET} HTTP/1.1\r\nHost: {addr}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
