//! The audit of what is written for every given network and some built-in ones, and of code in memory while it is made.

#[path = "../compiler/codegen/tests/artifact/elf.rs"]
mod elf;

use cnnc_codegen::Target;
use cnnc_frontends::arch::{ArchOptions, find};
use cnnc_ir::Module;
use cnnc_tests::compiled::{jit, write};
use cnnc_tests::count::report;
use cnnc_tests::models::{import, root, shared};
use std::sync::atomic::{AtomicBool, Ordering};

/// The given networks.
const GIVEN: [&str; 9] = [
    "mnist-8",
    "mnist-mlp-dynbatch",
    "super-resolution-10",
    "ultraface-slim-320-simplified",
    "squeezenet_v1.1",
    "mobilenet_v2_1.0_224-float",
    "mobilenet_v2_1.0_224-qdq-u8",
    "resnet8-cifar10-qdq-s8",
    "resnet20_cifar10",
];

/// Built-in networks that differ in their blocks, for small pictures.
const BUILT_IN: [(&str, usize); 3] = [("resnet18", 64), ("densenet121", 64), ("googlenet-bn", 64)];

fn built_in((name, size): (&str, usize)) -> Module {
    let options = ArchOptions { size: Some(size), ..ArchOptions::default() };
    find(name).unwrap().build(&options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What a file must not tell: where it was made, and by whom.
fn secrets(folder: &std::path::Path) -> Vec<String> {
    let of_machine =
        ["HOME", "USER", "LOGNAME", "HOSTNAME"].iter().filter_map(|name| std::env::var(name).ok());
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default().trim().to_string();
    let places = [root(), folder].map(|path| path.to_string_lossy().into_owned());
    let here = std::env::current_dir().unwrap().to_string_lossy().into_owned();
    // A name of a few letters may stand anywhere by chance.
    let all = of_machine.chain(places).chain([host, here]);
    all.filter(|secret| secret.len() >= 5).collect()
}

#[test]
fn files_are_what_a_loader_and_a_careful_user_want() {
    let folder = tempfile::tempdir().unwrap();
    let given = GIVEN.iter().filter_map(|name| Some(import(&shared(name)?.join("model.onnx"), 1)));
    let mut audited = 0;
    for module in given.chain(BUILT_IN.map(built_in)) {
        for target in [Target::x86_64_v3(), Target::clif(), Target::aarch64()] {
            let [so, object] = ["net.so", "net.o"].map(|name| folder.path().join(name));
            write(module.clone(), &target, &[&so, &object]);
            let [so, object] = [so, object].map(|path| std::fs::read(path).unwrap());
            elf::audit(&so, &["cnnc_model_v1", "net_model"]);
            elf::audit_object(&object, "net_model");
            for secret in secrets(folder.path()) {
                let tells =
                    |bytes: &[u8]| bytes.windows(secret.len()).any(|piece| piece == secret.as_bytes());
                assert!(!tells(&so) && !tells(&object), "{}: {secret:?} stands in it", module.graph.name);
            }
            audited += 2;
        }
    }
    report("audited files", audited, 0);
    assert!(audited >= 6 * BUILT_IN.len());
}

/// No page of this process may be written and executed, at any moment of many compilations.
#[test]
fn code_in_memory_is_never_writable_and_executable() {
    let done = AtomicBool::new(false);
    let watch = || {
        let mut looks = 0;
        while !done.load(Ordering::Relaxed) {
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let both: Vec<&str> = maps.lines().filter(|line| line.contains(" rwx")).collect();
            assert!(both.is_empty(), "{both:?}");
            looks += 1;
        }
        looks
    };
    let looks = std::thread::scope(|scope| {
        let looks = scope.spawn(watch);
        for (name, size) in BUILT_IN {
            drop(jit(built_in((name, size)), &Target::x86_64_v3()));
        }
        done.store(true, Ordering::Relaxed);
        looks.join().unwrap()
    });
    report("looks at the pages of code", looks, 0);
    assert!(looks >= 100, "only {looks} looks");
}
