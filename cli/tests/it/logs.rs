//! The form of the log.

use std::fs::{self, File};

use emberkeep_testkit::address::free_address;
use emberkeep_testkit::process::ServerProcess;
use serde_json::Value;

use crate::binary::emberkeep;

#[test]
fn each_line_of_a_json_log_is_an_object_with_its_fields() {
    let place = tempfile::tempdir().unwrap();
    let (listen, http) = (free_address(), free_address());
    let line = format!("assigner --log-format json --listen {listen} --http {http} --data data");
    let log = place.path().join("log");
    let mut command = emberkeep(line.split_whitespace());
    command.current_dir(place.path()).stderr(File::create(&log).unwrap());
    let mut assigner = ServerProcess::listening(&mut command, listen);
    assert!(assigner.terminate().success());
    let text = fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let listening = lines.iter().find(|line| line["message"] == "assigner is listening");
    let listening = listening.unwrap_or_else(|| panic!("{text}"));
    assert_eq!(listening["address"], listen.to_string());
    assert_eq!(listening["level"], "INFO");
}
