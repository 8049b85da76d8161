//! Errors and left-over files specific to a folder.

use std::fs;

use emberkeep_store::{Expect, Store, StoreError};
use tempfile::TempDir;

use crate::reads_and_writes::{content, name};

#[tokio::test]
async fn a_folder_of_another_format_is_rejected() {
    let folder = TempDir::new().unwrap();
    Store::folder(folder.path()).await.unwrap();
    fs::write(folder.path().join(".emberkeep/format"), "emberkeep folder 2\n").unwrap();
    let error = Store::folder(folder.path()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "folder {} has format \"emberkeep folder 2\", this version reads format \"emberkeep folder 1\"",
            folder.path().display()
        )
    );
}

#[tokio::test]
async fn a_url_opens_a_folder() {
    let folder = TempDir::new().unwrap();
    for scheme in ["folder", "file"] {
        let store = Store::from_url(&format!("{scheme}://{}", folder.path().display()))
            .await
            .unwrap();
        store.put(&name("a"), scheme.into(), Expect::Anything).await.unwrap();
        assert_eq!(content(&store, &name("a")).await.0, scheme);
    }
    let error = Store::from_url("folder://relative").await.unwrap_err();
    assert!(matches!(error, StoreError::BadUrl { .. }), "{error}");
}

#[tokio::test]
async fn a_draft_left_by_a_crash_is_ignored() {
    let folder = TempDir::new().unwrap();
    let store = Store::folder(folder.path()).await.unwrap();
    store.put(&name("a"), "whole".into(), Expect::Absent).await.unwrap();
    fs::write(folder.path().join(".emberkeep/drafts/left"), "emberkeep-obj").unwrap();
    let store = Store::folder(folder.path()).await.unwrap();
    assert_eq!(content(&store, &name("a")).await.0, "whole");
}

#[tokio::test]
async fn a_corrupt_file_is_an_error() {
    let folder = TempDir::new().unwrap();
    let store = Store::folder(folder.path()).await.unwrap();
    store.put(&name("a"), "whole".into(), Expect::Absent).await.unwrap();
    let path = folder.path().join("a=");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let error = store.get(&name("a"), None).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn deleting_leaves_no_empty_folders() {
    let folder = TempDir::new().unwrap();
    let store = Store::folder(folder.path()).await.unwrap();
    store.put(&name("t/00/a"), "x".into(), Expect::Absent).await.unwrap();
    store.delete(&name("t/00/a")).await.unwrap();
    assert!(!folder.path().join("t").exists());
}
