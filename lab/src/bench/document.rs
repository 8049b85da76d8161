//! A value that requires decoding: a list of records as JSON of an exact size.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A value like those of services: many small records with names, numbers and lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Document {
    key: String,
    records: Vec<DocumentRecord>,
    /// Pads the object to its size.
    rest: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct DocumentRecord {
    id: u64,
    name: String,
    is_open: bool,
    amounts: Vec<u32>,
}

impl Document {
    /// The document of a key whose JSON has this size, or more if that is too small for an empty document.
    pub(super) fn of(key: &str, size: u64) -> Self {
        let mut document = Self {
            key: key.to_owned(),
            records: Vec::new(),
            rest: String::new(),
        };
        let mut room = size.saturating_sub(length(&document));
        let records = (0..).map(DocumentRecord::of);
        for record in records {
            // With the comma.
            let taken = length(&record) + 1;
            if taken > room {
                break;
            }
            room -= taken;
            document.records.push(record);
        }
        // The first record has no comma.
        let spare = room + u64::from(!document.records.is_empty());
        document.rest = "r".repeat(usize::try_from(spare).expect("an object fits into memory"));
        document
    }

    /// The bytes of its object.
    pub(super) fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).expect("it has no maps").into()
    }
}

impl DocumentRecord {
    fn of(id: u64) -> Self {
        let amount = |step: u64| u32::try_from(id * step % 100_000).expect("it is less than 100,000");
        Self {
            id,
            name: format!("record number {id}"),
            is_open: id.is_multiple_of(3),
            amounts: [7, 77, 777].map(amount).to_vec(),
        }
    }
}

fn length(value: &impl Serialize) -> u64 {
    serde_json::to_vec(value).expect("it has no maps").len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_the_requested_size() {
        for size in [256, 1_000, 65_536] {
            assert_eq!(Document::of("a/1", size).to_bytes().len(), size as usize, "{size}");
        }
    }
}
