//! The Rust mirror of `cnnc.h` against what a C compiler makes of the header: each size, offset and constant.

use std::{
    collections::BTreeMap,
    mem::{offset_of, size_of},
    path::Path,
    process::Command,
};

use cnnc_runtime::{DType, abi::*};

/// Names and numbers that `tests/c/layout.c` prints.
fn c_layout() -> BTreeMap<String, usize> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("layout");
    let compiler = std::env::var("CC").unwrap_or("cc".into());
    let mut compile = Command::new(compiler);
    compile.args(["-std=c11", "-Wall", "-Wextra", "-Werror"]).arg("-I").arg(root.join("include"));
    let status = compile.arg(root.join("tests/c/layout.c")).arg("-o").arg(&program).status().unwrap();
    assert!(status.success());
    let printed = String::from_utf8(Command::new(&program).output().unwrap().stdout).unwrap();
    let line = |line: &str| {
        let (name, number) = line.split_once(' ').unwrap();
        (name.to_owned(), number.parse().unwrap())
    };
    printed.lines().map(line).collect()
}

#[test]
fn layout_is_the_one_of_c() {
    let mut rust = BTreeMap::new();
    macro_rules! layout {
        ($c:literal, $type:ident: $($field:ident)*) => {
            rust.insert($c.to_owned(), size_of::<$type>());
            $(rust.insert(concat!($c, ".", stringify!($field)).to_owned(), offset_of!($type, $field));)*
            // Names each field: a forgotten one does not compile.
            let _ = |value: $type| { let $type { $($field: _),* } = value; };
        };
    }
    macro_rules! constants {
        ($($name:ident)*) => { $(rust.insert(stringify!($name).to_owned(), $name as usize);)* };
    }
    layout!("cnnc_tensor", CnncTensor: struct_bytes dtype name shape rank zero_point scale bytes);
    layout!("cnnc_executor", CnncExecutor: struct_bytes threads context parallel_for);
    layout!("cnnc_call", CnncCall: struct_bytes flags inputs outputs workspace workspace_bytes weights
        weights_bytes executor on_step step_context);
    layout!("cnnc_model", CnncModel: abi_version struct_bytes name inputs outputs input_count output_count
        arena_bytes scratch_bytes workspace_align weights weights_bytes weights_align manifest manifest_bytes
        stack_bytes step_count reserved run);
    constants!(CNNC_ABI_VERSION CNNC_OK CNNC_NULL_POINTER CNNC_MISALIGNED CNNC_WORKSPACE_TOO_SMALL
        CNNC_CPU_UNSUPPORTED CNNC_WEIGHTS_MISSING CNNC_BAD_EXECUTOR CNNC_BAD_CALL CNNC_STOPPED);
    for dtype in DType::ALL {
        rust.insert(format!("CNNC_{}", dtype.name().to_uppercase()), dtype.onnx() as usize);
    }
    assert_eq!(rust, c_layout());
    assert_eq!(rust.len(), 4 + 8 + 4 + 11 + 19 + 10 + 10);
}

#[test]
fn element_types_are_found_by_number() {
    for number in 0..32 {
        assert_eq!(DType::from_onnx(number).is_some(), matches!(number, 1..=7 | 9..=11), "{number}");
    }
    assert!(DType::ALL.iter().all(|&dtype| DType::from_onnx(dtype.onnx()) == Some(dtype)));
}
