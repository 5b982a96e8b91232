//! `compile` and `inspect`: what is written, what it says, and that nothing is left after an error.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{CLASSIFIER, Folder, shared, symbolic, unsupported};

#[test]
fn every_kind_is_written_in_silence() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    let printed = folder.cnnc("compile net.cnn -o a.so -o a.o -o a.a -o a.h").good();
    assert_eq!(printed, "");
    assert_eq!(folder.files(), ["a.a", "a.h", "a.o", "a.so", "net.cnn"]);
    assert_eq!(folder.read("a.so")[..4], *b"\x7fELF");
    assert_eq!(folder.read("a.o")[..4], *b"\x7fELF");
    assert_eq!(folder.read("a.a")[..7], *b"!<arch>");
    let header = String::from_utf8(folder.read("a.h")).unwrap();
    assert!(header.contains("const cnnc_model *a_model(void);"));
    // One function in all files of a command, whatever they are called; a library is known by what it is.
    folder.cnnc("compile net.cnn -o b.so -o api.h").good();
    assert!(String::from_utf8(folder.read("api.h")).unwrap().contains("const cnnc_model *b_model(void);"));
    std::fs::rename(folder.path("b.so"), folder.path("b.so.1")).unwrap();
    folder.cnnc("run b.so.1 --input random:1").good();
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.cnnc("compile net.cnn -o net.so").good();
    let first = folder.read("net.so");
    folder.cnnc("compile net.cnn -o net.so").good();
    assert_eq!(first, folder.read("net.so"));
    folder.cnnc("compile net.cnn -o net.so --target-features sse4.1,fma").good();
    assert_ne!(first, folder.read("net.so"), "the features change nothing");
}

#[test]
fn another_machine_gets_files_alone() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.cnnc("compile net.cnn -o net.so -o net.o --target aarch64-unknown-linux-gnu").good();
    for file in ["net.so", "net.o"] {
        assert_eq!(folder.read(file)[18..20], [183, 0], "{file} has the number of another machine");
        let triple = b"aarch64-unknown-linux-gnu";
        assert!(
            folder.read(file).windows(triple.len()).any(|bytes| bytes == triple),
            "no manifest in {file}"
        );
    }
    let checked = folder.cnnc("check net.cnn --target aarch64-unknown-linux-gnu").good();
    assert!(checked.starts_with("net.cnn compiles, in "), "{checked}");
    folder.cnnc("inspect net.so").refuses(&["E_RUN", "net.so: a library for another machine"]);
    let here = "run net.cnn --input random:1 --target aarch64-unknown-linux-gnu";
    folder.cnnc(here).refuses(&["E_OPTION", "aarch64-unknown-linux-gnu", "write it to a file"]);
    let mixed = "compile net.cnn -o mixed.so --target aarch64-unknown-linux-gnu --target-features avx2,fma";
    folder.cnnc(mixed).refuses(&["E_OPTION", "no avx2,fma", "--target x86_64-unknown-linux-gnu"]);
    folder.cnnc("compile net.cnn -o mixed.so --target-features neon").refuses(&["E_OPTION", "no neon"]);
    for net in ["net.cnn", "lenet5"] {
        let tuned = format!("compile {net} -o tuned.so --tune 1 --target aarch64-unknown-linux-gnu");
        folder.cnnc(&tuned).refuses(&["E_OPTION", "aarch64-unknown-linux-gnu", "help: leave out --tune"]);
    }
    assert_eq!(folder.files(), ["net.cnn", "net.o", "net.so"]);
}

