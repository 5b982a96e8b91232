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
fn a_text_that_is_no_network_yet_is_refused() {
    let folder = Folder::with(
        "net.cnn",
        "graph @g(%x: f32[4]) {\n  %b: f32[4] = const\n  \
                               %y: f32[4] = add %x, %b\n  return %y\n}\n",
    );
    folder.cnnc("check net.cnn").refuses(&["E_PARSE", "net.cnn", "%b has no weights", "help: "]);
    folder.write("net.cnn", "graph @g(%x: f32[4]) {\n  %y: f32[4] = relu %x\n}\n");
    folder.cnnc("compile net.cnn -o net.so").refuses(&["E_PARSE", "the graph has no results", "help: "]);
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
fn what_the_plan_does_can_be_left_out() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    let did = |options: &str| -> Vec<String> {
        let json = folder.cnnc(&format!("explain googlenet --json {options}")).json();
        let did = json["plan"].as_array().unwrap().iter().filter(|decision| !decision["did"].is_null());
        did.map(|decision| decision["topic"].as_str().unwrap().to_string()).collect()
    };
    let all = did("");
    for topic in ["winograd", "groups", "concats", "siblings"] {
        assert!(all.iter().any(|other| other == topic), "{all:?}");
        let others = did(&format!("--disable-pass {topic}"));
        assert!(others.iter().all(|other| other != topic), "{others:?}");
    }
    let residual = |options: &str| folder.cnnc(&format!("explain seresnet50 {options}")).good();
    let whole = residual("");
    for topic in ["in-place", "sums"] {
        let told = format!("plan, {topic}: ");
        assert!(
            whole.contains(&told) && !residual(&format!("--disable-pass {topic}")).contains(&told),
            "{topic}"
        );
    }
}

#[test]
fn explain_tells_what_the_plan_decided() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    for (network, lines) in [
        (
            "googlenet",
            &[
                "57 x  relu -> conv |> relu: %conv1.7x7_s2.relu, ",
                "plan, winograd: 19 of 20",
                " 9 x  F(2x2, 5x5): %inception_3a.5x5.relu, ",
                " 1 x  left alone, it has few channels: %conv1.7x7_s2.relu",
                " 1 x  conv > max_pool in 16 blocks of 4 rows: %conv1.7x7_s2.relu.pool",
                "plan, concats: 9 of 9",
                "plan, siblings: 18 of 18",
            ][..],
        ),
        (
            "resnet50",
            &[
                "53 x  batch_norm -> conv: %bn1, ",
                "16 x  relu -> conv |> add |> relu: %layer1.0.add.relu, ",
                "plan, winograd: 15 of 17",
                " us by the best transform, N directly: %layer4.0.bn2.relu (the model says ",
                " 4 x  left alone, it stays in the third cache level: %layer1.0.bn1.relu, ",
                "15 x  written over an operand: %layer1.0.add.relu, ",
                " 1 x  summed by its convolution, and never stored: %layer4.2.add.relu",
                " 2 x  in the step of another: %layer3.0.downsample.1, %layer4.0.downsample.1",
                " 2 x  left alone, a value would live while most memory is taken: %layer1.0.downsample.1, ",
            ],
        ),
    ] {
        let text = folder.cnnc(&format!("explain {network}")).good();
        for line in lines {
            assert!(text.contains(line), "no {line:?} in\n{text}");
        }
    }
    // What was fused is not told to have been left alone.
    let text = folder.cnnc("explain seresnet50").good();
    assert!(text.contains("16 x  relu -> mul |> add |> relu: %layer1.0.add.relu, "), "{text}");
    assert!(!text.contains("left alone, it changes"), "{text}");
    let json = folder.cnnc("explain net.cnn --json").json();
    let plan = json["plan"].as_array().unwrap();
    assert!(plan.iter().all(|d| d["did"].is_string() != d["why_not"].is_string()), "{plan:?}");
    assert!(plan.iter().any(|d| d["topic"] == "winograd"), "{plan:?}");
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
    for part in ["; step0.", "; run\nfunction u0:", "call_indirect"] {
        assert!(clif.contains(part), "no {part:?} in\n{clif}");
    }
    let kernels = folder.cnnc("dump net.cnn --stage kernels").good();
    assert!(kernels.contains("kernel product_") && kernels.contains("fma"), "{kernels}");
    let asm = folder.cnnc("dump net.cnn --stage asm").good();
    assert!(asm.contains("vfmadd231ps"), "{asm}");
    folder.cnnc("dump net.cnn --stage asm --target-features sse4.1,fma").refuses(&["--stage kernels"]);
}
