//! `run` and `bench`: numbers, from tensors and from pictures.

use std::process::Command;

use npyz::WriterBuilder;
use serde_json::{Value, json};

use crate::{CLASSIFIER, Folder, MIRROR, npy, shared};

#[test]
fn memory_library_and_threads_give_the_same_bits() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.cnnc("compile net.cnn -o net.so").good();
    folder.cnnc("run net.cnn --input random:7 --output jit.npy").good();
    folder.cnnc("run net.so --input random:7 --output aot.npy").good();
    folder.cnnc("run net.so --input x=random:7 --output three.npy --threads 3").good();
    folder.cnnc("run net.so --input random:8 --output other.npy").good();
    let wanted = folder.read("jit.npy");
    assert_eq!(npy(&wanted).len(), 10);
    assert!(npy(&wanted).iter().any(|&x| x != 0.0));
    assert_eq!(wanted, folder.read("aot.npy"));
    assert_eq!(wanted, folder.read("three.npy"));
    assert_ne!(wanted, folder.read("other.npy"), "the seed does not matter");
    folder.cnnc("run net.so --input random:7 --keep-denormals").refuses(&["E_OPTION", "--keep-denormals"]);
}

#[test]
fn tensors_go_from_file_to_file() {
    let folder = Folder::with("mirror.cnn", MIRROR);
    folder.cnnc("run mirror.cnn --input random:3 --output a.npy --json").json();
    folder.cnnc("run mirror.cnn --input a.npy --output b.pb").good();
    folder.cnnc("run mirror.cnn --input x=b.pb --output c.npy").good();
    assert_eq!(folder.read("a.npy"), folder.read("c.npy"), "what is not negative stays");
    assert!(npy(&folder.read("a.npy")).iter().any(|&x| x > 0.0));

    folder.write("net.cnn", CLASSIFIER);
    folder.cnnc("run net.cnn --input a.npy").refuses(&["a.npy", "[1, 3, 4, 5]", "f32[1,3,12,10]"]);
    folder.cnnc("run net.cnn --input b.pb").refuses(&["b.pb", "f32[1,3,4,5]"]);
    folder.cnnc("run net.cnn").refuses(&["\"x\"", "help: "]);
    folder.cnnc("run net.cnn --input random:1 --input random:2").refuses(&["random:2"]);
    folder.cnnc("verify net.cnn --input random:1 --input random:2").refuses(&["random:2", "the model has 1"]);
    folder
        .cnnc("run net.cnn --input x=random:1 --input x=random:2")
        .refuses(&["E_OPTION", "\"x\" two values"]);
    let two =
        "graph @two(%a: f32[1,3,4,5], %b: f32[1,3,4,5]) {\n  %y: f32[1,3,4,5] = sub %a, %b\n  return %y\n}\n";
    folder.write("two.cnn", two);
    let sub = |values: [&str; 2]| {
        let values = values.map(|value| format!("--input {value}")).join(" ");
        folder.cnnc(&format!("run two.cnn {values} -o d.npy")).good();
        npy(&folder.read("d.npy"))
    };
    let [ab, ba] = [sub(["random:1", "random:2"]), sub(["random:2", "random:1"])];
    assert_ne!(ab, ba);
    for values in [["a=random:1", "random:2"], ["random:2", "a=random:1"], ["b=random:2", "random:1"]] {
        assert_eq!(sub(values), ab, "{values:?}: what has a name is placed first");
    }
    folder
        .cnnc("run two.cnn --input random:1 --input b=random:1 --input random:3")
        .refuses(&["left for \"random:3"]);
    folder.cnnc("run two.cnn --input b=random:1").refuses(&["\"a\" of type f32[1,3,4,5] has no value"]);
    for name in ["two.cnn", "d.npy"] {
        std::fs::remove_file(folder.path(name)).unwrap();
    }
    let shapes = "check net.cnn --shape x=1x3x12x10 --shape x=2x3x12x10";
    folder.cnnc(shapes).refuses(&["E_OPTION", "--shape speaks of \"x\" twice"]);
    folder.write("cut.npy", &folder.read("a.npy")[..200]);
    folder.cnnc("run mirror.cnn --input cut.npy").refuses(&["ends before its f32[1,3,4,5] does; help: "]);
    std::fs::remove_file(folder.path("cut.npy")).unwrap();
    folder.cnnc("run net.cnn --input random:seven").refuses(&["seven"]);
    folder.cnnc("run net.cnn --input net.cnn").refuses(&["net.cnn", "help: "]);
    folder.cnnc("run mirror.cnn --input random:1 --output a.txt").refuses(&["a.txt"]);
    folder.cnnc("run mirror.cnn --input random:1 -o a.npy -o b.npy").refuses(&["the model has 1"]);
    // Known before the model runs.
    folder
        .cnnc("run mirror.cnn --input random:1 -o a.txt")
        .refuses(&["E_OPTION", "a.txt: an output is a .npy or .pb"]);
    assert_eq!(folder.files(), ["a.npy", "b.pb", "c.npy", "mirror.cnn", "net.cnn"]);
}

