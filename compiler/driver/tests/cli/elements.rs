//! What `run` prints of tensors, and which of its values goes where.

use onnx_protobuf::NodeProto;
use onnx_protobuf::tensor_shape_proto::dimension;
use serde_json::json;

use crate::{Folder, model, value};

/// A network that gives its inputs back.
fn echo(folder: &Folder, name: &str, inputs: &[(&str, &str)]) {
    let list = |what: fn(&str, &str) -> String| inputs.iter().map(|(n, ty)| what(n, ty)).collect::<Vec<_>>();
    let (given, returned) = (list(|n, ty| format!("%{n}: {ty}")), list(|n, _| format!("%r.{n}")));
    let nodes: String = inputs.iter().map(|(n, ty)| format!("  %r.{n}: {ty} = identity %{n}\n")).collect();
    folder.write(
        name,
        format!("graph @echo({}) {{\n{nodes}  return {}\n}}\n", given.join(", "), returned.join(", ")),
    );
}

fn write_npy<T: npyz::AutoSerialize>(folder: &Folder, name: &str, elements: impl IntoIterator<Item = T>) {
    use npyz::WriterBuilder;
    let elements: Vec<T> = elements.into_iter().collect();
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::<T>::new().default_dtype().shape(&[elements.len() as u64]);
    let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
    writer.extend(elements).unwrap();
    writer.finish().unwrap();
    folder.write(name, bytes);
}

#[test]
fn elements_are_printed_by_their_type() {
    let folder = Folder::new();
    let whole = [(1i64 << 53) + 1, i64::MIN, i64::MAX, 1 << 53];
    echo(&folder, "i64.cnn", &[("x", "i64[4]")]);
    write_npy(&folder, "i64.npy", whole);
    let text = folder.cnnc("run i64.cnn --input i64.npy").good();
    assert!(
        text.ends_with("= [9007199254740993, -9223372036854775808, 9223372036854775807, 9007199254740992]\n"),
        "{text}"
    );
    let json = folder.cnnc("run i64.cnn --input i64.npy --top 4 --json").json();
    assert_eq!(json["outputs"][0]["first"], json!(whole));
    let classes: Vec<u64> =
        json["top"].as_array().unwrap().iter().map(|t| t["class"].as_u64().unwrap()).collect();
    assert_eq!(classes, [2, 0, 3, 1], "one more is more");
    assert_eq!(json["top"][0]["score"], json!(i64::MAX));
    let text = folder.cnnc("run i64.cnn --input i64.npy --top 1").good();
    assert_eq!(text, "9223372036854775807      2\n");

    echo(&folder, "bool.cnn", &[("x", "bool[2]")]);
    write_npy(&folder, "bool.npy", [true, false]);
    assert!(folder.cnnc("run bool.cnn --input bool.npy").good().ends_with("= [true, false]\n"));
    echo(&folder, "f64.cnn", &[("x", "f64[8]")]);
    write_npy(&folder, "f64.npy", [0.0, 0.25, -1e-9, 1e300, 123456.5, 5e-5, f64::INFINITY, f64::NAN]);
    let text = folder.cnnc("run f64.cnn --input f64.npy").good();
    let wanted = "[0.000000, 0.250000, -1.000000e-9, 1.000000e300, 123456.500000, 5.000000e-5, inf, NaN]\n";
    assert!(text.ends_with(wanted), "{text}");
}

#[test]
fn the_longest_name_is_meant() {
    let of_four = |name: &&str| value(name, &[dimension::Value::DimValue(4)]);
    let nodes = ["a", "a=npy"].map(|name| NodeProto {
        op_type: "Identity".into(),
        input: vec![name.into()],
        output: vec![format!("of {name}")],
        ..NodeProto::default()
    });
    let bytes =
        model(nodes.into(), ["a", "a=npy"].iter().map(of_four), ["of a", "of a=npy"].iter().map(of_four));
    let folder = Folder::with("two.onnx", bytes);
    write_npy(&folder, "x.npy", [1f32, 2.0, 3.0, 4.0]);
    let json = folder.cnnc("run two.onnx --input a=npy=x.npy --input a=random:1 --json").json();
    assert_eq!(json["outputs"][1]["first"], json!([1.0, 2.0, 3.0, 4.0]));
}

#[test]
fn values_have_names_wherever_they_are_given() {
    let folder = Folder::new();
    echo(&folder, "two.cnn", &[("a", "f32[2]"), ("b", "f32[3]")]);
    write_npy(&folder, "b.npy", [1f32, 2.0, 3.0]);
    for command in ["run", "verify"] {
        folder.cnnc(&format!("{command} two.cnn --input b=b.npy --input a=random:1")).good();
        folder.cnnc(&format!("{command} two.cnn --input b=b.npy --input random:1")).good();
        let twice = format!("{command} two.cnn --input b=b.npy --input b=random:1");
        folder.cnnc(&twice).refuses(&["E_OPTION", "\"b\" two values"]);
        let more = format!("{command} two.cnn --input random:1 --input random:2 --input random:3");
        folder.cnnc(&more).refuses(&["E_OPTION", "no input is left for \"random:3\""]);
        let unknown = format!("{command} two.cnn --input c=random:1");
        folder.cnnc(&unknown).refuses(&[
            "E_OPTION",
            "no input is called \"c\"",
            "the inputs are \"a\", \"b\"",
        ]);
    }
    folder.write("bad.pb", "no message");
    folder.cnnc("run two.cnn --input random:1 --input bad.pb").refuses(&["error: E_PARSE: bad.pb: "]);
    folder
        .cnnc("run two.cnn --input random:1 --input b.npy -o x.npy -o x.npy")
        .refuses(&["E_OPTION", "x.npy twice"]);
    assert_eq!(folder.files(), ["b.npy", "bad.pb", "two.cnn"]);
}
