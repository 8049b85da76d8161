//! The files of the repository, as input of the checks.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::rust_source::RustSource;

/// Endings of the files that some check reads.
const TEXT_ENDINGS: [&str; 4] = [".rs", ".toml", ".md", ".proto"];

/// Every file by its path from the root, with `/` between folders; files that no check reads have an empty text.
pub(crate) struct Tree {
    texts: BTreeMap<String, String>,
    sources: BTreeMap<String, RustSource>,
}

impl Tree {
    /// Reads a work tree, leaving out build output and hidden files.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut texts = BTreeMap::new();
        collect(root, "", &mut texts)?;
        Ok(Self::new(texts))
    }

    /// A tree of planted files, for the tests of the checks.
    pub(crate) fn planted<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self::new(files.map(|(path, text)| (path.into(), text.into())).into())
    }

    fn new(texts: BTreeMap<String, String>) -> Self {
        let is_rust = |path: &str| path.ends_with(".rs");
        let sources = texts
            .iter()
            .filter(|(path, _)| is_rust(path))
            .map(|(path, text)| (path.clone(), RustSource::new(path, text)))
            .collect();
        Self { texts, sources }
    }

    /// Path and text of the files with this ending.
    pub(crate) fn texts<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.texts.iter();
        all.map(|(path, text)| (path.as_str(), text.as_str()))
            .filter(move |(path, _)| path.ends_with(ending))
    }

    /// All Rust files, by path.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = (&str, &RustSource)> {
        let all = self.sources.iter();
        all.map(|(path, source)| (path.as_str(), source))
    }

    /// The Rust files below a folder, which is given with its closing `/`.
    pub(crate) fn rust_files_below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a RustSource)> {
        self.rust_files().filter(move |(path, _)| path.starts_with(folder))
    }

    /// Whether there is a file or a folder at this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.texts
            .keys()
            .any(|known| known == path || known.starts_with(&folder))
    }
}

fn collect(folder: &Path, prefix: &str, texts: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if is_left_out(&name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), texts)?;
        } else if TEXT_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            texts.insert(path, fs::read_to_string(entry.path())?);
        } else {
            texts.insert(path, String::new());
        }
    }
    Ok(())
}

/// Hidden names (`.git`), and what builds and property tests leave behind.
fn is_left_out(name: &str) -> bool {
    let is_hidden = name.starts_with('.') && name != ".ci";
    is_hidden || name == "target" || name == "proptest-regressions"
}
