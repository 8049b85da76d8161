//! The mapping of object names to paths: reversible, within the limits of file systems, and preserving the order for a walk.
//!
//! A segment becomes a directory; the last one becomes a file that ends in `=`, so that the objects `a` and `a/b` can coexist.
//! File systems allow 255 bytes in a path component, so a long segment is cut every [`CUT`] bytes and continues below, in
//! components that begin with `+`. A directory name of exactly [`CUT`] bytes is therefore always continued.

use std::path::{Path, PathBuf};

use crate::ObjectName;

/// Where long segments are cut, in bytes.
const CUT: usize = 200;

/// The path of an object's file.
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

/// The part that a directory entry contributes to the names of the objects below it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stem {
    pub(super) text: String,
    pub(super) is_object: bool,
    pub(super) component: String,
}

impl Stem {
    /// Parses a directory entry; `None` for a file that does not belong to the store.
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
    fn a_name_becomes_a_path() {
        assert_eq!(path("profiles/00ff/al%20ice"), "profiles/00ff/al%20ice=");
    }

    #[test]
    fn long_segments_continue_in_subdirectories() {
        let long = "x".repeat(CUT);
        assert_eq!(path(&format!("{long}y/z")), format!("{long}/+y/z="));
        assert_eq!(path(&long), format!("{long}/+="));
        assert_eq!(path(&format!("{long}{long}")), format!("{long}/+{long}/+="));
    }

    #[test]
    fn a_path_maps_back_to_its_name() {
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
    fn foreign_files_are_ignored() {
        assert_eq!(Stem::of_entry(".emberkeep", true), None);
        assert_eq!(Stem::of_entry("notes.txt", false), None);
    }
}
