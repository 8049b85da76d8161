//! The commands of `deploy/compose.yaml` are valid command lines of the program.

use clap::Parser;

use super::documents::text_of;
use crate::args::Args;

/// The arguments of each container whose command is one of ours, with the default of each variable.
fn commands() -> Vec<Vec<String>> {
    let text = text_of("deploy/compose.yaml");
    let mut commands = Vec::new();
    let mut lines = text.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        let Some(inline) = line.strip_prefix("command:") else {
            continue;
        };
        let inline = inline.trim().trim_start_matches('[').trim_end_matches(']');
        let mut arguments: Vec<String> = inline
            .split(", ")
            .filter(|text| !text.is_empty())
            .map(argument)
            .collect();
        while let Some(item) = lines.peek().and_then(|line| line.strip_prefix("- ")) {
            arguments.push(argument(item));
            lines.next();
        }
        commands.push(arguments);
    }
    commands
}

/// Without quotes, and with the default in place of `${VARIABLE:-default}`.
fn argument(text: &str) -> String {
    let text = text.trim_matches('"');
    match text.split_once("${") {
        Some((before, rest)) => {
            let (variable, after) = rest.split_once('}').expect("a variable ends");
            let (_, default) = variable.split_once(":-").expect("a variable has a default");
            format!("{before}{default}{after}")
        }
        None => text.to_owned(),
    }
}

#[test]
fn the_commands_of_the_compose_file_are_valid() {
    let ours = ["assigner", "dev-pod", "dev-client", "dev-s3"];
    let commands = commands();
    for command in ours {
        assert!(
            commands.iter().any(|arguments| arguments[0] == command),
            "no container runs {command}"
        );
    }
    for arguments in commands
        .iter()
        .filter(|arguments| ours.contains(&arguments[0].as_str()))
    {
        let line = std::iter::once("emberkeep").chain(arguments.iter().map(String::as_str));
        if let Err(error) = Args::try_parse_from(line) {
            panic!("{arguments:?}: {error}");
        }
    }
}
