//! The journal of the outside services: what has happened, by idempotency key, in a file that is only appended to.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What has happened, in order. Once a key is in it, all calls with that key get the same answer.
#[derive(Debug)]
pub struct CallJournal {
    file: File,
    entries: Vec<JournalEntry>,
    by_key: HashMap<String, usize>,
}

/// What has happened for one idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The key.
    pub key: String,
    /// What.
    pub outcome: CallOutcome,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallOutcome {
    /// It had its effect.
    Effect,
    /// It was refused, for this reason.
    Refusal(String),
    /// It was undone before it came.
    Bar,
}

impl CallJournal {
    /// The journal in that file, created if missing. A line that breaks off, since a crash cut it, is left out.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let lines: Vec<String> = BufReader::new(&file).lines().collect::<io::Result<_>>()?;
        // Whatever comes next begins a line.
        if !lines.is_empty() {
            file.write_all(b"\n")?;
        }
        let entries: Vec<JournalEntry> = lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let keys = entries.iter().map(|entry| entry.key.clone());
        Ok(Self {
            by_key: keys.zip(0..).collect(),
            entries,
            file,
        })
    }

    /// What the call with that key came to: what is written, or else `outcome`, which is written then.
    ///
    /// # Errors
    /// When it cannot be written; then it has not happened.
    pub fn settle(&mut self, key: &str, outcome: CallOutcome) -> io::Result<&CallOutcome> {
        let at = match self.by_key.get(key) {
            Some(at) => *at,
            None => self.append(key, outcome)?,
        };
        Ok(&self.entries[at].outcome)
    }

    /// All that has happened, in order.
    #[must_use]
    pub fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    fn append(&mut self, key: &str, outcome: CallOutcome) -> io::Result<usize> {
        let entry = JournalEntry {
            key: key.to_owned(),
            outcome,
        };
        let line = serde_json::to_string(&entry)?;
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.file.sync_data()?;
        self.entries.push(entry);
        let at = self.entries.len() - 1;
        self.by_key.insert(key.to_owned(), at);
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn the_first_answer_counts_after_a_crash_in_the_middle_of_a_line_too() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("journal");
        let mut journal = CallJournal::open(&path).unwrap();
        assert_eq!(
            journal.settle("o/charge", CallOutcome::Effect).unwrap(),
            &CallOutcome::Effect
        );
        assert_eq!(
            journal.settle("o/charge", CallOutcome::Bar).unwrap(),
            &CallOutcome::Effect
        );
        journal.file.write_all(b"{\"key\":\"o/sh").unwrap();

        let mut journal = CallJournal::open(&path).unwrap();
        assert_eq!(journal.settle("o/ship", CallOutcome::Bar).unwrap(), &CallOutcome::Bar);
        let journal = CallJournal::open(&path).unwrap();
        let keys: Vec<&str> = journal.entries().iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["o/charge", "o/ship"]);
    }
}
