//! The programs in `examples/`, built and run.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::{CLASSIFIER, Folder, npy};

/// A file of the examples.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// A Rust example, which cargo has built beside the binary.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_cnnc")).with_file_name("examples").join(name)
}

#[test]
fn c_links_a_model() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.cnnc("compile net.cnn -o digits.o -o digits.a -o digits.h").good();
    folder.cnnc("run net.cnn --input random:11 -o scores.npy").good();
    let scores = npy(&folder.read("scores.npy"));
    let best = (0..10).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
    let wanted = format!("class {best}, score {:.6}\n", scores[best]);
    let ty = cnnc_ir::Type::new(cnnc_ir::DType::F32, [1, 3, 12, 10]).unwrap();
    let picture = cnnc_ir::ops::Init::Rand { seed: 11, min: -1.0, max: 1.0 }.tensor(&ty).unwrap();
    folder.write("p.f32", picture.slice::<f32>().iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>());

    let source = source("classify.c");
    for object in ["digits.o", "digits.a"] {
        let flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-I.", "-o", "classify"];
        let arguments: Vec<&str> = flags.into_iter().chain([source.to_str().unwrap(), object]).collect();
        folder.run(Path::new("cc"), &arguments).good();
        assert_eq!(folder.run(&folder.path("classify"), &["p.f32"]).good(), wanted, "{object}");
    }
    folder.write("short.f32", [0; 8]);
    assert_eq!(folder.run(&folder.path("classify"), &["short.f32"]).output.status.code(), Some(1));
}

#[test]
fn rust_compiles_and_loads() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.cnnc("compile net.cnn -o net.so").good();
    let jit = folder.run(&example("jit"), &["net.cnn"]).good();
    assert!(jit.starts_with("y [1, 10] = ["), "{jit}");
    let load = folder.run(&example("load"), &["net.so"]).good();
    let (first, rest) = load.split_once('\n').unwrap();
    assert_eq!(first, "net: 1 inputs, 1 outputs");
    assert_eq!(rest, jit, "both run on the same input");
}

#[test]
fn python_runs_a_library() {
    let python = PathBuf::from(std::env::var("CNNC_PYTHON").unwrap_or_else(|_| "python3".into()));
    let folder = Folder::with("mirror.cnn", crate::MIRROR);
    let numpy = std::process::Command::new(&python).args(["-c", "import numpy"]).output();
    if !numpy.is_ok_and(|ran| ran.status.success()) {
        let _ = writeln!(std::io::stderr(), "skipped: no Python with numpy; CNNC_PYTHON names one");
        return;
    }
    folder.write("net.cnn", CLASSIFIER);
    folder.cnnc("compile net.cnn -o net.so").good();
    let source = source("run.py");
    let source = source.to_str().unwrap();
    assert!(folder.run(&python, &[source, "net.so"]).good().starts_with("y (1, 10): highest at "));

    folder.cnnc("compile mirror.cnn -o mirror.so").good();
    folder.cnnc("run mirror.cnn --input random:5 -o in.npy").good();
    folder.run(&python, &[source, "mirror.so", "in.npy", "out.npy"]).good();
    assert_eq!(npy(&folder.read("in.npy")), npy(&folder.read("out.npy")));

    for (ty, perm) in
        [("u16[4]", "[0]"), ("i16[4]", "[0]"), ("bool[4]", "[0]"), ("f64[]", "[]"), ("f32[0]", "[0]")]
    {
        let net =
            format!("graph @net(%x: {ty}) {{\n  %y: {ty} = transpose %x, perm={perm}\n  return %y\n}}\n");
        folder.write("net.cnn", net);
        folder.cnnc("compile net.cnn -o net.so").good();
        let printed = folder.run(&python, &[source, "net.so"]).good();
        let wanted = if ty == "f32[0]" { "y (0,): no elements" } else { "highest at " };
        assert!(printed.contains(wanted), "{ty}: {printed}");
    }
}
