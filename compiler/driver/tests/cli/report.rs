//! `report`: counts, receptive fields, memory, time; as text, JSON, page and pictures.

use std::io::Write;

use serde_json::{Value, json};

use crate::{CLASSIFIER, Folder};

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
pub(crate) fn report(folder: &Folder, arguments: &str) -> Value {
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
fn a_transpose_has_weights_and_a_bias() {
    let folder = Folder::with(
        "ct.cnn",
        "graph @ct(%x: f32[1,3,8,8]) {\n  %w: f32[3,4,4,4] = const rand(1)\n  %b: f32[4] = const rand(2)\n  \
         %y: f32[1,4,16,16] = conv_transpose %x, %w, %b, stride=2, pad=1\n  return %y\n}\n",
    );
    let layer = &report(&folder, "ct.cnn")["layers"][0];
    assert_eq!((&layer["weights"], &layer["biases"]), (&json!(192), &json!(4)));
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
fn inputs_that_take_pictures_take_less_memory() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    let [plain, bytes] = ["", "--input x=u8,mean=0.5"].map(|how| report(&folder, &format!("net.cnn {how}")));
    assert_eq!((&plain["inputs"], &bytes["inputs"]), (&json!(["1x3x12x10"]), &json!(["1x12x10x3"])));
    assert!(folder.cnnc("report net.cnn --memory --input x=u8").good().contains("input 1x12x10x3"));
    folder.cnnc("report net.cnn --html page.txt").usage("ends in .html");
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
    let large =
        "graph @large(%x: f32[1,8,32,32]) {\n  %y: f32[1,8,32,32] = max_pool %x, kernel=1\n  return %y\n}\n";
    let folder = Folder::with("large.cnn", large);
    folder.write("net.cnn", CLASSIFIER);
    // The values are small enough, what a run needs is not.
    let ran = folder.cnnc("report large.cnn net.cnn --html page.html --max-memory 60000");
    let lines = ran.bad();
    assert!(
        lines.len() == 1 && lines[0].contains("large.cnn: ") && lines[0].contains("E_LIMIT"),
        "{lines:?}"
    );
    assert!(ran.stdout().contains("large: input 1x8x32x32") && ran.stdout().contains("net: input 1x3x12x10"));
    assert_eq!(folder.files(), ["large.cnn", "net.cnn", "page.html"]);
    folder.cnnc("report net.cnn --html nowhere/page.html").refuses(&["E_IO", "nowhere"]);
}

#[test]
fn pictures_are_svg() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.write("three.cnn", THREE);
    folder.cnnc("report net.cnn three.cnn --compare --svg .").good();
    let read = |name: &str| String::from_utf8(folder.read(name)).unwrap();
    for name in ["complexity", "net.layers", "net.memory", "three.layers", "three.memory"] {
        let [light, dark] = ["light", "dark"].map(|theme| read(&format!("{name}.{theme}.svg")));
        assert_ne!(light, dark, "{name}");
        for svg in [light, dark] {
            assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{name}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
        }
    }
    assert_eq!(folder.files().len(), 2 + 2 * 5);
    let svg = read("complexity.light.svg");
    assert_eq!(
        svg.matches("<circle").count(),
        2 * 2 + 3,
        "two bubbles with their borders, three of the legend"
    );
    assert!(svg.contains("\nnet\n") && svg.contains("\nthree\n"));
    // A bar for each layer, of operations and of parameters.
    assert_eq!(read("net.layers.light.svg").matches("<rect").count(), 4 + 4);
}

