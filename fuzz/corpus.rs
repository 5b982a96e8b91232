//! Writes what fuzzing starts from: small graphs of the file tests, and each as an ONNX file.
//!
//! ```text
//! cargo run --manifest-path fuzz/Cargo.toml --bin corpus      into fuzz/corpus/{import,text,run}
//! ```

use std::path::{Path, PathBuf};

/// Every `.cnn` file in a folder and those below.
fn graphs(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            graphs(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "cnn") {
            found.push(path);
        }
    }
}

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    graphs(&here.join("../tests"), &mut found);
    found.sort();
    let folders = ["text", "import", "run"].map(|name| here.join("corpus").join(name));
    folders.iter().try_for_each(std::fs::create_dir_all)?;
    for (index, path) in found.iter().enumerate() {
        let text = std::fs::read_to_string(path)?;
        std::fs::write(folders[0].join(format!("{index}.cnn")), &text)?;
        let Ok(module) = cnnc_ir::text::parse(&text) else { continue };
        // A long network is one that a fuzzer learns little from in a second.
        let Some(bytes) = cnnc_frontends::onnx::export(&module).ok().filter(|bytes| bytes.len() < 64 << 10)
        else {
            continue;
        };
        for folder in &folders[1..] {
            std::fs::write(folder.join(format!("{index}.onnx")), &bytes)?;
        }
    }
    eprintln!("{} graphs", found.len());
    Ok(())
}
