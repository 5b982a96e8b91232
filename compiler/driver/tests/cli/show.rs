//! `check`, `explain`, `report` and `dump`: what is told about a network.

use crate::{CLASSIFIER, Folder, UNSUPPORTED};

#[test]
fn check_names_all_that_would_not_compile() {
    let folder = Folder::with("bad.cnn", UNSUPPORTED);
    let lines = folder.cnnc("check bad.cnn").bad();
    assert_eq!(lines.len(), 2, "causes only, not what they feed: {lines:?}");
    assert!(lines[0].contains("%p (cast)") && lines[1].contains("%q (cast)"), "{lines:?}");

    let ran = folder.cnnc("check bad.cnn --json");
    assert_eq!(ran.bad().len(), 2);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(json["compiles"], false);
    assert_eq!(json["errors"][1]["node"], "%q");

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
fn report_adds_up() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    let json = folder.cnnc("report net.cnn --json").json();
    let (parameters, macs) = (16 * 27 + 16 + 8 * 144 + 2400, 16 * 27 * 120 + 8 * 144 * 30 + 2400);
    assert_eq!(json["parameters"], parameters);
    assert_eq!(json["macs"], macs);
    let nodes = json["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 5);
    for (key, total) in [("parameters", parameters), ("macs", macs)] {
        let sum: u64 = nodes.iter().map(|node| node[key].as_u64().unwrap()).sum();
        assert_eq!(sum, total, "{key}");
    }
    let [arena, bound] = ["arena_bytes", "arena_bound"].map(|key| json["memory"][key].as_u64().unwrap());
    assert!(bound > 0 && arena >= bound);
    assert!(folder.cnnc("report net.cnn").good().contains("over the bound"));

    folder.write("bad.cnn", UNSUPPORTED);
    let ran = folder.cnnc("report bad.cnn");
    assert_eq!(ran.bad().len(), 2);
    assert!(ran.stdout().contains("total"), "the table comes before the errors");
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
    let kernels = folder.cnnc("dump net.cnn --stage kernels").good();
    assert!(kernels.contains("kernel product_") && kernels.contains("fma"), "{kernels}");
    let asm = folder.cnnc("dump net.cnn --stage asm").good();
    assert!(asm.contains("vfmadd231ps"), "{asm}");
    folder.cnnc("dump net.cnn --stage asm --target-features sse4.1,fma").refuses(&["--stage kernels"]);
}