#[test]
fn names_in_a_crowd_keep_apart() {
    let folder = Folder::new();
    let files: Vec<String> = (1..=8).map(|k| format!("network-{k}.cnn")).collect();
    files.iter().for_each(|file| folder.write(file, CLASSIFIER));
    folder.cnnc(&format!("report --compare {} --svg .", files.join(" "))).good();
    let svg = String::from_utf8(folder.read("complexity.light.svg")).unwrap();
    // Where the texts are that hold a name.
    let lines: Vec<&str> = svg.lines().collect();
    let number = |text: &str, key: &str| -> i32 {
        let rest = text.split_once(&format!(" {key}=\"")).unwrap().1;
        rest.split('"').next().unwrap().parse().unwrap()
    };
    let names = lines.windows(2).filter(|pair| pair[1].starts_with("network-"));
    let places: Vec<(i32, i32)> = names.map(|pair| (number(pair[0], "x"), number(pair[0], "y"))).collect();
    assert_eq!(places.len(), files.len());
    for (k, a) in places.iter().enumerate() {
        for b in &places[k + 1..] {
            let apart = (a.0 - b.0).abs() > 60 || (a.1 - b.1).abs() > 12;
            assert!(apart, "{a:?} and {b:?} meet");
        }
    }
}

#[test]
fn tables_are_markdown_when_asked() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    let text = folder.cnnc("report net.cnn --markdown").good();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "| layer | operators | volume | sees | weights | biases | MACs | other FLOPs | bytes |"
    );
    assert_eq!(lines[1], "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    assert!(lines[2].starts_with("| c | conv relu | 12x10x16 | 3x3 | 432 | 16 | 51,840 |"), "{}", lines[2]);
    let text = folder.cnnc("report --compare net.cnn --markdown").good();
    assert!(text.contains("| net | 1x3x12x10 | 4,000 |"), "{text}");
    folder.cnnc("report net.cnn --markdown --json").usage("--json");
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

/// The volumes of the layers that make one of another shape than their operand, or have parameters.
fn volumes(network: &Value) -> Vec<&str> {
    let mut volumes: Vec<&str> =
        network["layers"].as_array().unwrap().iter().map(|l| l["volume"].as_str().unwrap()).collect();
    volumes.dedup();
    volumes
}

#[test]
fn alexnet_is_that_of_the_course() {
    let folder = Folder::new();
    let network = report(&folder, "alexnet");
    let layers = network["layers"].as_array().unwrap();
    assert_eq!((&layers[0]["volume"], &layers[0]["weights"]), (&json!("55x55x96"), &json!(34_848)));
    let pool = layers.iter().find(|l| l["ops"] == json!(["max_pool"])).unwrap();
    assert_eq!((&pool["volume"], &pool["parameters"]), (&json!("27x27x96"), &json!(0)));
    let stack: Vec<&Value> = layers
        .iter()
        .filter(|l| ["conv", "gemm", "max_pool"].contains(&l["ops"][0].as_str().unwrap()))
        .map(|l| &l["volume"])
        .collect();
    let wanted = [
        "55x55x96",
        "27x27x96",
        "27x27x256",
        "13x13x256",
        "13x13x384",
        "13x13x384",
        "13x13x256",
        "6x6x256",
        "4096",
        "4096",
        "1000",
    ];
    assert_eq!(stack, wanted);
    let [alexnet, squeezenet] =
        [&network, &report(&folder, "squeezenet1.0")].map(|net| net["parameters"].as_f64().unwrap());
    assert_eq!((alexnet / squeezenet).round(), 49.0, "the paper says 50 times fewer");
}

#[test]
fn the_inception_module_is_that_of_the_course() {
    let folder = Folder::new();
    let macs = |name: &str| report(&folder, name)["macs"].as_u64().unwrap();
    assert_eq!((macs("inception-naive") as f64 / 1e6).round(), 854.0);
    // The slide prints 358 M; its own six rows sum to this.
    assert_eq!(macs("inception-bottleneck"), 271_351_808);
}

#[test]
fn vgg_and_resnet_are_those_of_their_tables() {
    let folder = Folder::new();
    let list = folder.cnnc("arch list --json").json();
    let of = |names: &[&str], key: &str, unit: f64| -> Vec<f64> {
        let networks = list["networks"].as_array().unwrap();
        let network = |name: &&str| networks.iter().find(|net| net["name"] == **name).unwrap();
        names.iter().map(|name| network(name)[key].as_f64().unwrap() / unit).collect()
    };
    let vgg = of(&["vgg11", "vgg11-lrn", "vgg13", "vgg16-c", "vgg16", "vgg19"], "parameters", 1e6);
    assert_eq!(
        vgg.into_iter().map(f64::round).collect::<Vec<_>>(),
        [133.0, 133.0, 133.0, 134.0, 138.0, 144.0]
    );
    // Table 1 of the paper cuts some numbers off and rounds others.
    let resnet = of(&["resnet18", "resnet34", "resnet50-v1", "resnet101-v1", "resnet152-v1"], "macs", 1e9);
    for (macs, printed) in resnet.iter().zip([1.8, 3.6, 3.8, 7.6, 11.3]) {
        assert!((macs - printed).abs() < 0.1, "{macs} billion multiply-adds, the paper has {printed}");
    }
    let resnet = report(&folder, "resnet34");
    let mut sizes: Vec<&str> = volumes(&resnet).into_iter().map(|v| v.split('x').next().unwrap()).collect();
    sizes.dedup();
    assert_eq!(sizes, ["112", "56", "28", "14", "7", "1", "512", "1000"]);
    let vgg = report(&folder, "vgg16");
    let sees = |volume: &str| {
        let layer = vgg["layers"].as_array().unwrap().iter().rfind(|l| l["volume"] == volume);
        layer.unwrap()["receptive_field"].clone()
    };
    assert_eq!(sees("14x14x512"), json!([196, 196]));
    assert_eq!(sees("7x7x512"), json!([212, 212]));
    assert_eq!(sees("4096"), json!([404, 404]));
}

#[test]
fn the_first_volume_of_the_course() {
    let folder = Folder::with(
        "six.cnn",
        "graph @six(%x: f32[1,3,32,32]) {\n  %w: f32[6,3,5,5] = const rand(1)\n  %b: f32[6] = const rand(2)\n  \
         %y: f32[1,6,28,28] = conv %x, %w, %b\n  return %y\n}\n",
    );
    let layer = &report(&folder, "six.cnn")["layers"][0];
    assert_eq!(
        (&layer["volume"], &layer["weights"], &layer["biases"]),
        (&json!("28x28x6"), &json!(450), &json!(6))
    );
}

/// A browser without a window, if there is one.
fn browser() -> Option<std::path::PathBuf> {
    let named = std::env::var("CNNC_BROWSER").ok();
    let known = ["chromium", "chromium-browser", "google-chrome", "chrome"].map(String::from);
    let works = |name: &String| {
        std::process::Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success())
    };
    let found = named.into_iter().chain(known).find(works);
    if found.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: no Chromium; CNNC_BROWSER names one");
    }
    found.map(Into::into)
}

