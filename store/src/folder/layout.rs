//! Names as paths: reversible, within the limits of file systems, and in an order that a walk can keep.
//!
//! A segment becomes a directory; the last one becomes a file that ends in `=`, so that the objects `a` and `a/b` can both be.
//! File systems take 255 bytes in a path component, so a long segment is cut every [`CUT`] bytes and goes on below, in
//! components that begin with `+`. A directory of exactly [`CUT`] bytes is therefore always one that goes on.

use std::path::{Path, PathBuf};

use crate::ObjectName;

/// Where long segments are cut, in bytes.
const CUT: usize = 200;

/// The file of an object.
pub(super) fn path_of(root: &Path, name: &ObjectName) -> PathBuf {
    let mut components: Vec<String> = name.as_str().split('/').flat_map(components_of).collect();
    if let Some(file) = components.last_mut() {
        file.push('=');
    }
    components
        .iter()
        .fold(root.to_owned(), |path, component| path.join(component))
}

fn components_of(segment: &str) -> impl Iterator<Item = String> + '_ {
    let cut_count = segment.len() / CUT;
    (0..=cut_count).map(move |i| {
        let piece = &segment[i * CUT..segment.len().min((i + 1) * CUT)];
        if i == 0 { piece.to_owned() } else { format!("+{piece}") }
    })
}

/// What an entry of a directory adds to the names of the objects in it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stem {
    pub(super) text: String,
    pub(super) is_object: bool,
    pub(super) component: String,
}

impl Stem {
    /// Reads a directory entry; `None` for one that is none of the store's.
    pub(super) fn of_entry(component: &str, is_directory: bool) -> Option<Self> {
        let piece = component.strip_prefix('+').unwrap_or(component);
        let text = match (is_directory, piece.strip_suffix('=')) {
            _ if component.starts_with('.') => return None,
            (false, Some(last)) => last.to_owned(),
            (true, None) if piece.len() == CUT => piece.to_owned(),
            (true, None) => format!("{piece}/"),
            (false, None) | (true, Some(_)) => return None,
        };
        Some(Self {
            text,
            is_object: !is_directory,
            component: component.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> String {
        path_of(Path::new(""), &ObjectName::new(name).unwrap())
            .display()
            .to_string()
    }

    #[test]
    fn a_name_is_its_path() {
        assert_eq!(path("profiles/00ff/al%20ice"), "profiles/00ff/al%20ice=");
    }

    #[test]
    fn long_segments_go_on_below() {
        let long = "x".repeat(CUT);
        assert_eq!(path(&format!("{long}y/z")), format!("{long}/+y/z="));
        assert_eq!(path(&long), format!("{long}/+="));
        assert_eq!(path(&format!("{long}{long}")), format!("{long}/+{long}/+="));
    }

    #[test]
    fn a_path_read_back_is_the_name() {
        let long = "x".repeat(CUT);
        for name in [
            "a",
            "a/b",
            &long,
            &format!("{long}/{long}y"),
            &format!("t/{long}{long}z/k"),
        ] {
            let path = path(name);
            let components: Vec<&str> = path.split('/').collect();
            let text: String = components
                .iter()
                .enumerate()
                .map(|(i, component)| Stem::of_entry(component, i + 1 < components.len()).unwrap().text)
                .collect();
            assert_eq!(text, *name);
        }
    }

    #[test]
    fn what_is_not_the_stores_is_passed_over() {
        assert_eq!(Stem::of_entry(".emberkeep", true), None);
        assert_eq!(Stem::of_entry("notes.txt", false), None);
    }
}
