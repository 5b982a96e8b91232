//! `arch`, built-in names in other commands, weights from files, completions.

use std::collections::BTreeMap;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use crate::{CLASSIFIER, Folder, npy};

#[test]
fn list_names_every_network() {
    let folder = Folder::new();
    let json = folder.cnnc("arch list --json").json();
    let networks = json["networks"].as_array().unwrap();
    assert_eq!(networks.len(), cnnc_frontends::arch::list().len());
    let vgg = networks.iter().find(|network| network["name"] == "vgg16").unwrap();
    assert_eq!(vgg["parameters"], 138_357_544);
    assert_eq!(vgg["macs"], 15_470_264_320u64);
    assert_eq!(vgg["input"], json!([[1, 3, 224, 224]]));
    let text = folder.cnnc("arch list").good();
    assert_eq!(text.lines().count(), networks.len() + 1);
    let line = text.lines().find(|line| line.starts_with("vgg16 ")).unwrap();
    assert!(line.contains("Simonyan") && line.contains("138,357,544"), "{line}");
}

#[test]
fn show_lists_what_a_file_of_weights_holds() {
    let folder = Folder::new();
    let text = folder.cnnc("arch show lenet5").good();
    for part in ["LeCun", "1x1x32x32", "61,706", "by the names of cnnc", "conv1.weight", "f32[6,1,5,5]"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let json = folder.cnnc("arch show resnet50 --classes 10 --size 320 --batch 2 --json").json();
    assert_eq!(json["input"], json!([[2, 3, 320, 320]]));
    assert_eq!(json["outputs"], json!([[2, 10]]));
    assert_eq!(json["names"], "torchvision");
    let tensors = json["tensors"].as_array().unwrap();
    // 53 convolutions, as many batch norms of four tensors, a classifier with a bias.
    assert_eq!(tensors.len(), 53 * 5 + 2);
    let named =
        |name: &str| tensors.iter().find(|t| t["name"] == name).unwrap_or(&Value::Null)["dims"].clone();
    assert_eq!(named("layer4.2.bn3.running_var"), json!([2048]));
    assert_eq!(named("fc.weight"), json!([10, 2048]));
}

#[test]
fn export_and_compile_give_the_same_bits() {
    let folder = Folder::new();
    folder.cnnc("arch export resnet20 --format onnx -o net.onnx").good();
    folder.cnnc("arch export resnet20 -o net.cnn").good();
    folder.cnnc("run resnet20 --input random:3 -o name.npy").good();
    folder.cnnc("run net.onnx --input random:3 -o onnx.npy").good();
    folder.cnnc("run net.cnn --input random:3 -o text.npy").good();
    let wanted = folder.read("name.npy");
    assert_eq!(npy(&wanted).len(), 10);
    assert!(npy(&wanted).iter().all(|x| x.is_finite() && *x != 0.0));
    assert_eq!(wanted, folder.read("onnx.npy"));
    assert_eq!(wanted, folder.read("text.npy"));
    folder.cnnc("compile resnet20 -o a.so --name net").good();
    folder.cnnc("run a.so --input random:3 -o so.npy").good();
    assert_eq!(wanted, folder.read("so.npy"));
    folder.cnnc("run resnet20 --weights-seed 1 --input random:3 -o other.npy").good();
    assert_ne!(wanted, folder.read("other.npy"), "the seed does not matter");
    folder.cnnc("arch export resnet20 -o net.pb").refuses(&["E_OPTION", "net.pb", "--format onnx"]);
    folder.cnnc("arch export resnet20 -o nowhere/net.onnx").refuses(&["E_IO", "nowhere"]);
}

#[test]
fn a_compiled_name_says_where_it_comes_from() {
    let folder = Folder::new();
    folder.cnnc("compile resnet20 -o a.so --classes 7 --batch 2 --size 40").good();
    let facts = folder.cnnc("inspect a.so --json").json();
    assert_eq!(facts["inputs"][0]["shape"], json!([2, 3, 40, 40]));
    assert_eq!(facts["outputs"][0]["shape"], json!([2, 7]));
    let options: Vec<String> = facts["options"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| format!("{}={}", o["name"].as_str().unwrap(), o["value"].as_str().unwrap()))
        .collect();
    assert_eq!(options, ["batch=2", "size=40", "classes=7"]);
    let first = facts["source_sha256"].clone();
    assert_eq!(first.as_str().unwrap().len(), 64);
    folder.cnnc("compile resnet20 -o a.so --classes 8").good();
    assert_ne!(first, folder.cnnc("inspect a.so --json").json()["source_sha256"]);
    folder.cnnc("compile googlenet-bn --aux -o b.so").good();
    assert_eq!(folder.cnnc("inspect b.so --json").json()["outputs"].as_array().unwrap().len(), 3);
}

#[test]
fn every_command_takes_a_name() {
    let folder = Folder::new();
    assert!(folder.cnnc("check lenet5").good().contains("compiles"));
    assert!(folder.cnnc("dump lenet5 --stage imported").good().starts_with("graph @lenet5("));
    assert!(folder.cnnc("explain lenet5").good().contains("fuse-epilogue"));
    assert_eq!(folder.cnnc("verify lenet5 --json").json()["good"], true);
    assert!(folder.cnnc("bench lenet5 --seconds 1 --json").json()["macs"].as_u64() > Some(0));
    let report = folder.cnnc("report squeezenet1.1 --json").json();
    assert_eq!(report["networks"][0]["name"], "squeezenet1.1");
    // A file wins when it is written as one.
    folder.write("lenet5", "no network");
    folder.cnnc("check lenet5").good();
    folder.cnnc("check ./lenet5").refuses(&["E_PARSE"]);
}

#[test]
fn a_wrong_name_has_a_way_out() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder
        .cnnc("compile resnet5 -o a.so")
        .refuses(&["neither a file nor a built-in", "did you mean resnet50?"]);
    folder.cnnc("report squeeznet1.1").refuses(&["did you mean squeezenet1.1?"]);
    folder.cnnc("check xyz").refuses(&["`cnnc arch list`"]);
    folder.cnnc("arch show resnet-50").usage("'resnet50'");
    folder.cnnc("check vgg16 --size 10").refuses(&["E_OPTION", "vgg16", "10x10"]);
    folder.cnnc("check vgg16 --classes 0").refuses(&["E_OPTION", "none of them can be 0"]);
    folder.cnnc("check vgg16 --growth 24").refuses(&["E_OPTION", "vgg16: it has no growth"]);
    folder.cnnc("check resnet18 --aux").refuses(&["E_OPTION", "resnet18: it has no auxiliary classifiers"]);
    folder.cnnc("check net.cnn --width 2").refuses(&["E_OPTION", "--width changes nothing of net.cnn"]);
    assert_eq!(folder.cnnc("arch show densenet121 --growth 24 --json").json()["parameters"], 4_743_180);
    folder.cnnc("check vgg16 --shape input=1x3x224x224").refuses(&["E_OPTION", "--shape"]);
    folder.cnnc("check net.cnn --classes 5").refuses(&["E_OPTION", "--classes changes nothing of net.cnn"]);
    folder.cnnc("check net.cnn --aux").refuses(&["E_OPTION", "--aux"]);
}

