//! `verify`: what is compared, when, and how near is near enough.

use serde_json::json;

use crate::{CLASSIFIER, Folder, onnx};

#[test]
fn verify_compares_outputs_and_nodes() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    for features in ["avx2,fma", "sse4.1,fma"] {
        let json = folder.cnnc(&format!("verify net.cnn --json --target-features {features}")).json();
        assert_eq!(json["good"], true);
        assert_eq!(json["outputs"][0]["name"], "y");
        let relative = json["outputs"][0]["relative"].as_f64().unwrap();
        assert!(relative > 0.0 && relative < 1e-6, "{relative}");
        assert_eq!(json["nodes_compared"], 2, "both convolutions lie in the arena");
    }
    assert!(folder.cnnc("verify net.cnn --seed 9 --threads 2").good().contains("all agree"));
    folder.cnnc("verify net.cnn --tolerance 1e-15").refuses(&["E_RUN node %r", "1e-15"]);
    for tolerance in ["nan", "-1", "inf", "x"] {
        folder.cnnc(&format!("verify net.cnn --tolerance {tolerance}")).usage("expected a finite number");
    }
}

#[test]
fn a_value_of_several_steps_is_read_after_the_last() {
    let net = "graph @net(%z: f32[1,4,3,9], %m: f32[3,9]) {\n  %v: f32[5,4,1,1] = const rand(1)\n  \
               %d: f32[1,5,3,9] = conv %z, %v\n  %y: f32[1,5,3,9] = add %d, %m\n  return RETURNED\n}\n";
    // The sum is added in the output, where nobody looks; read further, it is the last of two steps in the arena.
    for (returned, compared) in [("%y", 0), ("%e", 1)] {
        let more = "  %e: f32[1,5,9,3] = transpose %y, perm=[0,1,3,2]\n  return";
        let text = if returned == "%y" { net.to_string() } else { net.replace("  return", more) };
        let folder = Folder::with("net.cnn", text.replace("RETURNED", returned));
        let json = folder.cnnc("verify net.cnn --json").json();
        assert_eq!((&json["good"], &json["nodes_compared"]), (&json!(true), &json!(compared)), "{json}");
    }
}

#[test]
fn a_step_of_the_narrowest_type_is_only_rounding() {
    let net = "graph @net(%x: f16[1,2,6,6]) {\n  %g: f16[2] = const rand(1)\n  %b: f16[2] = const rand(2)\n  \
               %m: f16[2] = const rand(3)\n  %v: f16[2] = const rand(4, min=0.5)\n  \
               %y: f16[1,2,6,6] = batch_norm %x, %g, %b, %m, %v\n  return %y\n}\n";
    let folder = Folder::with("net.cnn", net);
    let json = folder.cnnc("verify net.cnn --json").json();
    assert_eq!((&json["good"], &json["tolerance"]), (&json!(true), &json!(4.0 / 1024.0)), "{json}");
    assert_eq!(folder.cnnc("verify net.cnn --json --tolerance 0.5").json()["tolerance"], 0.5);
    // Of what is only given in f16 nothing is rounded.
    let wide = "graph @net(%x: f16[1,2,6,6]) {\n  %y: f32[1,2,6,6] = cast %x\n  return %y\n}\n";
    for (text, tolerance) in [(wide, 1e-5), (CLASSIFIER, 1e-5)] {
        folder.write("net.cnn", text);
        assert_eq!(folder.cnnc("verify net.cnn --json").json()["tolerance"], tolerance);
    }
    assert!(folder.cnnc("verify --help").good().contains("f16"));
}

#[test]
fn what_is_no_number_is_none_in_both() {
    for op in ["Sqrt", "Log"] {
        let folder = Folder::with("net.onnx", onnx(&[(op, "x", "y")], "x", &["y"]));
        let ran = folder.cnnc("run net.onnx --input random:1").good();
        assert!(ran.contains("NaN"), "{ran}");
        assert_eq!(folder.cnnc("verify net.onnx --json").json()["good"], true);
    }
    let by_zero = "graph @net(%x: f32[4]) {\n  %z: f32[4] = sub %x, %x\n  %o: f32[4] = const splat(1)\n  \
                   %a: f32[4] = div %o, %z\n  %b: f32[4] = add %a, %x\n  return %b\n}\n";
    let folder = Folder::with("net.cnn", by_zero);
    assert!(folder.cnnc("run net.cnn --input random:1").good().contains("inf"));
    assert_eq!(folder.cnnc("verify net.cnn --json").json()["good"], true);
}