/// The functions of a dump for `perf`: name, address, bytes of code.
fn dumped(dump: &[u8]) -> Vec<(String, u64, usize)> {
    let word = |at: usize| u32::from_le_bytes(dump[at..at + 4].try_into().unwrap()) as usize;
    let long = |at: usize| u64::from_le_bytes(dump[at..at + 8].try_into().unwrap());
    assert_eq!((word(0), word(4)), (0x4A69_5444, 1), "magic and version");
    let mut functions = Vec::new();
    let mut at = word(8);
    while at < dump.len() {
        let (id, size) = (word(at), word(at + 4));
        assert_eq!(id, 0, "a record of loaded code");
        // Header, process, thread, two addresses, size and index, then the name and the code.
        let (address, bytes) = (long(at + 32), long(at + 40) as usize);
        let name = &dump[at + 56..at + size - bytes - 1];
        functions.push((String::from_utf8(name.to_vec()).unwrap(), address, bytes));
        at += size;
    }
    functions
}

#[test]
fn code_in_memory_is_written_down_for_perf() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cnnc"));
    let command = command.args(["run", "net.cnn", "--input", "random:1"]).current_dir(folder.path("."));
    let before = folder.files();
    assert!(command.env("CNNC_JITDUMP", "").output().unwrap().status.success());
    assert_eq!(folder.files(), before);
    assert!(command.env("CNNC_JITDUMP", ".").output().unwrap().status.success());
    let files = folder.files();
    let dump = files.iter().find(|name| name.ends_with(".dump")).unwrap();
    assert!(dump.starts_with("jit-"), "{dump}");
    let functions = dumped(&folder.read(dump));
    for layer in ["r", "d", "y"] {
        let is_there =
            functions.iter().any(|(name, ..)| name.split(['_', '.', ':']).any(|part| part == layer));
        assert!(is_there, "no %{layer} in {functions:?}");
    }
    assert!(
        functions.iter().any(|(name, ..)| name.starts_with("product_") && name.ends_with(".d")),
        "{functions:?}"
    );
    let map = files.iter().find(|name| name.starts_with("perf-") && name.ends_with(".map")).unwrap();
    let map = String::from_utf8(folder.read(map)).unwrap();
    let lines = functions.iter().map(|(name, start, bytes)| format!("{start:x} {bytes:x} {name}\n"));
    assert_eq!(map, lines.collect::<String>());
    assert!(functions.iter().all(|(.., bytes)| *bytes > 0));
    assert!(functions.windows(2).all(|pair| pair[0].1 + pair[0].2 as u64 == pair[1].1), "{functions:?}");

    folder.cnnc("run net.cnn --input random:1").good();
    assert_eq!(folder.files().len(), files.len(), "only where it is asked for");
}

#[test]
fn elements_of_another_type_are_refused() {
    let folder = Folder::with("mirror.cnn", MIRROR);
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::<f64>::new().default_dtype().shape(&[1, 3, 4, 5]);
    let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
    writer.extend((0..60).map(f64::from)).unwrap();
    writer.finish().unwrap();
    folder.write("x.npy", bytes);
    folder.cnnc("run mirror.cnn --input x.npy").refuses(&["x.npy", "f32[1,3,4,5]"]);
}

/// A picture of 4x5 pixels in which every byte differs.
fn pixels() -> Vec<u8> {
    (0..60).map(|i| 40 + 3 * i as u8).collect()
}