/// A file of weights for a network: the tensors that `arch show` lists, filled by a rule, in an element type.
fn weights(shown: &Value, dtype: Dtype, change: impl Fn(&mut BTreeMap<String, Vec<usize>>)) -> Vec<u8> {
    let tensors = shown["tensors"].as_array().unwrap().iter().map(|t| {
        let dims = t["dims"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap() as usize).collect();
        (t["name"].as_str().unwrap().to_string(), dims)
    });
    let mut tensors: BTreeMap<String, Vec<usize>> = tensors.collect();
    change(&mut tensors);
    let bytes = |(name, dims): (&String, &Vec<usize>)| -> Vec<u8> {
        // Powers of two, which every type holds exactly; positive, as variances must be.
        let value = |i: usize| [0.5f32, 0.25, 0.125, 0.0625][(i + name.len()) % 4];
        let values = (0..dims.iter().product()).map(value);
        match dtype {
            Dtype::F32 => values.flat_map(|x| x.to_le_bytes()).collect(),
            Dtype::F64 => values.flat_map(|x| f64::from(x).to_le_bytes()).collect(),
            Dtype::F16 => values.flat_map(|x| half::f16::from_f32(x).to_le_bytes()).collect(),
            Dtype::BF16 => values.flat_map(|x| half::bf16::from_f32(x).to_le_bytes()).collect(),
            _ => values.flat_map(|x| (x as i32).to_le_bytes()).collect(),
        }
    };
    let data: Vec<Vec<u8>> = tensors.iter().map(bytes).collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, dims), data)| (name.clone(), TensorView::new(dtype, dims.clone(), data).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn weights_come_from_a_file() {
    let folder = Folder::new();
    let shown = folder.cnnc("arch show resnet20 --json").json();
    for (name, dtype) in
        [("f32", Dtype::F32), ("f64", Dtype::F64), ("f16", Dtype::F16), ("bf16", Dtype::BF16)]
    {
        folder.write(
            &format!("{name}.safetensors"),
            weights(&shown, dtype, |tensors| {
                tensors.insert("bn1.num_batches_tracked".into(), vec![]);
            }),
        );
        folder
            .cnnc(&format!("run resnet20 --weights {name}.safetensors --input random:1 -o {name}.npy"))
            .good();
        assert_eq!(folder.read("f32.npy"), folder.read(&format!("{name}.npy")), "{name}");
    }
    folder.cnnc("run resnet20 --input random:1 -o drawn.npy").good();
    assert_ne!(folder.read("f32.npy"), folder.read("drawn.npy"));

    // The same network, once by name and once as text whose constants have no elements.
    let text = folder.cnnc("dump resnet20 --stage imported --weights f32.safetensors").good();
    assert!(text.contains("%conv1.weight: f32[16,3,3,3] = const\n"), "{text}");
    folder.write("bare.cnn", text);
    folder.cnnc("run bare.cnn --weights f32.safetensors --input random:1 -o bare.npy").good();
    assert_eq!(folder.read("f32.npy"), folder.read("bare.npy"));

    // An ONNX file holds them.
    folder.cnnc("arch export resnet20 --weights f16.safetensors -o net.onnx").good();
    folder.cnnc("run net.onnx --input random:1 -o onnx.npy").good();
    assert_eq!(folder.read("f32.npy"), folder.read("onnx.npy"));
    folder
        .cnnc("arch export resnet20 --weights f16.safetensors -o net.cnn")
        .refuses(&["text holds no weights"]);

    folder.cnnc("compile resnet20 --weights f16.safetensors -o r.so").good();
    let facts = folder.cnnc("inspect r.so --json").json();
    assert_eq!(facts["options"], json!([{ "name": "weights", "value": "f16.safetensors" }]));
}

#[test]
fn all_that_is_wrong_with_weights_is_said_at_once() {
    let folder = Folder::new();
    let shown = folder.cnnc("arch show resnet20 --json").json();
    let file = weights(&shown, Dtype::F32, |tensors| {
        tensors.remove("conv1.weight");
        tensors.insert("fc.weight".into(), vec![1000, 64]);
        tensors.insert("head\n.weight".into(), vec![1]);
    });
    folder.write("w.safetensors", &file);
    let lines = folder.cnnc("compile resnet20 --weights w.safetensors -o r.so").bad();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let parts = [
        ["\"conv1.weight\" is missing", "f32[16,3,3,3]"],
        ["\"fc.weight\" has the shape [1000, 64]", "f32[10,64]"],
        ["\"head\\n.weight\" is in the file", "--ignore-extra"],
    ];
    for (line, parts) in lines.iter().zip(parts) {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    assert!(!lines[0].contains("--ignore-extra"), "what is missing is no extra: {}", lines[0]);
    assert_eq!(folder.cnnc("check resnet20 --weights w.safetensors --ignore-extra").bad().len(), 2);
    folder.write("i.safetensors", weights(&shown, Dtype::I32, |_| {}));
    let lines = folder.cnnc("check resnet20 --weights i.safetensors").bad();
    assert_eq!(lines.len(), shown["tensors"].as_array().unwrap().len());
    assert!(lines[0].contains("has elements of type I32"), "{lines:?}");

    for cut in [0, 7, 8, 100, file.len() - 1] {
        folder.write("cut.safetensors", &file[..cut]);
        folder.cnnc("check resnet20 --weights cut.safetensors").refuses(&["E_PARSE", "no safetensors file"]);
    }
    folder.cnnc("check resnet20 --weights absent.safetensors").refuses(&["E_IO", "absent.safetensors"]);
    assert!(!folder.files().contains(&"r.so".to_string()));
}

#[test]
fn shells_complete_commands_and_names() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = folder.cnnc(&format!("completions {shell}")).good();
        for word in ["inspect", "weights-seed"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
        let names = script.contains("squeezenet1.1");
        assert!(names || !["bash", "zsh"].contains(&shell), "{shell} does not know the names of networks");
    }
    folder.write("bash", folder.cnnc("completions bash").good());
    folder.run(std::path::Path::new("bash"), &["-n", "bash"]).good();
    folder.cnnc("completions tcsh").usage("bash");
}
