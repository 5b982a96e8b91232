//! Any text as a graph: it is refused, or prints as a text that parses back to the same.

#![no_main]

use cnnc_ir::text::{parse, parse_with, print};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(module) = parse(text) else { return };
    let printed = print(&module);
    match parse_with(&printed, module.weights.clone()) {
        Ok(again) => assert_eq!(print(&again.module), printed),
        Err(error) => panic!("{error}\n{printed}"),
    }
});
