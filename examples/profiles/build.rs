//! Compiles the `.proto` file without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = protox::compile(["proto/profiles.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .type_attribute("Profile", "#[derive(serde::Serialize, serde::Deserialize)]")
        .compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed=proto");
    Ok(())
}
