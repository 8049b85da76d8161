//! Pages of commands, from their definitions.

use clap::{Arg, Command, CommandFactory};

use super::page::{ReferencePage, sentence};
use crate::args::Args;

pub(super) fn page(name: &str) -> String {
    let mut program = Args::command();
    program.build();
    let command = program.find_subcommand(name).expect("it is a command of the program");
    let mut page = ReferencePage::new(&format!("`emberkeep {name}`"));
    describe(&mut page, command, &format!("emberkeep {name}"), 2);
    page.text()
}

fn describe(page: &mut ReferencePage, command: &Command, path: &str, level: usize) {
    let about = command.get_long_about().or_else(|| command.get_about());
    page.paragraph(&about.map(|about| sentence(&about.to_string())).unwrap_or_default());
    let usage = command.clone().render_usage().to_string();
    page.code("text", usage.trim_start_matches("Usage: "));
    let is_top = level == 2;
    let shown = |arg: &&Arg| {
        !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version") && (is_top || !arg.is_global_set())
    };
    let args: Vec<&Arg> = command.get_arguments().filter(shown).collect();
    let mut headings: Vec<Option<&str>> = args.iter().map(|arg| arg.get_help_heading()).collect();
    headings.dedup();
    for heading in headings {
        if let Some(heading) = heading {
            page.heading(level, heading);
        }
        let of_heading = args.iter().filter(|arg| arg.get_help_heading() == heading);
        page.list(&of_heading.map(|arg| item(arg)).collect::<Vec<_>>());
    }
    let subcommands = command.get_subcommands();
    for sub in subcommands.filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        let path = format!("{path} {}", sub.get_name());
        page.heading(level, &format!("`{path}`"));
        describe(page, sub, &path, level + 1);
    }
}

fn item(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let help = help.map(|help| sentence(&help.to_string())).unwrap_or_default();
    let mut item = match help.is_empty() {
        true => format!("`{}`", invocation(arg)),
        false => format!("`{}`: {help}", invocation(arg)),
    };
    let values = arg.get_possible_values();
    if arg.get_action().takes_values() && !values.is_empty() {
        let listed = values.iter().map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({})", value.get_name(), uncapitalized(&help.to_string())),
            None => format!("`{}`", value.get_name()),
        });
        item.push_str(&format!(" One of {}.", listed.collect::<Vec<_>>().join(", ")));
    }
    let defaults: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        item.push_str(&format!(" Default: `{}`.", defaults.join(" ")));
    }
    item
}

/// The argument as it is written on the command line.
pub(super) fn invocation(arg: &Arg) -> String {
    let values = arg.get_value_names().unwrap_or_default();
    let values = values
        .iter()
        .map(|value| value.to_string())
        .collect::<Vec<_>>()
        .join(" ");
    match (arg.get_long(), arg.get_action().takes_values()) {
        (None, _) => values,
        (Some(long), false) => format!("--{long}"),
        (Some(long), true) => format!("--{long} {values}"),
    }
}

fn uncapitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_lowercase);
    first.chain(characters).collect()
}
