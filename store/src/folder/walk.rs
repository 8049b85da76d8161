//! Listing a folder in name order; directories without a name of the range are skipped.

use std::fs;
use std::io;
use std::path::Path;

use super::durability::is_missing;
use super::io_error::io_error;
use super::layout::Stem;
use super::object_record;
use crate::{Listed, NameRange, ObjectName, Page, StoreError};

/// The first `count_max` objects of a range.
pub(super) fn page(root: &Path, range: NameRange, count_max: usize) -> Result<Page, StoreError> {
    let mut walk = Walk {
        range: &range,
        count_max: count_max.max(1),
        objects: Vec::new(),
    };
    walk.enter(root, "")?;
    let Walk { objects, count_max, .. } = walk;
    let last = objects
        .last()
        .filter(|_| objects.len() == count_max)
        .map(|object| object.name.to_string());
    Ok(Page {
        rest: last.map(|name| range.after(&name)),
        objects,
    })
}

struct Walk<'a> {
    range: &'a NameRange,
    count_max: usize,
    objects: Vec<Listed>,
}

impl Walk<'_> {
    /// Visits a directory; the names of its objects begin with `stem`.
    fn enter(&mut self, directory: &Path, stem: &str) -> Result<(), StoreError> {
        for entry in entries(directory).map_err(|source| io_error(directory, source))? {
            if self.objects.len() >= self.count_max {
                break;
            }
            let path = directory.join(&entry.component);
            let text = format!("{stem}{}", entry.text);
            if entry.is_object {
                self.visit(&path, text)?;
            } else if self.range.may_contain_below(&text) {
                self.enter(&path, &text)?;
            }
        }
        Ok(())
    }

    fn visit(&mut self, path: &Path, text: String) -> Result<(), StoreError> {
        if !self.range.contains(&text) {
            return Ok(());
        }
        let Ok(name) = ObjectName::new(text) else {
            return Ok(());
        };
        // The object may have been deleted since the directory was read.
        if let Some(header) = object_record::header(path)? {
            self.objects.push(Listed {
                name,
                size_bytes: header.size_bytes,
            });
        }
        Ok(())
    }
}

/// The entries of a directory, ordered by the names below them; none if the directory was removed meanwhile.
fn entries(directory: &Path) -> io::Result<Vec<Stem>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        outcome => outcome?,
    };
    let mut stems = Vec::new();
    for entry in entries {
        let entry = entry?;
        let is_directory = entry.file_type()?.is_dir();
        stems.extend(
            entry
                .file_name()
                .to_str()
                .and_then(|component| Stem::of_entry(component, is_directory)),
        );
    }
    stems.sort_unstable();
    Ok(stems)
}