#[test]
fn a_limit_of_memory_asks_for_a_smaller_plan() {
    let net = "graph @net(%x: f32[1,3,64,64]) {\n  %v: f32[16,3,3,3] = const rand(1)\n  \
               %w: f32[16,16,3,3] = const rand(2)\n  %a: f32[1,16,64,64] = conv %x, %v, pad=1\n  \
               %b: f32[1,16,64,64] = conv %a, %w, pad=1\n  \
               %y: f32[1,16,32,32] = max_pool %b, kernel=2, stride=2\n  return %y\n}\n";
    let folder = Folder::with("net.cnn", net);
    let first_line = |options: &str| {
        let plan = folder.cnnc(&format!("dump net.cnn --stage plan {options}")).good();
        plan.lines().next().unwrap().to_string()
    };
    let numerics = |options: &str| {
        folder.cnnc(&format!("compile net.cnn -o numerics.so {options}")).good();
        let facts = folder.cnnc("inspect numerics.so --json").json();
        std::fs::remove_file(folder.path("numerics.so")).unwrap();
        facts["numerics"].as_str().unwrap().to_string()
    };
    assert_eq!([numerics(""), numerics("--no-winograd")], ["f32-winograd", "f32"]);
    let (quick, small) = (first_line(""), first_line("--optimize memory"));
    assert_ne!(quick, small);
    assert_eq!(first_line("--max-memory 500000"), small);
    assert_eq!(first_line("--max-memory 3000000"), quick);
    assert_eq!(first_line("--max-workspace 330KiB"), small);
    assert_eq!(first_line("--max-workspace 3MiB"), quick);
    // Whoever asked for another plan is told.
    let noted = folder.cnnc("compile net.cnn -o numerics.so --max-workspace 330KiB");
    assert_eq!(noted.output.status.code(), Some(0));
    let wanted = "note: planned for memory, as by --optimize memory, to keep to --max-workspace 337920\n";
    assert_eq!(noted.stderr(), wanted);
    std::fs::remove_file(folder.path("numerics.so")).unwrap();
    let refused = "compile net.cnn -o net.so --max-memory 400000";
    folder.cnnc(refused).refuses(&[
        "E_LIMIT",
        "more than the limit of 400000",
        "the workspace is fullest at %y",
    ]);
    folder.cnnc("compile net.cnn -o net.so --max-workspace 4KiB").refuses(&[
        "E_LIMIT",
        "bytes of workspace",
        "more than the limit of 4096; the workspace is fullest at %y",
        "raise --max-workspace",
    ]);
    let wide = "graph @w(%x: f32[1,1,1,4]) {\n  %y: f32[1,1,1,67108864] = resize %x, mode=cubic, \
                scales=[1,1,1,16777216], sizes=[1,1,1,67108864]\n  return %y\n}\n";
    std::fs::write(folder.path("wide.cnn"), wide).unwrap();
    folder.cnnc("check wide.cnn --max-memory 2GiB").refuses(&[
        "E_LIMIT",
        "inputs, constants and tables take 3221225488 bytes with it, the limit is 2147483648",
    ]);
    std::fs::remove_file(folder.path("wide.cnn")).unwrap();
    let refused = "compile net.cnn -o net.so --max-code 2KiB";
    folder.cnnc(refused).refuses(&["E_LIMIT", "the code takes more than 2048 bytes; help: raise --max-code"]);
    assert_eq!(folder.files(), ["net.cnn"]);
}

#[test]
fn measured_times_choose_the_algorithms() {
    let net = "graph @net(%x: f32[1,16,56,56]) {\n  %w: f32[32,16,3,3] = const rand(1)\n  \
               %y: f32[1,32,56,56] = conv %x, %w, pad=1\n  return %y\n}\n";
    let folder = Folder::with("net.cnn", net);
    folder.cnnc("compile net.cnn -o net.so --tune 1").good();
    assert_eq!(folder.files(), ["net.cnn", "net.so", "net.times"]);
    let times: Value = serde_json::from_slice(&folder.read("net.times")).unwrap();
    let measured = times["times"]["y"].as_object().unwrap();
    assert!(measured.contains_key("direct") && measured.len() >= 2, "{measured:?}");
    assert!(measured.values().all(|t| (1..1_000_000_000).contains(&t.as_u64().unwrap())), "{measured:?}");
    let tuned = folder.read("net.so");
    folder.cnnc("compile net.cnn -o net.so --tuned net.times").good();
    assert!(tuned == folder.read("net.so"), "the same times, the same bytes");
    let said = |key: &str, value: Value| {
        let mut said = times.clone();
        said[key] = value;
        folder.write("said.times", said.to_string());
    };
    // Whatever they say is believed, and not more.
    for (way, [direct, tiles]) in [("direct", [1, 1000]), ("F(2x2, 3x3)", [1000, 1])] {
        said("times", json!({"y": {"direct": direct, "F(2x2, 3x3)": tiles}}));
        let plan = folder.cnnc("dump net.cnn --stage plan --tuned said.times").good();
        let line = plan.lines().find(|line| line.contains(way));
        assert!(line.is_some_and(|line| line.contains("%y")), "{plan}");
        assert_eq!(plan.contains("F("), way != "direct", "{plan}");
    }
    let refused = "compile net.cnn -o a.so --tuned said.times";
    said("times", json!({"z": {"direct": 5}}));
    folder.cnnc(refused).refuses(&["E_OPTION", "%z", "--tune SECONDS"]);
    said("times", json!({"y": {"direct": 5, "F(9x9, 3x3)": 4}}));
    folder.cnnc(refused).refuses(&["E_OPTION", "%y by \"F(9x9, 3x3)\"", "--tune SECONDS"]);
    said("times", json!({"y": {"direct": -1}}));
    folder.cnnc(refused).refuses(&["E_OPTION", "said.times holds no measured times", "--tune SECONDS"]);
    said("target", json!("neon"));
    folder.cnnc(refused).refuses(&["E_OPTION", "measured for neon, not for avx2,fma,avx512"]);
    folder
        .cnnc("compile net.cnn -o a.so --tuned net.times --target-features avx2,fma")
        .refuses(&["E_OPTION"]);
    for other in ["quick", "{}", r#"{"y": {"direct": 5}}"#] {
        folder.write("said.times", other);
        folder.cnnc(refused).refuses(&["E_OPTION", "said.times", "--tune"]);
    }
    folder.write("net.cnn", net.replace("56", "28"));
    folder.cnnc("compile net.cnn -o a.so --tuned net.times").refuses(&["E_OPTION", "other layers or shapes"]);
    folder.cnnc("compile net.cnn -o a.so --tune soon").usage("expected seconds, a whole number");
    assert!(!folder.files().contains(&"a.so".to_string()));
}