#[test]
fn a_browser_shows_the_page() {
    let Some(browser) = browser() else { return };
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.write("three.cnn", THREE);
    folder.cnnc("report --compare net.cnn three.cnn --html page.html").good();
    let run = |arguments: &str| {
        let fixed = "--headless --no-sandbox --disable-gpu --hide-scrollbars --enable-logging=stderr \
                     --user-data-dir=profile --window-size=1100,1400";
        let all: Vec<&str> =
            fixed.split_whitespace().chain(arguments.split_whitespace()).chain(["page.html"]).collect();
        let ran = folder.run(&browser, &all);
        assert_eq!(ran.output.status.code(), Some(0), "{}", ran.stderr());
        assert!(!ran.stderr().contains("CONSOLE"), "the page complains: {}", ran.stderr());
        ran.stdout()
    };
    let dom = run("--dump-dom");
    // The complexity picture, and layers and memory of two networks, in two themes.
    assert_eq!(dom.matches("<svg ").count(), 2 * (1 + 2 * 2));
    assert_eq!(dom.matches("<tr>").count(), 1 + 2 + 2 * 2 + 4 + 8, "rows of the tables");
    for (theme, arguments) in [("light", ""), ("dark", "--blink-settings=preferredColorScheme=0")] {
        run(&format!("--screenshot={theme}.png {arguments}"));
        let shown = image::load_from_memory(&folder.read(&format!("{theme}.png"))).unwrap().to_rgb8();
        let luminance =
            shown.pixels().map(|p| p.0.iter().map(|&c| u64::from(c)).sum::<u64>() / 3).sum::<u64>()
                / u64::from(shown.width() * shown.height());
        assert!(if theme == "light" { luminance > 200 } else { luminance < 60 }, "{theme}: {luminance}");
        // Bubbles, bars and buffers are what has colours.
        let colorful =
            shown.pixels().filter(|p| p.0.iter().max().unwrap() - p.0.iter().min().unwrap() > 60).count();
        assert!(colorful > 5000, "{theme}: {colorful} pixels have a colour");
    }
}

