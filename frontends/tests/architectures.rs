//! The built-in architectures: their counts to the unit, and the shapes that the tables of their papers give.

use cnnc_frontends::arch::{ArchOptions, find, list};
use cnnc_ir::Module;
use std::path::Path;

fn built(name: &str, options: &ArchOptions) -> Module {
    let arch = find(name).unwrap_or_else(|| panic!("no {name}"));
    arch.build(options).unwrap_or_else(|e| panic!("{e}"))
}

fn network(name: &str) -> Module {
    built(name, &ArchOptions::default())
}

/// Parameters and multiply-adds at the size of the paper: those of torchvision 0.29 and timm 1.0.31 where they have the
/// network, else those that follow from the paper's table.
const COUNTS: &[(&str, u64, u64)] = &[
    ("lenet5", 61_706, 416_520),
    ("lenet5-relu", 61_706, 416_520),
    ("alexnet", 60_965_224, 724_406_816),
    ("alexnet-torchvision", 61_100_840, 714_188_480),
    ("zfnet", 107_627_624, 2_476_704_896),
    ("vgg11", 132_863_336, 7_609_090_048),
    ("vgg11-lrn", 132_863_336, 7_609_090_048),
    ("vgg13", 133_047_848, 11_308_466_176),
    ("vgg16-c", 133_638_952, 11_770_888_192),
    ("vgg16", 138_357_544, 15_470_264_320),
    ("vgg19", 143_667_240, 19_632_062_464),
    ("vgg11-bn", 132_868_840, 7_609_090_048),
    ("vgg13-bn", 133_053_736, 11_308_466_176),
    ("vgg16-bn", 138_365_992, 15_470_264_320),
    ("vgg19-bn", 143_678_248, 19_632_062_464),
    ("nin", 7_595_176, 1_100_188_800),
    ("nin-cifar", 966_986, 222_486_528),
    ("googlenet", 6_998_552, 1_582_671_872),
    ("inception-naive", 1_089_536, 854_196_224),
    ("inception-bottleneck", 346_112, 271_351_808),
    ("googlenet-bn", 6_624_904, 1_498_376_192),
    ("inception-v3", 23_834_568, 5_713_216_096),
    ("inception-v4", 42_679_816, 12_253_974_624),
    ("resnet18", 11_689_512, 1_814_073_344),
    ("resnet34", 21_797_672, 3_663_761_408),
    ("resnet50", 25_557_032, 4_089_184_256),
    ("resnet50-v1", 25_557_032, 3_857_973_248),
    ("resnet101", 44_549_160, 7_801_405_440),
    ("resnet101-v1", 44_549_160, 7_570_194_432),
    ("resnet152", 60_192_808, 11_513_626_624),
    ("resnet152-v1", 60_192_808, 11_282_415_616),
    ("resnet20", 269_722, 40_551_040),
    ("resnet56", 853_018, 125_485_696),
    ("resnet110", 1_727_962, 252_887_680),
    ("resnet1202", 19_421_274, 2_829_238_912),
    ("resnet110-sd", 1_727_962, 252_887_680),
    ("preresnet50", 25_549_352, 4_089_184_256),
    ("preresnet101", 44_541_480, 7_801_405_440),
    ("preresnet152", 60_185_128, 11_513_626_624),
    ("preresnet200", 64_666_152, 15_007_481_856),
    ("wide-resnet50-2", 68_883_240, 11_398_021_120),
    ("wide-resnet101-2", 126_886_696, 22_753_050_624),
    ("wrn-28-10", 36_479_194, 5_243_328_768),
    ("resnext50-32x4d", 25_028_904, 4_230_479_872),
    ("resnext101-32x8d", 88_791_336, 16_414_015_488),
    ("seresnet50", 28_088_024, 4_091_699_200),
    ("seresnext50-32x4d", 27_559_896, 4_232_994_816),
    ("senet154", 115_088_984, 20_688_363_520),
    ("densenet121", 7_978_856, 2_834_161_664),
    ("densenet161", 28_681_000, 7_727_907_072),
    ("densenet169", 14_149_480, 3_359_843_328),
    ("densenet201", 20_013_928, 4_291_365_888),
    ("fractalnet", 33_724_618, 845_222_912),
    ("fractalnet-40", 76_106_634, 2_036_077_568),
    ("squeezenet1.0", 1_248_424, 818_924_576),
    ("squeezenet1.1", 1_235_496, 349_151_936),
];

