//! `manifest.rs` is what prost-build makes of `manifest.proto`; with `CNNC_BLESS=1` the test rewrites it.

use std::path::Path;

const HEADER: &str = "\
//! The manifest of a model, generated from proto/manifest.proto by `CNNC_BLESS=1 cargo test --test manifest`.
//!
//! It is kept in the source so that a build needs neither protoc nor a generator; the test compares the two.

";

#[test]
fn generated_code_is_that_of_the_proto() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = protox::compile(["manifest.proto"], [package.join("proto")]).unwrap();
    let modules = files
        .file
        .into_iter()
        .map(|file| (prost_build::Module::from_protobuf_package_name(file.package()), file))
        .collect();
    let generated = prost_build::Config::new().generate(modules).unwrap();
    let [text] = generated.values().collect::<Vec<_>>()[..] else { panic!("one package") };
    let expected = format!("{HEADER}{text}");

    let path = package.join("src/artifact/manifest.rs");
    if std::env::var_os("CNNC_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let actual = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(actual == expected, "manifest.rs is stale: CNNC_BLESS=1 cargo test --test manifest");
}