#[test]
fn memory_is_told_buffer_by_buffer() {
    let folder = Folder::with("three.cnn", THREE);
    let text = folder.cnnc("report three.cnn --memory").good();
    insta::assert_snapshot!(text, @r"
    three: input 1x4x32x32
    arena 64.0 KiB, 0.0 % over the bound of 64.0 KiB; scratch 0 B a thread; packed weights 9.5 KiB; 7 steps

    fullest at step 1, %b (conv), where 64.0 KiB are alive:
        32.0 KiB  a
        32.0 KiB  b

                               ▼
                              ▅███▅▂▁
    32.0 KiB  @0      0 to 1  ██·····  a
    32.0 KiB  @32768  1 to 3  ·███···  b
    32.0 KiB  @0      2 to 4  ··███··  d, e
     8.0 KiB  @32768  4 to 5  ····██·  p
       448 B  @0      5 to 6  ·····██  q.sums
    ");
}

/// The bound and the peak follow from the buffers, and no two that live together share a byte.
#[test]
fn lives_add_up() {
    let folder = Folder::new();
    for name in ["squeezenet1.1", "resnet18"] {
        let json = report(&folder, name);
        let memory = &json["memory"];
        let buffers = memory["buffers"].as_array().unwrap();
        let number = |buffer: &Value, key: &str| buffer[key].as_u64().unwrap();
        let steps = |b: &Value| number(b, "first_step")..=number(b, "last_step");
        let bytes = |b: &Value| number(b, "offset")..number(b, "offset") + number(b, "bytes");
        let live: Vec<u64> = (0..memory["steps"].as_array().unwrap().len() as u64)
            .map(|k| buffers.iter().filter(|b| steps(b).contains(&k)).map(|b| number(b, "bytes")).sum())
            .collect();
        assert_eq!(memory["live_bytes"], json!(live), "{name}");
        let most = live.iter().copied().max().unwrap();
        assert_eq!(memory["arena_bound"], most, "{name}");
        assert_eq!(memory["arena_bytes"], buffers.iter().map(|b| bytes(b).end).max().unwrap(), "{name}");
        let fullest = number(&memory["fullest"], "step");
        assert_eq!(live[fullest as usize], most, "{name}");
        let there: u64 = memory["fullest"]["buffers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|k| number(&buffers[k.as_u64().unwrap() as usize], "bytes"))
            .sum();
        assert_eq!(there, most, "{name}");
        for (k, a) in buffers.iter().enumerate() {
            for b in &buffers[k + 1..] {
                let together = steps(a).start() <= steps(b).end() && steps(b).start() <= steps(a).end();
                let apart = bytes(a).end <= bytes(b).start || bytes(b).end <= bytes(a).start;
                assert!(!together || apart, "{name}: {a} and {b}");
            }
        }
    }
}