#[test]
fn pictures_are_scaled_and_planar() {
    let folder = Folder::with("mirror.cnn", MIRROR);
    folder.write("p.rgb", pixels());
    image::RgbImage::from_raw(5, 4, pixels()).unwrap().save(folder.path("p.png")).unwrap();
    folder.cnnc("run mirror.cnn --image p.rgb -o rgb.npy").good();
    folder.cnnc("run mirror.cnn --image p.png -o png.npy").good();
    folder.cnnc("run mirror.cnn --input x=p.rgb -o input.npy").good();
    folder.cnnc("run mirror.cnn --image p.png --channels bgr --raw -o bgr.npy").good();
    folder.cnnc("run mirror.cnn --image p.png --mean 0.1,0.05,0 --std 0.5,0.25,2 -o scaled.npy").good();
    let [rgb, bgr, scaled] = ["rgb.npy", "bgr.npy", "scaled.npy"].map(|name| npy(&folder.read(name)));
    for c in 0..3 {
        for pixel in 0..20 {
            let byte = |channel: usize| f32::from(pixels()[3 * pixel + channel]);
            let i = 20 * c + pixel;
            assert_eq!(rgb[i], byte(c) / 255.0, "channel {c}, pixel {pixel}");
            assert_eq!(bgr[i], byte(2 - c), "channel {c}, pixel {pixel}");
            let (mean, std) = ([0.1, 0.05, 0.0][c], [0.5, 0.25, 2.0][c]);
            assert_eq!(scaled[i], ((byte(c) / 255.0 - mean) / std).max(0.0), "channel {c}, pixel {pixel}");
        }
    }
    assert_eq!(folder.read("rgb.npy"), folder.read("png.npy"));
    assert_eq!(folder.read("rgb.npy"), folder.read("input.npy"));
}

#[test]
fn models_take_pictures_as_they_are() {
    let folder = Folder::with("mirror.cnn", MIRROR);
    folder.write("p.rgb", pixels());
    let taken = |how: &str, at: fn(usize, usize) -> f32| {
        folder.cnnc(&format!("compile mirror.cnn -o x.so --input x={how}")).good();
        folder.cnnc("run x.so --image p.rgb -o aot.npy").good();
        folder.cnnc(&format!("run mirror.cnn --image p.rgb -o jit.npy --input x={how}")).good();
        assert_eq!(folder.read("aot.npy"), folder.read("jit.npy"), "{how}");
        let numbers = npy(&folder.read("aot.npy"));
        for (i, y) in numbers.iter().enumerate() {
            let wanted = at(i / 20, i % 20).max(0.0);
            assert!((y - wanted).abs() <= 1e-5 * wanted, "{how}: {y} instead of {wanted} at {i}");
        }
        assert_eq!(numbers.len(), 60);
        assert!(numbers.iter().any(|&y| y > 0.0));
        folder.cnnc("inspect x.so").good()
    };
    fn byte(c: usize, pixel: usize) -> f32 {
        f32::from(pixels()[3 * pixel + c])
    }
    let text = taken("u8,nhwc,rgb,raw", byte);
    assert!(text.contains("u8[1,4,5,3]") && text.contains("x=u8,nhwc,rgb,raw"), "{text}");
    let text = taken("u8,nchw,bgr,raw", byte);
    assert!(text.contains("u8[1,3,4,5]"), "{text}");
    taken("u8", |c, pixel| byte(c, pixel) / 255.0);
    taken("u8,raw,std=2", |c, pixel| byte(c, pixel) / 2.0);
    taken("u8,bgr,mean=0.1,0.05,0,std=0.5,0.25,2", |c, pixel| {
        (byte(c, pixel) / 255.0 - [0.1, 0.05, 0.0][c]) / [0.5, 0.25, 2.0][c]
    });

    // A file has red first, a model may take blue first: bytes that are no picture go in as they are.
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::<u8>::new().default_dtype().shape(&[1, 4, 5, 3]);
    let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
    writer.extend(pixels()).unwrap();
    writer.finish().unwrap();
    folder.write("p.npy", bytes);
    folder.cnnc("run mirror.cnn --input p.npy --input x=u8,bgr,raw -o bgr.npy").good();
    let wanted: Vec<f32> = (0..60).map(|i| byte(2 - i / 20, i % 20)).collect();
    assert_eq!(npy(&folder.read("bgr.npy")), wanted);
    assert!(folder.cnnc("verify mirror.cnn --input x=u8,mean=0.5").good().contains("output y"));
}

