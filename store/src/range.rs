//! Ranges of names, and pages of a listing.

use crate::ObjectName;
use crate::name::hex;

/// A contiguous part of the ordered names of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRange {
    prefix: String,
    after: String,
    end: Option<String>,
}

impl NameRange {
    /// All names of a store.
    pub fn all() -> Self {
        Self::prefix("")
    }

    /// All names that begin with `prefix`.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            after: String::new(),
            end: None,
        }
    }

    /// The names of a target's keys whose slice keys lie in `[start, end)`; without `end`, up to the last key.
    pub fn of_keys(target: &str, start: &[u8], end: Option<&[u8]>) -> Self {
        let bound = |slice_key: &[u8]| format!("{target}/{}", hex(slice_key));
        Self {
            prefix: format!("{target}/"),
            after: bound(start),
            end: end.map(bound),
        }
    }

    /// Removes the names up to and including `name` from the range.
    #[must_use]
    pub fn after(mut self, name: &str) -> Self {
        if name > self.after.as_str() {
            self.after = name.to_owned();
        }
        self
    }

    /// Whether `name` lies in the range.
    pub fn contains(&self, name: &str) -> bool {
        name.starts_with(&self.prefix) && name > self.after.as_str() && !self.is_before(name)
    }

    /// Whether the range ends before `name`.
    pub(crate) fn is_before(&self, name: &str) -> bool {
        self.end.as_deref().is_some_and(|end| name >= end)
    }

    /// Whether some name with the prefix `stem` may lie in the range.
    pub(crate) fn may_contain_below(&self, stem: &str) -> bool {
        let related = stem.starts_with(&self.prefix) || self.prefix.starts_with(stem);
        let not_over = self.after.starts_with(stem) || stem > self.after.as_str();
        related && not_over && !self.is_before(stem)
    }

    pub(crate) fn common_prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn lower_bound(&self) -> &str {
        &self.after
    }
}

/// One object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Relative to the prefix of the store.
    pub name: ObjectName,
    /// The size of its content in bytes.
    pub size_bytes: u64,
}

/// A part of a listing, ordered by the bytes of the names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most as many as requested; a page may be shorter, even empty, and not be the last.
    pub objects: Vec<Listed>,
    /// The range still to list; `None` after the last page.
    pub rest: Option<NameRange>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_keys_holds_its_start_and_not_its_end() {
        let range = NameRange::of_keys("t", &[0x10], Some(&[0x20]));
        assert!(range.contains("t/10/a"));
        assert!(range.contains("t/10ff/a"));
        assert!(range.contains("t/1f/z"));
        assert!(!range.contains("t/0fff/a"));
        assert!(!range.contains("t/20/a"));
        assert!(!range.contains("u/10/a"));
    }

    #[test]
    fn a_key_that_is_a_prefix_of_the_start_lies_before_the_range() {
        assert!(!NameRange::of_keys("t", &[0x10, 0x00], None).contains("t/10/a"));
    }

    #[test]
    fn a_range_never_grows_by_continuing_after_a_name() {
        let range = NameRange::of_keys("t", &[0x10], None);
        assert_eq!(range.clone().after("t/00/a"), range);
        assert!(!range.clone().after("t/10/a").contains("t/10/a"));
        assert!(range.after("t/10/a").contains("t/10/b"));
    }

    #[test]
    fn prefixes_without_a_name_in_the_range_are_skipped() {
        let range = NameRange::of_keys("t", &[0x10], Some(&[0x20]));
        assert!(range.may_contain_below(""));
        assert!(range.may_contain_below("t/"));
        assert!(range.may_contain_below("t/10/"));
        assert!(!range.may_contain_below("t/0f/"));
        assert!(!range.may_contain_below("t/20/"));
        assert!(!range.may_contain_below("s/"));
    }
}