#[test]
fn an_error_leaves_nothing_behind() {
    let folder = Folder::with("bad.onnx", unsupported());
    assert_eq!(folder.cnnc("compile bad.onnx -o bad.so").bad().len(), 2);
    folder.cnnc("compile bad.onnx -o nowhere/bad.so").bad();
    folder.write("good.cnn", CLASSIFIER);
    folder.cnnc("compile good.cnn -o nowhere/good.so").refuses(&["E_IO", "nowhere"]);
    folder.cnnc("compile absent.onnx -o absent.so").refuses(&["E_IO", "absent.onnx"]);
    folder.write("noise.onnx", [0xFF; 99]);
    folder.cnnc("compile noise.onnx -o noise.so").refuses(&["E_PARSE"]);
    folder.write("noise.cnn", "graph @g(%x: f32[2]) {\n  %y: f32[2] = frob %x\n  return %y\n}\n");
    folder.cnnc("compile noise.cnn -o noise.so").refuses(&["E_PARSE", "noise.cnn:2:", "frob"]);
    assert_eq!(folder.files(), ["bad.onnx", "good.cnn", "noise.cnn", "noise.onnx"]);
}

#[test]
fn usage_errors_are_status_2() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.cnnc("compile net.cnn -o net.exe").usage(".so, .o, .a or .h");
    folder.cnnc("compile net.cnn").usage("--output");
    folder.cnnc("compile net.cnn -o a.so --disable-pass fold-everything").usage("fold-everything");
    folder.cnnc("compile net.cnn -o a.so --disable-pass fuse-epilog").usage("fuse-epilogue");
    folder.cnnc("compile net.cnn -o a.so --target-features mmx").usage("avx2,fma; sse4.1,fma");
    folder.cnnc("compile net.cnn -o a.so --target aarch64-linux").usage("aarch64-unknown-linux-gnu");
    folder.cnnc("compile net.cnn -o a.so --name 1st").usage("m1st");
    folder.cnnc("compile net.cnn -o a.so --shape x").usage("NAME=1x3x224x224");
    folder.cnnc("dump net.cnn --after nothing").usage("nothing");
    folder.cnnc("frobnicate").usage("frobnicate");
    folder.cnnc("").usage("Usage");
    assert_eq!(folder.files(), ["net.cnn"]);
}

#[test]
fn no_model_has_the_name_of_a_type() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    for ending in ["so", "o", "a", "h"] {
        for output in [format!("-o cnnc.{ending}"), format!("-o a.{ending} --name cnnc")] {
            let ran = folder.cnnc(&format!("compile net.cnn {output}"));
            ran.refuses(&["E_OPTION", "cnnc_model is a type of cnnc.h", "help: give another name: --name "]);
        }
    }
    assert_eq!(folder.files(), ["net.cnn"]);
    folder.cnnc("compile net.cnn -o cnnc.h --name net").good();
    folder.cnnc("compile net.cnn -o CNNC.h -o cnnc_.h").good();
    for header in ["cnnc.h", "CNNC.h", "cnnc_.h"] {
        let flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-xc"];
        folder.run("cc".as_ref(), &[&flags[..], &[header]].concat()).good();
    }
    // In memory nobody calls it by its name.
    folder.write("net.cnn", CLASSIFIER.replace("@classifier", "@cnnc"));
    folder.cnnc("run net.cnn --input random:1").good();
}