#[test]
fn what_pads_pads_with_what_was_zero() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.write("p.rgb", (0..360).map(|i| (i * 7 % 256) as u8).collect::<Vec<u8>>());
    folder.cnnc("run net.cnn --image p.rgb -o numbers.npy --mean 0.4,0.5,0.6 --std 0.2,0.3,0.4").good();
    folder
        .cnnc("run net.cnn --image p.rgb -o bytes.npy --input x=u8,mean=0.4,0.5,0.6,std=0.2,0.3,0.4")
        .good();
    let [numbers, bytes] = ["numbers.npy", "bytes.npy"].map(|name| npy(&folder.read(name)));
    let most = numbers.iter().fold(0.0, |most: f32, x| most.max(x.abs()));
    assert!(numbers.iter().zip(&bytes).all(|(a, b)| (a - b).abs() <= 1e-5 * most), "{numbers:?}, {bytes:?}");
    assert!(most > 0.0 && numbers.len() == 10);
}

#[test]
fn pictures_that_do_not_fit_the_input_are_refused() {
    let folder = Folder::with("mirror.cnn", MIRROR);
    let refused =
        |how: &str, parts: &[&str]| folder.cnnc(&format!("check mirror.cnn --input {how}")).refuses(parts);
    refused("picture=u8", &["E_OPTION", "\"picture\"", "help: the network takes \"x\""]);
    refused("x=u8,mean=1,2", &["f32[1,3,4,5]", "3 channels", "mean has 2", "help: "]);
    refused("x=u8,std=1,2,3,4", &["3 channels", "std has 4", "help: "]);
    let usage = |how: &str, part: &str| folder.cnnc(&format!("check mirror.cnn --input {how}")).usage(part);
    usage("x=f32", "expected NAME=u8");
    usage("x=u8,hwc", "\"hwc\" is none of nhwc");
    usage("x=u8,std=0", "above 0");
    usage("x=u8,mean=inf", "inf is no finite number");
    usage("x=u8,mean=nan", "NaN is no finite number");
    usage("x=u8,std=1e-45", "beyond the numbers of f32");
    usage("x=u8,mean=1e300", "beyond the numbers of f32");
    usage("x=u8,nhwc,nchw", "\"nhwc\" and \"nchw\": say one of them");
    usage("x=u8,rgb,rgb", "\"rgb\" and \"rgb\"");
    usage("x=u8,mean=1,std=2,mean=3", "\"mean=1\" and \"mean=3\"");
    folder.cnnc("check mirror.cnn --input x=u8 --input x=u8,raw").refuses(&["E_OPTION", "\"x\"", "twice"]);
    for (option, part) in [
        ("--mean nan", "expected a finite number"),
        ("--std 0", "above 0"),
        ("--std -1", "above 0"),
        ("--std 1e-45", "above 0"),
        ("--std inf", "above 0"),
    ] {
        folder.cnnc(&format!("run mirror.cnn --image p.rgb {option}")).usage(part);
    }
    folder.write("one.cnn", MIRROR.replace("[1,3,", "[1,1,"));
    folder.cnnc("check one.cnn --input x=u8,bgr").refuses(&["1 channels", "help: leave out bgr"]);
    folder.write("flat.cnn", "graph @flat(%x: f32[1,9]) {\n  %y: f32[1,9] = relu %x\n  return %y\n}\n");
    folder.cnnc("check flat.cnn --input x=u8").refuses(&["f32[1,9]", "no picture", "help: "]);
    folder.cnnc("compile mirror.cnn -o x.so --input x=u8").good();
    for option in ["--input x=u8", "--no-winograd", "--max-workspace 1KiB"] {
        let word = option.split(' ').next().unwrap();
        folder.cnnc(&format!("run x.so {option}")).refuses(&["compiled already", word]);
    }
    folder.write("p.rgb", pixels());
    for option in ["--raw", "--mean 1", "--std 2", "--channels bgr"] {
        folder.cnnc(&format!("run x.so --image p.rgb {option}")).refuses(&[
            "E_OPTION",
            "takes bytes",
            "help: ",
        ]);
    }
    folder.cnnc("run x.so --image p.rgb --input random:1").refuses(&["--image", "random:1", "help: "]);
}

