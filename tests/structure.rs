//! The built-in networks have the structure that others' graphs of the same networks have.
//!
//! The skeletons in `tests/skeletons` are those of the ONNX files that torchvision and timm export
//! (`tests/torch_skeletons.py`); the light graphs come with the onnx package.

use cnnc_frontends::arch::{ArchOptions, find};
use cnnc_frontends::weights::weights;
use cnnc_tests::models::{import, made, root};
use cnnc_tests::skeleton::Skeleton;
use sha2::{Digest, Sha256};

fn built_in(name: &str) -> Skeleton {
    let arch = find(name).unwrap_or_else(|| panic!("no {name}"));
    Skeleton::of(&arch.build(&ArchOptions::default()).unwrap())
}

#[test]
fn networks_of_torchvision_and_timm() {
    let mut wrong = String::new();
    let mut compared = Vec::new();
    for entry in std::fs::read_dir(root().join("tests/skeletons")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        let wanted = Skeleton::parse(&std::fs::read_to_string(&path).unwrap());
        let difference = built_in(&name).difference(&wanted);
        if !difference.is_empty() {
            wrong += &format!("{name}:\n{difference}");
        }
        compared.push(name);
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert_eq!(compared.len(), 33, "{compared:?}");
}

/// The tensors of `--weights` are those of the releases: their names and shapes.
#[test]
fn weights_have_the_names_of_torchvision_and_timm() {
    let wanted = std::fs::read_to_string(root().join("tests/torch_names.txt")).unwrap();
    let mut wrong = Vec::new();
    for line in wanted.lines() {
        let name = line.split(' ').next().unwrap();
        let arch = find(name).unwrap_or_else(|| panic!("no {name}"));
        let module = arch.build(&ArchOptions::default()).unwrap();
        let tensor = |id| {
            let node = &module.graph[id];
            let dims = node.ty().dims().iter().map(usize::to_string).collect::<Vec<_>>().join("x");
            format!("{} {dims}\n", node.name())
        };
        let mut tensors: Vec<String> = weights(&module).into_iter().map(tensor).collect();
        tensors.sort();
        let digest: String = Sha256::digest(tensors.concat()).iter().map(|b| format!("{b:02x}")).collect();
        let got = format!("{name} {} {digest}", tensors.len());
        if got != line {
            wrong.push(got);
        }
        assert!(["torchvision", "timm"].contains(&arch.names), "{name}: {}", arch.names);
    }
    assert!(wrong.is_empty(), "other names or shapes:\n{}", wrong.join("\n"));
    assert_eq!(wanted.lines().count(), 33);
}

/// A light graph against a built-in network, or that part of both.
fn light(file: &str, name: &str, part: impl Fn(Skeleton) -> Skeleton) {
    let Some(path) = made(&format!("target/oracle/light_random/{file}-0/model.onnx")) else { return };
    let difference = part(built_in(name)).difference(&part(Skeleton::of(&import(&path, 1))));
    assert!(difference.is_empty(), "{name}:\n{difference}");
}

#[test]
fn light_graphs() {
    light("resnet50", "resnet50", |all| all);
    light("squeezenet", "squeezenet1.1", |all| all);
    light("vgg19", "vgg19", |all| all);
    // It scales and shifts once more behind each batch norm.
    light("densenet121", "densenet121", |mut all| {
        all.parameters = 0;
        all.layers.retain(|layer, _| !layer.starts_with("mul ") && !layer.starts_with("add "));
        all
    });
    // These are for pictures of 224 pixels, and the extents of pools are rounded the other way.
    light("alexnet", "alexnet", |all| all.weights());
    light("inception_v1", "googlenet", |all| all.weights());
}

#[test]
fn a_skeleton_tells_networks_apart() {
    let (paper, popular) = (built_in("resnet50-v1"), built_in("resnet50"));
    let difference = paper.difference(&popular);
    assert!(difference.contains("stride=2x2") && difference.contains("multiply-adds"), "{difference}");
    assert!(!difference.contains("parameters"), "{difference}");
    let one_class =
        find("resnet50").unwrap().build(&ArchOptions { classes: Some(1), ..ArchOptions::default() });
    let difference = Skeleton::of(&one_class.unwrap()).difference(&popular);
    assert!(difference.contains("linear 1x2048: 1, wanted 0"), "{difference}");
}
