//! Plans: the program of each graph in `plans/`, after all passes, as a snapshot; each is checked.

use cnnc_codegen::Target;
use cnnc_codegen::plan::print;
use cnnc_tests::compiled::{optimized, planned};

#[test]
fn plans() {
    insta::glob!("plans/*.cnn", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let module = cnnc_ir::text::parse(&text).unwrap_or_else(|e| panic!("{}:{e}", path.display()));
        let program = planned(&optimized(module), &Target::x86_64_v3());
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(print(&program));
        });
    });
}