#[test]
fn pictures_of_another_size_are_resized() {
    let folder = Folder::with("mirror.cnn", MIRROR);
    image::RgbImage::from_pixel(64, 48, image::Rgb([51, 102, 204])).save(folder.path("big.png")).unwrap();
    for fit in ["stretch", "crop"] {
        folder.cnnc(&format!("run mirror.cnn --image big.png --raw --fit {fit} -o big.npy")).good();
        let values = npy(&folder.read("big.npy"));
        assert_eq!(values.len(), 60);
        for (i, value) in values.iter().enumerate() {
            assert_eq!(*value, [51.0, 102.0, 204.0][i / 20], "{fit}, element {i}");
        }
    }
    folder.write("short.rgb", [1, 2, 3]);
    folder.cnnc("run mirror.cnn --image short.rgb").refuses(&["3 bytes", "4x5", "--picture-size"]);
    folder.write("long.rgb", [7; 61]);
    folder.cnnc("run mirror.cnn --image long.rgb").refuses(&["61 bytes", "4x5", "--picture-size"]);
    folder.cnnc("run mirror.cnn --input long.rgb --picture-size 4x4").refuses(&["61 bytes", "4x4"]);
    let most = "run mirror.cnn --image long.rgb --picture-size 4294967295x18446744073709551615";
    folder.cnnc(most).refuses(&["61 bytes", "4294967295x18446744073709551615"]);
    for size in ["0x7", "7x0", "0x0"] {
        folder.cnnc(&format!("run mirror.cnn --image long.rgb --picture-size {size}")).usage("from 1");
    }
    folder.write("wide.rgb", [51, 102, 204].repeat(7 * 9));
    folder.cnnc("run mirror.cnn --image wide.rgb --raw --picture-size 7x9 -o wide.npy").good();
    assert_eq!(folder.read("wide.npy"), folder.read("big.npy"));
    folder.cnnc("run mirror.cnn --image wide.rgb --picture-size 9").usage("HxW");
    folder.write("noise.png", "no picture");
    folder.cnnc("run mirror.cnn --image noise.png").refuses(&["noise.png"]);
    folder.cnnc("run mirror.cnn --image big.png --mean 1,2").refuses(&["--mean"]);
    folder.write("flat.cnn", "graph @flat(%x: f32[1,9]) {\n  %y: f32[1,9] = relu %x\n  return %y\n}\n");
    folder.cnnc("run flat.cnn --image big.png").refuses(&["f32[1,9]"]);
}

#[test]
fn the_best_classes_are_named() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    let labels: String = (0..10).map(|class| format!("class number {class}\n")).collect();
    folder.write("labels.txt", labels);
    folder.cnnc("run net.cnn --input random:5 -o scores.npy").good();
    let scores = npy(&folder.read("scores.npy"));
    let best = (0..10).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
    let json = folder.cnnc("run net.cnn --input random:5 --labels labels.txt --top 3 --json").json();
    let top = json["top"].as_array().unwrap();
    assert_eq!(top.len(), 3);
    assert_eq!(top[0]["class"], best);
    assert_eq!(top[0]["label"], format!("class number {best}"));
    assert!(top[0]["score"].as_f64() > top[1]["score"].as_f64());
    let text = folder.cnnc("run net.cnn --input random:5 --labels labels.txt").good();
    assert_eq!(text.lines().count(), 5);
    assert!(text.lines().next().unwrap().ends_with(&format!("class number {best}")), "{text}");
}

#[test]
fn each_picture_has_classes_of_its_own() {
    let folder = Folder::with(
        "rows.cnn",
        "graph @rows(%x: f32[]) {\n  %k: f32[2,3] = const [1,3,2,9,8,7]\n  %o: f32[] = mul %x, %x |> clip max=0\n  \
         %y: f32[2,3] = add %k, %o\n  %z: f32[2,3] = neg %y\n  return %y, %z\n}\n",
    );
    let text = folder.cnnc("run rows.cnn --input random:1 --top 1").good();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let negated = "z: f32[2,3] = [-1.000000, -3.000000, -2.000000, -9.000000, -8.000000, -7.000000]";
    assert_eq!(words, format!("picture 0 3.000000 1 picture 1 9.000000 0 {negated}"));
    let top = folder.cnnc("run rows.cnn --input random:1 --top 2 --json").json()["top"].clone();
    let number = |class: &serde_json::Value, of: &str| class[of].as_u64().unwrap();
    let places =
        top.as_array().unwrap().iter().map(|class| [number(class, "picture"), number(class, "class")]);
    assert_eq!(places.collect::<Vec<_>>(), [[0, 1], [0, 2], [1, 0], [1, 1]]);
}

