//! Any bytes as a model, all the way: refused, or compiled and then right, as the tests of damaged models have it.

#![no_main]

use cnnc_tests::judge::judge_files;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(why) = judge_files(bytes) {
        panic!("{why}");
    }
});
