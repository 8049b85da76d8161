//! The settings of the SDKs' builders, read from their documentation comments.

use std::path::Path;

use super::page::sentence;

/// The setters of a builder, in the order of the file.
pub(super) fn methods(path: &str) -> Vec<String> {
    let items = documented(path, |line| {
        let line = line.strip_prefix("pub ")?.trim_start_matches("const ");
        let (signature, _) = line.strip_prefix("fn ")?.split_once(" -> ")?;
        let (name, parameters) = signature.split_once('(')?;
        let parameters = parameters.trim_end_matches(')').split(", ").skip(1);
        let names: Vec<_> = parameters
            .filter_map(|parameter| Some(parameter.split_once(':')?.0))
            .collect();
        Some(format!("{}({})", name.split('<').next()?, names.join(", ")))
    });
    assert!(items.len() > 3, "{path} has a builder");
    let item = |(name, doc): (String, String)| format!("`{name}`: {doc}");
    items.into_iter().map(item).collect()
}

/// The fields of a settings type, with their defaults from its `Debug` output.
pub(super) fn fields(path: &str, defaults: &str) -> Vec<String> {
    let items = documented(path, |line| {
        let (name, _) = line.strip_prefix("pub ")?.split_once(':')?;
        let is_field = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        is_field.then(|| name.to_owned())
    });
    assert!(items.len() > 3, "{path} has a settings type");
    let item = |(name, doc): (String, String)| {
        let after = defaults.split_once(&format!(" {name}: ")).map(|(_, after)| after);
        let default = after.and_then(|after| after.split([',', ' ', '}']).next());
        let is_plain = default.is_some_and(|default| default.starts_with(|c: char| c.is_ascii_digit()));
        match default.filter(|_| is_plain) {
            Some(default) => format!("`{name}`: {doc} Default: `{default}`."),
            None => format!("`{name}`: {doc}"),
        }
    };
    items.into_iter().map(item).collect()
}

/// The items of a file that `named` recognizes by their trimmed line, each with the first paragraph of its documentation.
fn documented(path: &str, named: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let source = std::fs::read_to_string(&path).unwrap();
    let mut doc: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text.trim());
        } else if !line.starts_with("#[") {
            if let Some(name) = named(line).filter(|_| !doc.is_empty()) {
                let first = doc.split(|line| line.is_empty()).next().unwrap_or_default();
                found.push((name, sentence(&unlinked(&first.join(" ")))));
            }
            doc.clear();
        }
    }
    found
}

/// The text without the links of rustdoc.
fn unlinked(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        let (name, after) = link.split_once("`]").expect("a link ends in its paragraph");
        plain.push_str(&format!("{before}`{name}`"));
        rest = match after.strip_prefix('(') {
            Some(target) => target.split_once(')').expect("a link's target ends").1,
            None => after,
        };
    }
    plain.push_str(rest);
    plain
}