#[test]
fn limits_are_judged_before_anything_is_drawn() {
    let text =
        "graph @net(%x: f32[1,1000000,1000000]) {\n  %y: f32[1,1000000,1000000] = relu %x\n  return %y\n}\n";
    let folder = Folder::with("net.cnn", text);
    for command in ["verify net.cnn", "run net.cnn --input random:1", "bench net.cnn --seconds 1"] {
        folder.cnnc(command).refuses(&["E_LIMIT node %x", "help: "]);
    }
    // What no limit refuses the system does: a run takes two of 480 GB.
    folder.write("net.cnn", text.replace("1000000,", "120000,"));
    for command in ["verify net.cnn", "run net.cnn --input random:1", "bench net.cnn --seconds 1"] {
        let shell = format!("ulimit -v 16000000; exec \"$0\" {command} --max-memory 1024GiB");
        let ran = folder.run("sh".as_ref(), &["-c", &shell, env!("CARGO_BIN_EXE_cnnc")]);
        ran.refuses(&["E_MEMORY: the system has not the ", " bytes that it takes; help: "]);
    }
}

#[test]
fn more_threads_than_there_can_be_are_refused() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    for command in ["run net.cnn --input random:1", "verify net.cnn", "bench net.cnn --seconds 1"] {
        let ran = folder.cnnc(&format!("{command} --threads 1025"));
        ran.refuses(&["E_LIMIT", "1025 threads, at most 1024", "help: take fewer --threads"]);
    }
}

#[test]
fn bench_measures_and_profiles() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    let json = folder.cnnc("bench net.cnn --seconds 1 --threads 1,2 --profile --json").json();
    let benches = json["benches"].as_array().unwrap();
    assert_eq!(benches.len(), 2);
    for (bench, threads) in benches.iter().zip([1, 2]) {
        assert_eq!(bench["threads"], threads);
        let [least, median] = ["min_ms", "median_ms"].map(|key| bench[key].as_f64().unwrap());
        assert!(0.0 < least && least <= median, "{least} ms, {median} ms");
        let steps = bench["steps"].as_array().unwrap();
        let names: Vec<&str> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
        for node in ["r", "d", "y"] {
            assert!(names.contains(&node), "{node} is none of {names:?}");
        }
        assert!(steps.iter().all(|step| step["us"].as_f64().unwrap() > 0.0));
    }
    assert!(folder.cnnc("bench net.cnn --seconds 1 --profile").good().contains("GFLOP/s"));
    folder.cnnc("bench net.cnn --seconds 0").usage("seconds");
}

#[test]
fn a_profile_has_a_line_a_layer() {
    let net = "graph @net(%x: f32[1,16,56,56]) {\n  %w: f32[32,16,3,3] = const rand(1)\n  \
               %v: f32[16,32,1,1] = const rand(2)\n  %a: f32[1,32,56,56] = conv %x, %w, pad=1\n  \
               %b: f32[1,16,56,56] = conv %a, %v\n  %c: f32[1,16,56,56] = conv %a, %v |> relu\n  \
               %y: f32[1,16,56,56] = max %b, %c\n  return %y\n}\n";
    let folder = Folder::with("net.cnn", net);
    let printed = folder.cnnc("bench net.cnn --seconds 1 --profile").good();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let tiles: Vec<String> = printed.lines().map(words).filter(|line| line.starts_with("a ")).collect();
    // One layer, with the multiply-adds of its definition, 56 x 56 x 32 x 16 x 9; of its three parts one has products.
    let [layer, parts @ ..] = &tiles[..] else { panic!("{printed}") };
    assert!(layer.starts_with("a winograd_input > winograd_product > winograd_output "), "{printed}");
    assert!(layer.contains(" 14.45 ") && layer.ends_with('%'), "{printed}");
    assert!(parts.len() == 3 && parts[1].starts_with("a winograd_product direct "), "{printed}");
    assert!(parts[1].ends_with(" 14.45"), "{printed}");
}

