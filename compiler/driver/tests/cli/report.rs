//! `report`: counts, receptive fields, memory, time; as text, JSON, page and pictures.

use serde_json::{Value, json};

use crate::{CLASSIFIER, Folder, UNSUPPORTED};

/// Three convolutions and one that sees as much.
const THREE: &str = "\
graph @three(%x: f32[1,4,32,32]) {
  %w: f32[4,4,3,3] = const rand(1)
  %a: f32[1,4,32,32] = conv %x, %w, pad=1
  %b: f32[1,4,32,32] = conv %a, %w, pad=1
  %c: f32[1,4,32,32] = conv %b, %w, pad=1
  %v: f32[4,4,7,7] = const rand(2)
  %d: f32[1,4,32,32] = conv %x, %v, pad=3
  %e: f32[1,4,32,32] = add %c, %d
  %p: f32[1,4,16,16] = max_pool %e, kernel=2, stride=2
  %q: f32[1,4,14,14] = conv %p, %w
  %g: f32[1,4,1,1] = reduce_mean %q, axes=[2,3]
  return %g
}
";

/// The report of one network.
fn report(folder: &Folder, arguments: &str) -> Value {
    let json = folder.cnnc(&format!("report {arguments} --json")).json();
    assert_eq!(json["networks"].as_array().unwrap().len(), 1);
    json["networks"][0].clone()
}

#[test]
fn the_table_adds_up() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    let json = report(&folder, "net.cnn");
    let (parameters, macs) = (16 * 27 + 16 + 8 * 144 + 2400, 16 * 27 * 120 + 8 * 144 * 30 + 2400);
    assert_eq!((&json["name"], &json["inputs"]), (&json!("net"), &json!(["1x3x12x10"])));
    assert_eq!(json["parameters"], parameters);
    assert_eq!(json["macs"], macs);
    let layers = json["layers"].as_array().unwrap();
    // The activation belongs to the convolution in front of it.
    assert_eq!(layers.len(), 4);
    assert_eq!(layers[0]["ops"], json!(["conv", "relu"]));
    assert_eq!(layers[0]["volume"], "12x10x16");
    assert_eq!((&layers[0]["weights"], &layers[0]["biases"]), (&json!(16 * 27), &json!(16)));
    assert_eq!(layers[0]["bytes"], 16 * 120 * 4);
    for (key, total) in [("parameters", parameters), ("macs", macs)] {
        let sum: u64 = layers.iter().map(|layer| layer[key].as_u64().unwrap()).sum();
        assert_eq!(sum, total, "{key}");
    }
}

#[test]
fn statistics_are_no_parameters() {
    let folder = Folder::with(
        "norm.cnn",
        "graph @norm(%x: f32[1,6,4,4]) {\n  %g: f32[6] = const rand(1)\n  %b: f32[6] = const rand(2)\n  \
         %m: f32[6] = const rand(3)\n  %v: f32[6] = const rand(4, min=0.5)\n  %half: f32[] = const splat(0.5)\n  \
         %y: f32[1,6,4,4] = batch_norm %x, %g, %b, %m, %v\n  %z: f32[1,6,4,4] = mul %y, %half\n  return %z\n}\n",
    );
    let json = report(&folder, "norm.cnn");
    assert_eq!(json["parameters"], 12);
    assert_eq!(json["layers"].as_array().unwrap().len(), 1);
    assert_eq!((&json["layers"][0]["weights"], &json["layers"][0]["biases"]), (&json!(6), &json!(6)));
}

#[test]
fn three_small_windows_see_what_a_large_one_does() {
    let folder = Folder::with("three.cnn", THREE);
    let json = report(&folder, "three.cnn");
    let sees: Vec<&Value> =
        json["layers"].as_array().unwrap().iter().map(|l| &l["receptive_field"]).collect();
    let square = |n: u64| json!([n, n]);
    // a, b, c; the 7x7; their sum; 2x2 pool; 3x3 at a distance of 2; the mean of 14x14 of those.
    let wanted = [3, 5, 7, 7, 7, 8, 12, 12 + 13 * 2].map(square);
    assert_eq!(sees, wanted.iter().collect::<Vec<_>>());
    assert_eq!(json["layers"][6]["stride"], json!([2.0, 2.0]));
    let weights = |k: usize| json["layers"][k]["weights"].as_u64().unwrap();
    assert_eq!((weights(0), weights(1), weights(3)), (144, 0, 784), "a shared weight counts once");
}

