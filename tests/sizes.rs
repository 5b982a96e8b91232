//! What compiled networks take in a file: code and packed weights. These figures depend on the compiler alone, not on
//! the machine.

use cnnc_codegen::artifact::Kind;
use cnnc_codegen::{Origin, Target, artifact, pack};
use cnnc_frontends::arch::{Arch, ArchOptions, find, list};
use cnnc_ir::Module;
use cnnc_tests::compiled::{optimized, planned};
use cnnc_tests::count::say;
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection, SectionKind};
use rayon::prelude::*;
use std::io::Cursor;

const KB: u64 = 1000;

/// Bytes of machine code that a network takes at most, with vectors of either width.
fn most_code(name: &str) -> u64 {
    match name {
        "resnet50" => 400 * KB,
        _ => 1000 * KB,
    }
}

/// Networks that have the most code of their kind.
const LARGE: [&str; 6] =
    ["resnet50", "resnet1202", "preresnet200", "inception-v4", "densenet161", "squeezenet1.0"];

/// Networks that differ in their layers: those whose arenas are promised.
const PACKED: [&str; 8] = [
    "vgg16",
    "resnet18",
    "resnet50",
    "seresnet50",
    "densenet121",
    "googlenet",
    "squeezenet1.0",
    "inception-v4",
];

/// The bytes of machine code of a network.
fn code(module: Module, target: &Target) -> u64 {
    let module = optimized(module);
    let mut program = planned(&module, target);
    // Code says where weights lie and not what they are: files without them are soon written.
    program.weights = Default::default();
    let weights = pack(&program).unwrap_or_else(|e| panic!("{e}"));
    let origin = Origin { name: "net".into(), ..Origin::default() };
    let artifact = artifact(&module, &program, &weights, target, &origin).unwrap_or_else(|e| panic!("{e}"));
    let mut bytes = Vec::new();
    let written = artifact.write_to(Kind::Object, "net", Cursor::new(&mut bytes));
    written.unwrap_or_else(|e| panic!("{e}")).unwrap();
    let file = ElfFile64::<Endianness>::parse(&*bytes).unwrap();
    file.sections().filter(|section| section.kind() == SectionKind::Text).map(|section| section.size()).sum()
}

/// Holds the code of networks against what it may take.
fn is_small(networks: &[&Arch]) {
    let target = Target::x86_64_v3();
    let sizes = networks.par_iter().map(|network| {
        let module = network.build(&ArchOptions::default()).unwrap();
        (network.name, code(module, &target))
    });
    let sizes: Vec<(&str, u64)> = sizes.collect();
    let large: Vec<_> = sizes.iter().filter(|(name, bytes)| *bytes > most_code(name)).collect();
    let kb: Vec<String> = sizes.iter().map(|(name, bytes)| format!("{name} {}", bytes / KB)).collect();
    say(&format!("KB of code: {}", kb.join(", ")));
    assert!(large.is_empty() && sizes.iter().all(|size| size.1 > 10 * KB), "{sizes:?}");
}

#[test]
fn code_is_small() {
    is_small(&LARGE.map(|name| find(name).unwrap()));
}

/// Layers that differ in their weights alone share their code: a table says where those lie.
#[test]
fn code_does_not_grow_with_the_number_of_layers() {
    let size = |name| code(find(name).unwrap().build(&ArchOptions::default()).unwrap(), &Target::x86_64_v3());
    let [few, many] = ["resnet20", "resnet1202"].map(size);
    assert!(many <= few, "{few} bytes of code for 20 layers, {many} for 1202");
}

#[test]
#[ignore = "it takes a minute"]
fn code_of_all_networks_is_small() {
    is_small(&list().iter().collect::<Vec<_>>());
}

#[test]
fn packed_weights_are_less_than_twice_the_parameters() {
    for name in PACKED {
        let module = find(name).unwrap().build(&ArchOptions::default()).unwrap();
        let parameters = 4 * module.parameters();
        let packed = planned(&optimized(module), &Target::x86_64_v3()).weights.len() as u64;
        say(&format!("{name}: weights packed to {:.2} of their size", packed as f64 / parameters as f64));
        assert!(packed <= 2 * parameters, "{name}: {packed} bytes of {parameters}");
    }
}
