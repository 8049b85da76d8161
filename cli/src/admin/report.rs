//! The output of a command: aligned text, or JSON with `--json`.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The output of one command.
#[derive(Debug)]
pub(super) enum AdminReport {
    /// A confirmation sentence, for a command that changed something.
    Done(String),
    /// Text formatted by the assigner.
    Text {
        text: String,
        /// The same content as structured fields, for `--json`.
        json: Value,
    },
    /// One table, without a title.
    List(ValueTable),
    /// Tables and records with titles.
    Parts(Vec<(&'static str, ReportPart)>),
}

#[derive(Debug)]
pub(super) enum ReportPart {
    Table(ValueTable),
    Record(NamedValues),
}

/// Rows of values under named columns.
#[derive(Debug)]
pub(super) struct ValueTable {
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// Named values, shown one per line.
pub(super) type NamedValues = Vec<(&'static str, Value)>;

impl AdminReport {
    pub(super) fn shown(&self, as_json: bool) -> String {
        match as_json {
            true => format!("{:#}\n", self.json()),
            false => self.text(),
        }
    }

    pub(super) fn json(&self) -> Value {
        match self {
            Self::Done(sentence) => object([("done", sentence.clone().into())]),
            Self::Text { json, .. } => json.clone(),
            Self::List(table) => table.json(),
            Self::Parts(parts) => object(parts.iter().map(|(title, part)| (*title, part.json()))),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Done(sentence) => format!("{sentence}\n"),
            Self::Text { text, .. } => text.clone(),
            Self::List(table) => table.text(),
            Self::Parts(parts) => {
                let texts = parts.iter().map(|(title, part)| format!("{title}\n{}", part.text()));
                texts.collect::<Vec<_>>().join("\n")
            }
        }
    }
}

impl ReportPart {
    fn json(&self) -> Value {
        match self {
            Self::Table(table) => table.json(),
            Self::Record(record) => object(record.iter().cloned()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Table(table) => table.text(),
            Self::Record(record) => {
                let lines = record.iter();
                let cells = lines.map(|(name, value)| vec![format!("  {name}"), plain(value)]);
                aligned(cells.collect())
            }
        }
    }
}

impl ValueTable {
    fn json(&self) -> Value {
        let rows = self.rows.iter();
        let objects = rows.map(|row| object(self.columns.iter().copied().zip(row.iter().cloned())));
        objects.collect()
    }

    fn text(&self) -> String {
        let header = self.columns.iter().map(|column| column.to_uppercase()).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(plain).collect());
        aligned(std::iter::once(header).chain(rows).collect())
    }
}

fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// Lines with aligned columns.
fn aligned(lines: Vec<Vec<String>>) -> String {
    let column_count = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width_of = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..column_count).filter_map(width_of).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

/// A value as text.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> ValueTable {
        ValueTable {
            columns: vec!["id", "leads"],
            rows: vec![vec![1.into(), true.into()], vec![20.into(), Value::Null]],
        }
    }

    fn cluster() -> AdminReport {
        let overview = vec![("leader", 1.into()), ("term", 12.into())];
        AdminReport::Parts(vec![
            ("cluster", ReportPart::Record(overview)),
            ("members", ReportPart::Table(members())),
        ])
    }

    #[test]
    fn columns_are_aligned() {
        assert_eq!(AdminReport::List(members()).text(), "ID  LEADS\n1   yes\n20  -\n");
        let expected = "cluster\n  leader  1\n  term    12\n\nmembers\nID  LEADS\n1   yes\n20  -\n";
        assert_eq!(cluster().text(), expected);
    }

    #[test]
    fn the_json_has_the_same_names() {
        let expected = r#"[{"id":1,"leads":true},{"id":20,"leads":null}]"#;
        assert_eq!(AdminReport::List(members()).json().to_string(), expected);
        let json = cluster().json();
        assert_eq!(
            (&json["cluster"]["term"], &json["members"][1]["id"]),
            (&12.into(), &20.into())
        );
    }
}
