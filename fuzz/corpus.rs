//! Writes what fuzzing starts from: small graphs of the file tests, each also as an ONNX file, and the cases of the
//! onnx package where the tests have made them.
//!
//! ```text
//! cargo run --manifest-path fuzz/Cargo.toml --bin corpus      into fuzz/corpus/{import,text,run}
//! ```

use std::path::{Path, PathBuf};

/// A longer file is one that a fuzzer learns little from in a second.
const MOST: usize = 64 << 10;

/// Every file with an ending in a folder and those below, in order.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|its| its == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["text", "import", "run"].map(|name| here.join("corpus").join(name));
    folders.iter().try_for_each(std::fs::create_dir_all)?;
    let model = |name: &str, bytes: &[u8]| -> std::io::Result<()> {
        let fits = bytes.len() < MOST;
        folders[1..].iter().filter(|_| fits).try_for_each(|folder| std::fs::write(folder.join(name), bytes))
    };
    let graphs = files(&here.join("../tests"), "cnn");
    for (index, path) in graphs.iter().enumerate() {
        let text = std::fs::read_to_string(path)?;
        std::fs::write(folders[0].join(format!("{index}.cnn")), &text)?;
        let exported = cnnc_ir::text::parse(&text).ok().map(|module| cnnc_frontends::onnx::export(&module));
        if let Some(Ok(bytes)) = exported {
            model(&format!("{index}.onnx"), &bytes)?;
        }
    }
    let cases = files(&here.join("../target/oracle/onnx"), "onnx");
    for (index, path) in cases.iter().enumerate() {
        model(&format!("case{index}.onnx"), &std::fs::read(path)?)?;
    }
    eprintln!("{} graphs, {} cases", graphs.len(), cases.len());
    Ok(())
}