#[test]
fn parameters_and_operations_to_the_unit() {
    let mut wrong = Vec::new();
    for (name, parameters, macs) in COUNTS {
        let module = network(name);
        let counted = (module.parameters(), module.total_cost().macs);
        if counted != (*parameters, *macs) {
            wrong.push(format!("{name}: {counted:?}, wanted {:?}", (parameters, macs)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let counted: Vec<&str> = COUNTS.iter().map(|c| c.0).collect();
    let all: Vec<&str> = list().iter().map(|a| a.name).collect();
    assert_eq!(counted, all);
}

#[test]
fn auxiliary_classifiers_are_further_outputs() {
    for (name, parameters) in [("googlenet", 13_378_280), ("googlenet-bn", 13_004_888)] {
        let module = built(name, &ArchOptions { aux: true, ..ArchOptions::default() });
        assert_eq!(module.parameters(), parameters, "{name}");
        let outputs = module.graph.outputs();
        assert!(outputs.len() == 3 && outputs.iter().all(|&o| module.graph.ty(o).dims() == [1, 1000]));
    }
}

#[test]
fn the_readme_has_these_counts() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let number = |cell: &str| cell.replace(',', "").parse::<u64>().unwrap();
    let mut rows = 0;
    for line in readme.lines().filter(|line| line.starts_with("| ") && line.contains(" | 1x")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, parameters, macs] = [cells[1], cells[3], cells[4]];
        let counts = COUNTS.iter().find(|(known, ..)| *known == name);
        assert_eq!(counts, Some(&(name, number(parameters), number(macs))), "{name}");
        rows += 1;
    }
    assert!(rows >= 25, "{rows} networks");
    let known = format!("{} networks are built in", list().len());
    assert!(readme.contains("Fifty-six networks") && list().len() == 56, "{known}");
}

/// Extents of values along a network, channels first.
type Shapes<'a> = &'a [(&'a str, &'a [usize])];

const VGG_A: Shapes = &[
    ("features.0", &[64, 224, 224]),
    ("features.3", &[128, 112, 112]),
    ("features.8", &[256, 56, 56]),
    ("features.13", &[512, 28, 28]),
    ("features.18", &[512, 14, 14]),
    ("features.18.relu.pool", &[512, 7, 7]),
    ("classifier.0", &[4096]),
];

const RESNET_50: Shapes = &[
    ("conv1", &[64, 112, 112]),
    ("layer1.2.add", &[256, 56, 56]),
    ("layer2.3.add", &[512, 28, 28]),
    ("layer3.5.add", &[1024, 14, 14]),
    ("layer4.2.add", &[2048, 7, 7]),
];

const RESNET_110: Shapes =
    &[("layer1.17.add", &[16, 32, 32]), ("layer2.17.add", &[32, 16, 16]), ("layer3.17.add", &[64, 8, 8])];

/// The output shapes that the papers' tables and figures print. What torchvision and timm have is compared along every
/// layer elsewhere (`tests/structure.rs`).
const SHAPES: &[(&str, Shapes)] = &[
    (
        "lenet5",
        &[
            ("conv1", &[6, 28, 28]),
            ("conv1.tanh.pool", &[6, 14, 14]),
            ("conv2", &[16, 10, 10]),
            ("conv2.tanh.pool", &[16, 5, 5]),
            ("fc1", &[120]),
            ("fc2", &[84]),
            ("fc3", &[10]),
        ],
    ),
    ("lenet5-relu", &[("conv1.relu.pool", &[6, 14, 14]), ("conv2.relu.pool", &[16, 5, 5]), ("fc3", &[10])]),
    (
        "alexnet",
        &[
            ("conv1", &[96, 55, 55]),
            ("conv1.relu.norm.pool", &[96, 27, 27]),
            ("conv2", &[256, 27, 27]),
            ("conv2.relu.norm.pool", &[256, 13, 13]),
            ("conv3", &[384, 13, 13]),
            ("conv4", &[384, 13, 13]),
            ("conv5", &[256, 13, 13]),
            ("conv5.relu.pool", &[256, 6, 6]),
            ("fc6", &[4096]),
            ("fc7", &[4096]),
            ("fc8", &[1000]),
        ],
    ),
    (
        "zfnet",
        &[
            ("conv1", &[96, 110, 110]),
            ("conv1.relu.pool", &[96, 55, 55]),
            ("conv2", &[256, 26, 26]),
            ("conv2.relu.pool", &[256, 13, 13]),
            ("conv4", &[1024, 13, 13]),
            ("conv5.relu.pool", &[512, 6, 6]),
        ],
    ),
    (
        "vgg16",
        &[
            ("features.2", &[64, 224, 224]),
            ("features.7", &[128, 112, 112]),
            ("features.14", &[256, 56, 56]),
            ("features.21", &[512, 28, 28]),
            ("features.28", &[512, 14, 14]),
            ("features.28.relu.pool", &[512, 7, 7]),
            ("classifier.0", &[4096]),
        ],
    ),
    ("vgg11-lrn", VGG_A),
    ("vgg11", VGG_A),
    (
        "vgg16-c",
        &[
            ("features.2", &[64, 224, 224]),
            ("features.7", &[128, 112, 112]),
            ("features.14", &[256, 56, 56]),
            ("features.21", &[512, 28, 28]),
            ("features.28", &[512, 14, 14]),
            ("features.28.relu.pool", &[512, 7, 7]),
            ("classifier.6", &[1000]),
        ],
    ),
    (
        "nin",
        &[
            ("cccp2", &[96, 54, 54]),
            ("cccp4", &[256, 27, 27]),
            ("cccp6", &[384, 13, 13]),
            ("cccp7_1024", &[1024, 6, 6]),
            ("cccp8_1024", &[1000, 6, 6]),
        ],
    ),
    (
        "nin-cifar",
        &[
            ("cccp1", &[160, 32, 32]),
            ("cccp2.relu.pool", &[96, 16, 16]),
            ("cccp4.relu.pool", &[192, 8, 8]),
            ("cccp6", &[10, 8, 8]),
        ],
    ),
    (
        "googlenet",
        &[
            ("conv1.7x7_s2", &[64, 112, 112]),
            ("conv2.3x3", &[192, 56, 56]),
            ("inception_3a", &[256, 28, 28]),
            ("inception_3b", &[480, 28, 28]),
            ("inception_4a", &[512, 14, 14]),
            ("inception_4d", &[528, 14, 14]),
            ("inception_4e", &[832, 14, 14]),
            ("inception_5b", &[1024, 7, 7]),
        ],
    ),
    (
        "inception-v3",
        &[
            ("Conv2d_1a_3x3.conv", &[32, 149, 149]),
            ("Conv2d_2b_3x3.conv", &[64, 147, 147]),
            ("Conv2d_4a_3x3.conv", &[192, 71, 71]),
            ("Mixed_5d", &[288, 35, 35]),
            ("Mixed_6e", &[768, 17, 17]),
            ("Mixed_7c", &[2048, 8, 8]),
        ],
    ),
    (
        "inception-v4",
        &[
            ("features.3", &[160, 73, 73]),
            ("features.4", &[192, 71, 71]),
            ("features.5", &[384, 35, 35]),
            ("features.9", &[384, 35, 35]),
            ("features.10", &[1024, 17, 17]),
            ("features.17", &[1024, 17, 17]),
            ("features.18", &[1536, 8, 8]),
            ("features.21", &[1536, 8, 8]),
        ],
    ),
    ("resnet50", RESNET_50),
    (
        "resnet50-v1",
        &[
            ("layer2.0.conv1", &[128, 28, 28]),
            ("layer3.0.conv1", &[256, 14, 14]),
            ("layer4.2.add", &[2048, 7, 7]),
        ],
    ),
    ("resnet101-v1", &[("layer3.22.add", &[1024, 14, 14]), ("layer4.2.add", &[2048, 7, 7])]),
    ("resnet152-v1", &[("layer2.7.add", &[512, 28, 28]), ("layer3.35.add", &[1024, 14, 14])]),
    (
        "resnet20",
        &[("layer1.2.add", &[16, 32, 32]), ("layer2.2.add", &[32, 16, 16]), ("layer3.2.add", &[64, 8, 8])],
    ),
    (
        "resnet56",
        &[("layer1.8.add", &[16, 32, 32]), ("layer2.8.add", &[32, 16, 16]), ("layer3.8.add", &[64, 8, 8])],
    ),
    ("resnet110", RESNET_110),
    ("resnet110-sd", RESNET_110),
    (
        "resnet1202",
        &[
            ("layer1.199.add", &[16, 32, 32]),
            ("layer2.199.add", &[32, 16, 16]),
            ("layer3.199.add", &[64, 8, 8]),
        ],
    ),
    (
        "preresnet200",
        &[
            ("stem.conv", &[64, 112, 112]),
            ("stages.0.blocks.2.add", &[256, 56, 56]),
            ("stages.1.blocks.23.add", &[512, 28, 28]),
            ("stages.2.blocks.35.add", &[1024, 14, 14]),
            ("stages.3.blocks.2.add", &[2048, 7, 7]),
        ],
    ),
    ("wrn-28-10", &[("block1.layer.3.add", &[160, 32, 32]), ("block3.layer.3.add", &[640, 8, 8])]),
    (
        "densenet121",
        &[
            ("features.conv0", &[64, 112, 112]),
            ("features.denseblock1.concat6", &[256, 56, 56]),
            ("features.denseblock2.concat12", &[512, 28, 28]),
            ("features.denseblock3.concat24", &[1024, 14, 14]),
            ("features.denseblock4.concat16", &[1024, 7, 7]),
        ],
    ),
    ("fractalnet", &[("block1.conv7", &[64, 32, 32]), ("block5.conv7", &[512, 2, 2])]),
    ("fractalnet-40", &[("block1.conv15", &[64, 32, 32]), ("block5.conv15", &[512, 2, 2])]),
    (
        "inception-naive",
        &[
            ("conv1x1", &[128, 28, 28]),
            ("conv3x3", &[192, 28, 28]),
            ("conv5x5", &[96, 28, 28]),
            ("concat", &[672, 28, 28]),
        ],
    ),
    (
        "inception-bottleneck",
        &[("conv3x3_reduce", &[64, 28, 28]), ("conv5x5_reduce", &[64, 28, 28]), ("concat", &[480, 28, 28])],
    ),
    (
        "squeezenet1.0",
        &[
            ("features.0", &[96, 109, 109]),
            ("features.3", &[128, 54, 54]),
            ("features.7", &[256, 27, 27]),
            ("features.12", &[512, 13, 13]),
            ("classifier.1", &[1000, 13, 13]),
        ],
    ),
];

#[test]
fn shapes_along_the_networks() {
    let mut compared = 0;
    for (name, shapes) in SHAPES {
        let module = network(name);
        for (node, dims) in *shapes {
            let id = module.graph.find(node).unwrap_or_else(|| panic!("{name} has no %{node}"));
            assert_eq!(module.graph.ty(id).dims()[1..], **dims, "{name}: %{node}");
            compared += 1;
        }
    }
    assert!(compared > 130, "{compared}");
    let skeletons = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/skeletons");
    for arch in list() {
        let is_here = SHAPES.iter().any(|(name, _)| *name == arch.name);
        assert!(
            is_here || skeletons.join(format!("{}.txt", arch.name)).exists(),
            "no shapes of {}",
            arch.name
        );
    }
}

#[test]
fn options_are_what_they_say() {
    let options = ArchOptions { batch: 2, size: Some(64), classes: Some(7), ..ArchOptions::default() };
    for name in ["resnet18", "vgg11", "densenet121", "squeezenet1.1", "googlenet-bn", "alexnet-torchvision"] {
        let module = built(name, &options);
        assert_eq!(module.graph.ty(module.graph.inputs()[0]).dims(), [2, 3, 64, 64], "{name}");
        assert_eq!(module.graph.ty(module.graph.outputs()[0]).dims(), [2, 7], "{name}");
    }
    let small = find("alexnet").unwrap().build(&ArchOptions { size: Some(20), ..ArchOptions::default() });
    let message = small.unwrap_err().to_string();
    assert!(
        message.contains("20x20") && message.contains("layer") && message.contains("227x227"),
        "{message}"
    );
}

#[test]
fn papers_vary_width_cardinality_and_growth() {
    let counts = |name: &str, options: &ArchOptions| {
        let module = built(name, options);
        (module.parameters(), module.total_cost().macs)
    };
    let paper = ArchOptions::default();
    let width = |width| ArchOptions { width: Some(width), ..ArchOptions::default() };
    let growth = |growth| ArchOptions { growth: Some(growth), ..ArchOptions::default() };
    assert_eq!(counts("wide-resnet50-2", &width(1)), counts("resnet50", &paper));
    let one_path = ArchOptions { cardinality: Some(1), ..width(64) };
    assert_eq!(counts("resnext50-32x4d", &one_path), counts("resnet50", &paper));
    let eight = ArchOptions { width: Some(8), ..ArchOptions::default() };
    assert_eq!(counts("resnext101-32x8d", &eight), counts("resnext101-32x8d", &paper));
    // WRN-28-12, and DenseNet-121 with 24 channels a layer: counted by hand from their tables.
    assert_eq!(counts("wrn-28-10", &width(12)).0, 52_517_850);
    assert_eq!(counts("densenet121", &growth(24)).0, 4_743_180);

    let refused = |name: &str, options: &ArchOptions| {
        find(name).unwrap().build(options).map(|_| ()).unwrap_err().to_string()
    };
    assert!(refused("vgg16", &growth(2)).contains("vgg16: it has no growth"));
    assert!(refused("densenet121", &width(2)).contains("it has no width"));
    assert!(refused("densenet121", &growth(0)).contains("from 1 to 4096"));
    assert!(refused("wrn-28-10", &width(usize::MAX)).contains("from 1 to 4096"));
    // The greatest are still numbers.
    let most = ArchOptions { cardinality: Some(4096), ..width(4096) };
    let built = find("resnext50-32x4d").unwrap().build(&most);
    assert!(built.is_ok() || refused("resnext50-32x4d", &most).contains("layer"));
}

#[test]
fn the_same_seed_gives_the_same_network() {
    let text =
        |seed| cnnc_ir::text::print(&built("resnet18", &ArchOptions { seed, ..ArchOptions::default() }));
    assert_eq!(text(3), text(3));
    assert_ne!(text(3), text(4));
}
