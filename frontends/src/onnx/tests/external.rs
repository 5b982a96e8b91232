//! Weights in other files: read from the folder of the model, and from nowhere else.

use super::{Model, counting};
use crate::onnx::{ImportOptions, import, import_file};
use cnnc_ir::Data;
use onnx_protobuf::StringStringEntryProto;
use onnx_protobuf::tensor_proto::DataLocation;
use std::path::Path;

/// A model that adds a weight of two elements which lies elsewhere.
fn model(entries: &[(&str, &str)]) -> Model {
    let mut model = Model::new(13).input("x", &[2]).weight("w", counting(&[2]));
    let weight = &mut model.0.graph.mut_or_insert_default().initializer[0];
    weight.raw_data.clear();
    weight.data_location = DataLocation::EXTERNAL.into();
    let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
        key: key.to_string(),
        value: value.to_string(),
        ..Default::default()
    };
    weight.external_data = entries.iter().map(entry).collect();
    model.node("Add", &["x", "w"], &["y"], &[]).output("y")
}

/// Imports the model from a folder; the weight, or the first problem.
fn weight_in(folder: &Path, entries: &[(&str, &str)]) -> Result<Data, String> {
    let path = folder.join("model.onnx");
    std::fs::write(&path, model(entries).bytes()).expect("a file");
    let module = import_file(&path, &ImportOptions::default()).map_err(|problems| problems[0].to_string())?;
    let (_, weight) = module.weights.iter().next().expect("a weight");
    Ok(weight.data().clone())
}

#[test]
fn weights_lie_in_the_folder_of_the_model() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("model");
    std::fs::create_dir_all(folder.join("sub")).expect("a folder");
    let bytes: Vec<u8> = [9.0f32, 1.0, 2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    for place in ["model/w.bin", "model/sub/w.bin", "secret.bin"] {
        std::fs::write(parent.path().join(place), &bytes).expect("a file");
    }
    let read = |entries: &[(&str, &str)]| weight_in(&folder, entries);
    let expected = Ok(Data::F32(vec![1.0, 2.0]));
    assert_eq!(read(&[("location", "w.bin"), ("offset", "4"), ("length", "8")]), expected);
    assert_eq!(read(&[("location", "./sub/w.bin"), ("offset", "4")]), expected);

    let absolute = parent.path().join("secret.bin");
    let absolute = absolute.to_str().expect("a path");
    for location in ["../secret.bin", "sub/../../secret.bin", "sub/../w.bin", absolute, "", "w.bin\0"] {
        let problem = read(&[("location", location), ("offset", "4")]).expect_err(location);
        assert!(problem.starts_with("E_IO") && problem.contains("outside"), "{problem}");
    }
    for (name, to) in [("link", parent.path().join("secret.bin")), ("folder", parent.path().to_path_buf())] {
        std::os::unix::fs::symlink(to, folder.join(name)).expect("a link");
    }
    std::os::unix::fs::symlink("w.bin", folder.join("inside")).expect("a link");
    for location in ["link", "folder/secret.bin", "inside"] {
        let problem = read(&[("location", location), ("offset", "4")]).expect_err(location);
        assert!(problem.contains("is a link, or lies behind one; help: put the file itself"), "{problem}");
    }
    std::fs::hard_link(parent.path().join("secret.bin"), folder.join("hard")).expect("a link");
    let problem = read(&[("location", "hard"), ("offset", "4")]).expect_err("a hard link");
    assert!(problem.contains("has 1 more names elsewhere, by hard links; help: copy it"), "{problem}");
    for (entries, expected) in [
        (&[("location", "sub")][..], "is no regular file"),
        (&[("location", "none.bin")], "cannot be read"),
        (&[("location", "w.bin"), ("offset", "8")], "has 12 bytes, offset=8 and length=8 lie outside"),
        (&[("location", "w.bin"), ("offset", "18446744073709551615")], "lie outside"),
        (&[("location", "w.bin"), ("length", "4")], "external length=4, the shape needs 8 bytes"),
        (&[("location", "w.bin"), ("offset", "-1")], r#"external offset="-1" is no byte count"#),
        (&[("location", "w.bin"), ("location", "w.bin")], "the key location twice"),
        (&[("location", "w.bin"), ("basepath", "/")], r#"an unknown key "basepath""#),
        (&[], "external data has no location"),
    ] {
        let problem = read(entries).expect_err(expected);
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn models_in_memory_have_no_folder() {
    let bytes = model(&[("location", "w.bin")]).bytes();
    let problems = import(&bytes, &ImportOptions::default()).expect_err("no folder");
    assert!(problems[0].to_string().starts_with(r#"E_IO: weight "w": the elements lie in another file"#));
}
