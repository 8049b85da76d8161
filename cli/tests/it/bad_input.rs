//! Bad input is rejected with one sentence and exit code 2.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use emberkeep_store::embedded::{EmbeddedS3, EmbeddedS3Settings};
use emberkeep_store::{Credentials, Durability};

use crate::binary::{emberkeep, finished};

/// Runs the command; returns the sentence of its error.
fn refusal(command: &mut Command) -> String {
    let ended = finished(command);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    let sentences = ended.stderr.lines().filter_map(|line| line.strip_prefix("error: "));
    let sentences: Vec<_> = sentences.collect();
    assert_eq!(sentences.len(), 1, "{ended:?}");
    sentences[0].to_owned()
}

fn refusal_of(line: &str) -> String {
    refusal(&mut emberkeep(line.split_whitespace()))
}

#[test]
fn an_unknown_flag_is_named() {
    assert_eq!(refusal_of("dev --podz 3"), "unexpected argument '--podz' found");
}

#[test]
fn contradicting_disruptions_are_refused() {
    let cases = [
        (
            "--rolling-restart --kill-every 5s",
            "the argument '--rolling-restart' cannot be used with '--kill-every <TIME>'",
        ),
        (
            "--scale 3,2 --rolling-restart",
            "the argument '--scale <COUNT,...>' cannot be used with '--rolling-restart'",
        ),
        (
            "--partition-every 20s --kill-leader-every 5s",
            "the argument '--partition-every <TIME>' cannot be used with '--kill-leader-every <TIME>'",
        ),
        (
            "--speed 2 --rate 100",
            "the argument '--speed <FACTOR>' cannot be used with '--rate <REQUESTS_PER_SECOND>'",
        ),
        ("--stop-every 5s", "--stop-every 5s must be longer than --stop-for 8s"),
        (
            "--kill-every 1s --for 5s --warm-up 5s",
            "--for 5s must be longer than --warm-up 5s, or nothing is done to the cluster",
        ),
        (
            "--hot-key 0.3 --for 20s --speed 0",
            "--hot-key needs a pace: give --rate, or a --speed above 0",
        ),
        (
            "--hot-key 30 --for 20s",
            "invalid value '30' for '--hot-key <SHARE>': it must be a number between 0 and 1, as 0.3",
        ),
    ];
    for (flags, expected) in cases {
        assert_eq!(refusal_of(&format!("dev {flags}")), expected, "{flags}");
    }
}

#[test]
fn a_collector_or_a_ratio_that_cannot_be_used_is_refused() {
    for command in ["dev", "assigner"] {
        assert_eq!(
            refusal_of(&format!("{command} --otlp-endpoint collector")),
            "invalid value 'collector' for '--otlp-endpoint <URL>': it must be the address of an OTLP collector for gRPC, \
             such as http://127.0.0.1:4317"
        );
        assert_eq!(
            refusal_of(&format!(
                "{command} --otlp-endpoint http://127.0.0.1:4317 --trace-sample 1.5"
            )),
            "invalid value '1.5' for '--trace-sample <RATIO>': it must be a number from 0 to 1, such as 0.01 for one \
             request in a hundred"
        );
    }
}

#[test]
fn a_trace_that_cannot_be_read_is_named() {
    let sentence = refusal_of("dev --trace /nowhere/trace.csv");
    assert_eq!(
        sentence,
        "cannot read trace /nowhere/trace.csv: No such file or directory (os error 2)"
    );
}

#[test]
fn a_malformed_trace_is_named_with_its_line() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("bad.csv"), "at_ms,key,load\n0,a,1\n1,b\n").unwrap();
    let mut command = emberkeep(["dev", "--trace", "bad.csv"]);
    let sentence = refusal(command.current_dir(place.path()));
    assert_eq!(
        sentence,
        "trace bad.csv, line 3: expected 3 fields, found 2; a row is at_ms,key,load"
    );
}

#[test]
fn a_data_folder_of_another_version_is_refused() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("format"), "emberkeep dev 99\n").unwrap();
    let sentence = refusal_of(&format!("dev --data {}", place.path().display()));
    assert!(
        sentence.contains(r#"has format "emberkeep dev 99", this version reads "emberkeep dev 1""#),
        "{sentence}"
    );
}

#[test]
fn a_port_in_use_is_named() {
    let place = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let data = place.path().join("data");
    let sentence = refusal_of(&format!("assigner --listen {address} --data {}", data.display()));
    assert_eq!(
        sentence,
        format!(
            "the listen address is unavailable: {address} is in use by another process; stop it, or choose another port"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_the_store_refuses_are_reported() {
    let place = tempfile::tempdir().unwrap();
    let server = EmbeddedS3::start(EmbeddedS3Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        folder: place.path().to_owned(),
        credentials: Credentials {
            access_key: "right".to_owned(),
            secret_key: "right".to_owned(),
        },
        durability: Durability::Unsynced,
    })
    .await
    .unwrap();
    server.create_bucket("state").await.unwrap();
    let mut command = emberkeep(["dev", "--store", &server.url("state")]);
    command
        .env("AWS_ACCESS_KEY_ID", "right")
        .env("AWS_SECRET_ACCESS_KEY", "wrong");
    let sentence = tokio::task::spawn_blocking(move || refusal(&mut command))
        .await
        .unwrap();
    assert!(
        sentence.contains("refused the credentials: SignatureDoesNotMatch"),
        "{sentence}"
    );
}

#[test]
fn a_store_without_conditional_writes_is_refused() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    thread::spawn(move || {
        for connection in server.incoming().flatten() {
            thread::spawn(move || ignore_conditions(connection));
        }
    });
    let url = format!("s3://state?endpoint=http://{address}&path_style=true");
    let mut command = emberkeep(["dev", "--store", &url]);
    command
        .env("AWS_ACCESS_KEY_ID", "any")
        .env("AWS_SECRET_ACCESS_KEY", "any");
    let sentence = refusal(&mut command);
    assert!(sentence.contains("does not honour conditional writes"), "{sentence}");
}

/// Answers one request like a server that accepts every write, whatever its condition.
fn ignore_conditions(connection: TcpStream) {
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|read| read > 0) {}
    let head = head.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    let _ = reader.read_exact(&mut body);
    let answer = if head.starts_with("get") {
        let listing = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
        format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{listing}",
            listing.len()
        )
    } else if head.starts_with("put") {
        "HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"1\"\r\ncontent-length: 0\r\n\r\n".to_owned()
    } else {
        "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned()
    };
    let _ = reader.into_inner().write_all(answer.as_bytes());
}