#[test]
fn bench_leaves_passes_out() {
    let net = "graph @norm(%x: f32[1,8,6,6]) {\n  %w: f32[8,8,3,3] = const rand(1)\n  %g: f32[8] = const rand(2)\n  \
               %b: f32[8] = const rand(3)\n  %m: f32[8] = const rand(4)\n  %v: f32[8] = const rand(5, min=0.5)\n  \
               %c: f32[1,8,6,6] = conv %x, %w, pad=1\n  %n: f32[1,8,6,6] = batch_norm %c, %g, %b, %m, %v\n  \
               %r: f32[1,8,6,6] = relu %n\n  %z: f32[1,8,6,6] = batch_norm %r, %g, %b, %m, %v\n  \
               %d: f32[1,8,6,6] = conv %z, %w, pad=1\n  %e: f32[1,8,6,6] = conv %d, %w, pad=1\n  \
               %y: f32[1,8,6,6] = add %e, %z\n  \
               %p: f32[1,8,3,3] = max_pool %y, kernel=2, stride=2\n  return %p\n}\n";
    let folder = Folder::with("norm.cnn", net);
    let json = folder.cnnc("bench norm.cnn --passes --threads 1,2 --seconds 1 --json").json();
    let variants = json["variants"].as_array().unwrap();
    let of = |threads: u64| -> Vec<&Value> {
        variants.iter().filter(|v| v["threads"] == threads).map(|v| &v["without"]).collect()
    };
    assert_eq!(of(1), of(2));
    let worked = ["fold-batch-norm", "fold-constants", "fuse-epilogue", "in-place"].map(|name| json!(name));
    assert_eq!(of(1), std::iter::once(&Value::Null).chain(&worked).collect::<Vec<_>>());
    // Code knows no batch norm: the second one has no convolution to go into.
    assert_eq!(json["needed"], json!(["lower-batch-norm"]));
    for variant in variants {
        let whole =
            variants.iter().find(|v| v["without"].is_null() && v["threads"] == variant["threads"]).unwrap();
        let [own, all] = [variant, whole].map(|v| v["min_ms"].as_f64().unwrap());
        let ratio = variant["ratio"].as_f64().unwrap();
        assert!(own > 0.0 && (ratio - own / all).abs() < 1e-9, "{json}");
    }
    // Times are of the layers that all passes make: they keep no pass from being left out.
    folder.cnnc("compile norm.cnn -o norm.so --tune 1").good();
    let tuned = folder.cnnc("bench norm.cnn --passes --tuned norm.times --seconds 1 --json").json();
    assert_eq!(tuned["needed"], json!(["lower-batch-norm"]));
    folder.cnnc("bench norm.so --passes").refuses(&["E_OPTION", "compiled already", "the network"]);
}

#[test]
fn bench_writes_a_trace() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.cnnc("bench net.cnn --seconds 1 --threads 1,2 --trace trace.json").good();
    let trace: Value = serde_json::from_slice(&std::fs::read(folder.path("trace.json")).unwrap()).unwrap();
    for threads in [1, 2] {
        let events = trace["traceEvents"].as_array().unwrap().iter();
        let steps: Vec<_> = events.filter(|e| e["ph"] == "X" && e["tid"] == threads).collect();
        let names: Vec<&str> = steps.iter().map(|e| e["name"].as_str().unwrap()).collect();
        assert!(names.contains(&"r") && names.contains(&"y"), "{names:?}");
        let times: Vec<[f64; 2]> =
            steps.iter().map(|e| ["ts", "dur"].map(|k| e[k].as_f64().unwrap())).collect();
        for pair in times.windows(2) {
            assert!(
                pair[0][1] > 0.0 && pair[0][0] + pair[0][1] <= pair[1][0] + 1e-3,
                "steps overlap: {pair:?}"
            );
        }
    }
    let printed = folder.cnnc("bench net.cnn --seconds 1 --trace trace.json").good();
    assert!(!printed.contains("operator"), "no profile that nobody asked for: {printed}");
    folder.cnnc("bench net.cnn --seconds 1 --trace absent/trace.json").refuses(&["E_IO: absent/trace.json"]);
}

#[test]
fn a_trained_network_knows_its_expected_output() {
    let Some(model) = shared("mnist-mlp-dynbatch/model.onnx") else { return };
    let data = model.with_file_name("test_data_set_0");
    let folder = Folder::new();
    let (model, input) = (model.display(), data.join("input_0.pb"));
    folder.cnnc(&format!("run {model} --input {} -o got.npy", input.display())).good();
    let got = npy(&folder.read("got.npy"));
    let wanted = std::fs::read(data.join("output_0.pb")).unwrap();
    let wanted = cnnc_frontends::onnx::tensor_from_pb(&wanted).unwrap();
    let wanted = wanted.slice::<f32>();
    assert_eq!(got.len(), wanted.len());
    let scale = wanted.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    for (got, want) in got.iter().zip(wanted) {
        assert!((got - want).abs() <= 1e-4 * scale, "{got}, expected {want}");
    }
}
