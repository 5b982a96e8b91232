//! Any bytes as an ONNX file: a module that verifies, or lines that each begin with a code.

#![no_main]

use cnnc_frontends::onnx::{ImportOptions, import};
use cnnc_tests::judge::is_line;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match import(bytes, &ImportOptions::default()) {
        Ok(module) => cnnc_ir::verify::verify(&module).unwrap_or_else(|error| panic!("{error}")),
        Err(problems) => {
            problems.iter().for_each(|problem| assert!(is_line(&problem.to_string()), "{problem}"))
        }
    }
});