#[test]
fn compiled_files_are_no_networks() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.cnnc("compile net.cnn -o net.so -o net.o -o net.a").good();
    for command in ["verify", "explain", "check", "report", "dump", "compile -o x.so"] {
        let ran = folder.cnnc(&format!("{command} net.so"));
        ran.refuses(&["E_PARSE", "net.so: compiled already", "help: give the network that it was made from"]);
    }
    for file in ["net.o", "net.a"] {
        let ran = folder.cnnc(&format!("run {file} --input random:1"));
        ran.refuses(&["E_PARSE", file, "compiled already", "`cnnc run`, `bench` and `inspect` take a .so"]);
    }
}

#[test]
fn shapes_that_do_not_fit_are_to_blame() {
    let folder = Folder::with("odd.onnx", symbolic(&[("a", &["N", "H"]), ("b", &["N", "H"])]));
    folder.cnnc("check odd.onnx --shape a=1x8 --shape b=1x8").good();
    for shapes in ["--shape a=1x8 --shape b=1x9", "--shape a=2x8 --shape b=3x8"] {
        let ran = folder.cnnc(&format!("check odd.onnx {shapes}"));
        ran.refuses(&["E_MODEL", "is given as", "help: one name means one extent in all inputs"]);
    }
    // What says more than that stays.
    folder.cnnc("check odd.onnx --shape c=1x8").refuses(&["E_MODEL", "help: its inputs are \"a\", \"b\""]);
    folder.write("odd.onnx", symbolic(&[("a", &["N"]), ("b", &["H"])]));
    let blamed = "help: give other shapes or another batch, or correct the file where it is made";
    let ran = folder.cnnc("check odd.onnx --shape a=2 --shape b=3");
    ran.refuses(&["E_MODEL node 0", "(Add)", blamed]);
}

#[test]
fn inspect_says_where_a_library_comes_from() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder
        .cnnc("compile net.cnn -o lib.so --name zebra --disable-pass fuse-epilogue --keep-denormals")
        .good();
    let facts = folder.cnnc("inspect lib.so --json").json();
    assert_eq!(facts["name"], "zebra");
    assert_eq!(facts["abi"], 1);
    assert_eq!(facts["inputs"][0]["shape"], serde_json::json!([1, 3, 12, 10]));
    assert_eq!(facts["outputs"][0]["bytes"], 40);
    let digest: String = Sha256::digest(CLASSIFIER).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(facts["source_sha256"], digest);
    let options: Vec<&str> =
        facts["options"].as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap()).collect();
    assert_eq!(options, ["disable-pass", "keep-denormals"]);
    let macs: u64 =
        facts["steps"].as_array().unwrap().iter().map(|step| step["macs"].as_u64().unwrap()).sum();
    assert_eq!(macs, 16 * 27 * 120 + 8 * 144 * 30 + 240 * 10);

    let text = folder.cnnc("inspect lib.so --steps").good();
    assert!(text.contains("zebra") && text.contains("x: f32[1,3,12,10]"), "{text}");
    folder.write("noise.so", "no library");
    folder.cnnc("inspect noise.so").refuses(&["E_RUN", "noise.so"]);
    folder.cnnc("inspect absent.so").refuses(&["E_IO", "absent.so"]);
}

#[test]
fn a_symbolic_batch_is_bound() {
    let Some(model) = shared("mnist-mlp-dynbatch/model.onnx") else { return };
    let folder = Folder::new();
    let model = model.display();
    folder.cnnc(&format!("compile {model} -o net.so --batch 3")).good();
    let facts = folder.cnnc("inspect net.so --json").json();
    assert_eq!(facts["inputs"][0]["shape"], serde_json::json!([3, 784]));
    folder.cnnc(&format!("compile {model} -o net.so --shape {}=5x784", "input1")).good();
    let facts = folder.cnnc("inspect net.so --json").json();
    assert_eq!(facts["outputs"][0]["shape"], serde_json::json!([5, 10]));
    folder.cnnc(&format!("compile {model} -o net.so --shape input1=5x783")).bad();
    folder.write("net.cnn", CLASSIFIER);
    folder.cnnc("compile net.cnn -o net.so --batch 3").refuses(&["E_OPTION"]);
}
