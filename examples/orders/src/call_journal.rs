//! The journal of the outside services: the outcome of each idempotency key, in an append-only file.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The outcomes of calls in order of occurrence. Once a key has an outcome, all calls with that key get the same reply.
#[derive(Debug)]
pub struct CallJournal {
    file: File,
    entries: Vec<JournalEntry>,
    by_key: HashMap<String, usize>,
}

/// The outcome of an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The idempotency key, as sent by the caller.
    pub key: String,
    /// The outcome that all calls with the key get.
    pub outcome: CallOutcome,
}

/// The permanent outcome of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallOutcome {
    /// The call took effect.
    Effect,
    /// The call was rejected, for this reason.
    Refusal(String),
    /// The call was undone before it arrived, and is now rejected.
    Bar,
}

impl CallJournal {
    /// Opens the journal in that file, created if missing. An incomplete line, written during a crash, is ignored.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let lines: Vec<String> = BufReader::new(&file).lines().collect::<io::Result<_>>()?;
        // Ends an incomplete last line, so that the next entry starts a new one.
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

    /// Returns the outcome of the key; if it has none, records `outcome` durably first.
    ///
    /// # Errors
    /// When the journal cannot be written; then the call has no outcome.
    pub fn settle(&mut self, key: &str, outcome: CallOutcome) -> io::Result<&CallOutcome> {
        let at = match self.by_key.get(key) {
            Some(at) => *at,
            None => self.append(key, outcome)?,
        };
        Ok(&self.entries[at].outcome)
    }

    /// All outcomes in order of occurrence.
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
    fn the_first_outcome_persists_even_after_a_crash_in_the_middle_of_a_line() {
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
