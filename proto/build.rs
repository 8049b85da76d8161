//! Generates the messages and services of every `.proto` file below `proto/`, with no protoc installed, and keeps
//! their descriptors for gRPC reflection.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;

const ROOT: &str = "proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={ROOT}");
    let descriptors = protox::compile(proto_files(Path::new(ROOT))?, [ROOT])?;
    let reflected = Path::new(&env::var("OUT_DIR")?).join("emberkeep_descriptor.bin");
    fs::write(reflected, descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}

/// All `.proto` files below `folder`, sorted, so that the generated code does not depend on the file system.
fn proto_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(proto_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