#[test]
fn memory_is_that_of_the_plan() {
    let folder = Folder::with("three.cnn", THREE);
    let memory = &report(&folder, "three.cnn")["memory"];
    let [arena, bound] = ["arena_bytes", "arena_bound"].map(|key| memory[key].as_u64().unwrap());
    assert!(bound > 0 && arena >= bound);
    let live: Vec<u64> =
        memory["live_bytes"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    assert_eq!(live.iter().max(), Some(&bound));
    let buffers = memory["buffers"].as_array().unwrap();
    assert!(buffers.len() > 3);
    for buffer in buffers {
        let end = buffer["offset"].as_u64().unwrap() + buffer["bytes"].as_u64().unwrap();
        assert!(end <= arena && buffer["first_step"].as_u64() <= buffer["last_step"].as_u64(), "{buffer}");
    }
}

#[test]
fn time_is_measured_when_asked() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    assert_eq!(report(&folder, "net.cnn")["time"], Value::Null);
    let time = &report(&folder, "net.cnn --bench --seconds 1 --threads 2")["time"];
    let [least, median] = ["min_ms", "median_ms"].map(|key| time[key].as_f64().unwrap());
    assert!(0.0 < least && least <= median);
    assert_eq!(time["threads"], 2);
    folder.cnnc("report net.cnn --threads 2").usage("--bench");
    folder.cnnc("report").usage("NET");
}

#[test]
fn a_terminal_shows_the_same() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.write("three.cnn", THREE);
    let text = folder.cnnc("report net.cnn").good();
    for part in ["net: input 1x3x12x10", "12x10x16", "3x3", "1,152", "over the bound of", "alive "] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let text = folder.cnnc("report --compare net.cnn three.cnn").good();
    for part in ["a  net", "b  three", "millions of parameters", "billions of multiply-adds", "4,000"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let marks = |letter: &str| text.lines().filter(|l| l.contains('|') && l.ends_with(letter)).count();
    assert_eq!((marks("a"), marks("b")), (1, 1), "each network has its place in the picture\n{text}");
}

#[test]
fn tables_come_before_errors() {
    let folder = Folder::with("bad.cnn", UNSUPPORTED);
    folder.write("net.cnn", CLASSIFIER);
    let ran = folder.cnnc("report bad.cnn net.cnn --html page.html");
    let lines = ran.bad();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.contains("bad.cnn: ")), "{lines:?}");
    assert!(ran.stdout().contains("bad: input 4") && ran.stdout().contains("net: input 1x3x12x10"));
    assert_eq!(folder.files(), ["bad.cnn", "net.cnn", "page.html"]);
    folder.cnnc("report net.cnn --html nowhere/page.html").refuses(&["E_IO", "nowhere"]);
}

#[test]
fn pictures_are_svg() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.write("three.cnn", THREE);
    folder.cnnc("report net.cnn three.cnn --compare --svg .").good();
    let drawn =
        ["complexity.svg", "net.layers.svg", "net.memory.svg", "three.layers.svg", "three.memory.svg"];
    assert_eq!(
        folder.files(),
        [&drawn[..1], &["net.cnn"], &drawn[1..3], &["three.cnn"], &drawn[3..]].concat()
    );
    let read = |name: &str| String::from_utf8(folder.read(name)).unwrap();
    for name in drawn {
        let svg = read(name);
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{name}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
    }
    let svg = read("complexity.svg");
    assert_eq!(
        svg.matches("<circle").count(),
        2 * 2 + 3,
        "two bubbles with their borders, three of the legend"
    );
    assert!(svg.contains("\nnet\n") && svg.contains("\nthree\n"));
    // A bar for each layer that computes something.
    let bars = read("net.layers.svg").matches("<rect").count();
    assert_eq!(bars, 4 + 4);
    folder.cnnc("report net.cnn three.cnn --compare --svg . --dark").good();
    assert_ne!(svg, read("complexity.svg"));
    folder.cnnc("report net.cnn --dark").usage("--svg");
}

#[test]
fn equal_names_are_told_apart() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    std::fs::create_dir(folder.path("deep")).unwrap();
    folder.write("deep/net.cnn", THREE);
    let json = folder.cnnc("report net.cnn deep/net.cnn net.cnn --json").json();
    let names: Vec<&Value> = json["networks"].as_array().unwrap().iter().map(|net| &net["name"]).collect();
    assert_eq!(names, ["net", "deep-net", "net-2"]);
}
