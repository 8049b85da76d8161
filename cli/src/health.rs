//! `emberkeep health`: asks a process whether it can do its work, for the health checks of containers.

use std::io;
use std::time::Duration;

use clap::Args;
use emberkeep_runtime::http_get::http_get;
use tokio::time::timeout;

use crate::exit::CommandError;
use crate::output;
use crate::quantity::positive_duration_from;

/// The page that every role serves beside its metrics.
const PAGE: &str = "/healthz";

/// Ask an assigner, a pod or a client whether it is healthy, at its address for metrics and health.
///
/// A member of the assigner is healthy while it knows a leader, a pod once it has an assignment. An unhealthy process is
/// a failure (exit code 1), and its reason is printed.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// The address for metrics and health
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:7401", value_parser = address_from)]
    address: String,
    /// The deadline of the answer
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = positive_duration_from)]
    timeout: Duration,
}

fn address_from(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(1..)) => Ok(text.to_owned()),
        _ => Err("write a host and a port, as 127.0.0.1:7401".to_owned()),
    }
}

/// Prints `ok`, or fails with the reason of the process.
pub(crate) async fn run(args: HealthArgs) -> Result<(), CommandError> {
    let HealthArgs {
        address,
        timeout: limit,
    } = args;
    let unreachable = |reason: String| CommandError::failed(format!("{address} does not answer: {reason}"));
    let answer = match timeout(limit, http_get(&address, PAGE)).await {
        Ok(answer) => answer.map_err(|error: io::Error| unreachable(error.to_string()))?,
        Err(_) => return Err(unreachable(format!("no answer within {limit:?}"))),
    };
    match verdict(&answer) {
        Ok(()) => output::print("ok\n".to_owned()),
        Err(reason) => Err(CommandError::failed(format!("{address} is unhealthy: {reason}"))),
    }
}

/// The meaning of an HTTP answer; the error is the reason for which the process is unhealthy.
fn verdict(answer: &str) -> Result<(), String> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status_line = head.lines().next().unwrap_or_default();
    match status_line.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some("503") => Err(body.trim_end().to_owned()),
        _ => Err(format!("it answered {status_line:?} to {PAGE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_a_page_of_health_is_a_verdict() {
        assert_eq!(verdict("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), Ok(()));
        let unavailable = "HTTP/1.1 503 Service Unavailable\r\n\r\nno leader is known";
        assert_eq!(verdict(unavailable), Err("no leader is known".to_owned()));
        let other = verdict("HTTP/1.1 404 Not Found\r\n\r\n").unwrap_err();
        assert_eq!(other, "it answered \"HTTP/1.1 404 Not Found\" to /healthz");
        assert!(verdict("").is_err());
    }

    #[test]
    fn an_address_needs_a_host_and_a_port() {
        assert!(address_from("assigner-1:7401").is_ok() && address_from("[::1]:7401").is_ok());
        for wrong in ["", ":7401", "host", "host:0", "host:http"] {
            assert!(address_from(wrong).is_err(), "{wrong}");
        }
    }
}
