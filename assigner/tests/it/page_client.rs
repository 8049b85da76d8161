//! A client of the page over HTTP, as a browser or a script sends requests.

use std::net::SocketAddr;

use emberkeep_runtime::http_get::{exchange, http_get};
use emberkeep_testkit::deadline::within;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct PageAnswer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl PageAnswer {
    fn of(text: &str) -> Self {
        let (headers, body) = text.split_once("\r\n\r\n").unwrap();
        Self {
            status: headers.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: headers.to_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The sentence of a refusal.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

pub(crate) async fn get(page: SocketAddr, path: &str) -> PageAnswer {
    PageAnswer::of(&within(path, http_get(page, path)).await.unwrap())
}

/// Sends a command with these further headers.
pub(crate) async fn post(page: SocketAddr, body: &str, headers: &[(&str, &str)]) -> PageAnswer {
    let further: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = body.len();
    let request = format!(
        "POST /api/command HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\nContent-Length: {length}\r\n{further}\r\n{body}"
    );
    let mut answer = Vec::new();
    let address = page.to_string();
    let exchanged = exchange(&address, &request, &mut answer);
    within("the answer to a command", exchanged).await.unwrap();
    PageAnswer::of(&String::from_utf8(answer).unwrap())
}

/// Sends a command as the page itself does.
pub(crate) async fn command(page: SocketAddr, body: &str) -> PageAnswer {
    let origin = format!("http://{page}");
    let own = [
        ("Content-Type", "application/json"),
        ("Origin", &*origin),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    post(page, body, &own).await
}

/// An open live stream.
pub(crate) struct LiveStream {
    lines: tokio::io::Lines<BufReader<TcpStream>>,
}

impl LiveStream {
    /// Opens the stream, and returns the status line.
    pub(crate) async fn open(page: SocketAddr, query: &str) -> (String, Self) {
        let mut connection = TcpStream::connect(page).await.unwrap();
        let request = format!("GET /api/live{query} HTTP/1.1\r\nHost: {page}\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(connection).lines();
        let status = within("the status line", lines.next_line()).await.unwrap().unwrap();
        (status, Self { lines })
    }

    /// The next view that satisfies the predicate.
    pub(crate) async fn view(&mut self, name: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let wanted = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("the stream is open");
                let Some(json) = line.strip_prefix("data: ") else {
                    continue;
                };
                let view: Value = serde_json::from_str(json).unwrap();
                if is_wanted(&view) {
                    return view;
                }
            }
        };
        within(name, wanted).await
    }
}
