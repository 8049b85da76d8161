//! Checks of the documents: the tutorial is executed, and the code of the README equals that of an example.

mod readme;
mod shown;
mod steps;
mod terminal;
mod tutorial;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap()
}

fn document(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}
