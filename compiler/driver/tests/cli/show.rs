//! `check`, `explain` and `dump`: what is told about a network.

use crate::{CLASSIFIER, Folder, unsupported};

#[test]
fn check_names_all_that_would_not_compile() {
    let folder = Folder::with("bad.onnx", unsupported());
    let lines = folder.cnnc("check bad.onnx").bad();
    assert_eq!(lines.len(), 2, "causes only, not what they feed: {lines:?}");
    assert!(lines[0].contains(r#""p" (NonZero)"#) && lines[1].contains(r#""q" (NonZero)"#), "{lines:?}");

    let ran = folder.cnnc("check bad.onnx --json");
    assert_eq!(ran.bad().len(), 2);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(json["compiles"], false);
    assert_eq!(json["errors"][1]["node"], r#"1 "q""#);

    folder.write("good.cnn", CLASSIFIER);
    assert!(folder.cnnc("check good.cnn").good().contains("compiles"));
    assert_eq!(folder.cnnc("check good.cnn --json").json()["compiles"], true);
}

#[test]
fn explain_tells_what_each_pass_did() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    let json = folder.cnnc("explain net.cnn --json").json();
    let passes = json["passes"].as_array().unwrap();
    assert_eq!(passes.len(), cnnc_passes::PIPELINE.len());
    let fuse = passes.iter().find(|pass| pass["pass"] == "fuse-epilogue").unwrap();
    assert_eq!(fuse["changed"], true);
    let text = folder.cnnc("explain net.cnn").good();
    assert!(text.contains("fuse-epilogue: 10 nodes became 9"), "{text}");
    let text = folder.cnnc("explain net.cnn --disable-pass fuse-epilogue").good();
    assert!(!text.contains("fuse-epilogue"), "{text}");
}

#[test]
fn dump_shows_every_stage() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    assert_eq!(folder.cnnc("dump net.cnn --stage imported").good(), CLASSIFIER);
    let optimized = folder.cnnc("dump net.cnn").good();
    assert!(optimized.contains("|> relu"), "{optimized}");
    assert_eq!(folder.cnnc("dump net.cnn --after fuse-epilogue").good(), optimized);
    assert_eq!(folder.cnnc("dump net.cnn --after dead-code").good(), CLASSIFIER);
    folder.cnnc("dump net.cnn --after dead-code --disable-pass dead-code").refuses(&["dead-code"]);
    folder.cnnc("dump net.cnn --after dead-code --stage plan").usage("--stage");
    assert!(folder.cnnc("dump net.cnn --stage plan").good().starts_with("program @classifier arena="));
    let clif = folder.cnnc("dump net.cnn --stage clif").good();
    for part in ["; step0_", "; run\nfunction u0:", "call_indirect"] {
        assert!(clif.contains(part), "no {part:?} in\n{clif}");
    }
    let kernels = folder.cnnc("dump net.cnn --stage kernels").good();
    assert!(kernels.contains("kernel product_") && kernels.contains("fma"), "{kernels}");
    let asm = folder.cnnc("dump net.cnn --stage asm").good();
    assert!(asm.contains("vfmadd231ps"), "{asm}");
    folder.cnnc("dump net.cnn --stage asm --target-features sse4.1,fma").refuses(&["--stage kernels"]);
}
