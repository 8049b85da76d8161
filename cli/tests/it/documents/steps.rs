//! The steps of a document, from the words after the language of its code blocks.
//!
//! ```text
//! toml file=Cargo.toml    the file has this text
//! sh run                  the commands exit with 0 and print the next block, if that is plain text
//! sh start=pod-1          the command keeps running in a terminal of that name, and prints the next block
//! text ended=pod-1        the command in that terminal exits with 0 and has printed this
//! text interrupt=load     Ctrl-C in that terminal; then as for `ended`, or, without text, the command has ended
//! ```

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    File {
        path: String,
        text: String,
    },
    Run {
        commands: String,
        prints: String,
    },
    Start {
        terminal: String,
        command: String,
        prints: String,
    },
    Ended {
        terminal: String,
        prints: String,
    },
    Interrupt {
        terminal: String,
        prints: String,
    },
}

struct Block<'a> {
    language: &'a str,
    action: Option<(&'a str, &'a str)>,
    text: String,
}

pub(crate) fn steps_of(document: &str) -> Vec<Step> {
    let blocks = blocks_of(document);
    let mut steps = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let Some((action, name)) = block.action else {
            continue;
        };
        let (name, text) = (name.to_owned(), block.text.clone());
        let printed = blocks
            .get(index + 1)
            .filter(|next| next.language == "text" && next.action.is_none());
        let prints = printed.map_or_else(String::new, |next| next.text.clone());
        steps.push(match action {
            "file" => Step::File { path: name, text },
            "run" => Step::Run { commands: text, prints },
            "start" => Step::Start {
                terminal: name,
                command: text,
                prints,
            },
            "ended" => Step::Ended {
                terminal: name,
                prints: text,
            },
            "interrupt" => Step::Interrupt {
                terminal: name,
                prints: text,
            },
            other => panic!("no step is called `{other}`"),
        });
    }
    steps
}

fn blocks_of(document: &str) -> Vec<Block<'_>> {
    let mut lines = document.lines();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        let Some(opening) = line.strip_prefix("```") else {
            continue;
        };
        let text: String = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .map(|line| format!("{line}\n"))
            .collect();
        let (language, action) = opening.split_once(' ').unwrap_or((opening, ""));
        let action = (!action.is_empty()).then(|| action.split_once('=').unwrap_or((action, "")));
        blocks.push(Block { language, action, text });
    }
    blocks
}

#[test]
fn blocks_become_steps_by_the_words_after_their_language() {
    let document = "```sh\nls\n```\n\n```sh run\necho a\n```\n\n```text\na\n```\n\n```text ended=pod\n```\n";
    let expected = [
        Step::Run {
            commands: "echo a\n".to_owned(),
            prints: "a\n".to_owned(),
        },
        Step::Ended {
            terminal: "pod".to_owned(),
            prints: String::new(),
        },
    ];
    assert_eq!(steps_of(document), expected);
}
