//! Files that were made to break compilers, and their well-formed controls, through the binary as a user runs it.
//!
//! Each is accepted or refused as the manifest beside the files says. Refused means: status 1, nothing written, one
//! line a problem that says where, which rule, and a way out. Either way the process has 1 GiB of address space, and
//! 2 s of processor time if the file is under 64 KiB. Every refusal is a text in `snapshots/`.
//!
//! ```text
//! cargo test -p cnnc --test hostile                                       graphs of 3,000 nodes
//! CNNC_NODES=100000 cargo test -p cnnc --test hostile nodes               as many as you like
//! ```

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Address space of the process: weights, code, stacks and all.
const SPACE: u64 = 1 << 30;

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models/bad");
    if !folder.is_dir() {
        let _ = writeln!(std::io::stderr(), "skipped: {} is missing", folder.display());
        return None;
    }
    Some(folder)
}

/// Runs `cnnc` within limits of address space and of seconds on the processor.
fn cnnc(arguments: &[&Path], seconds: u64) -> Output {
    cnnc_within(SPACE, arguments, seconds)
}

fn cnnc_within(space: u64, arguments: &[&Path], seconds: u64) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cnnc"));
    command.args(arguments);
    let limit = |resource, most| {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: the structure is whole, and only limits of this process are lowered.
        match unsafe { libc::setrlimit(resource, &limit) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec only setrlimit is called, which is safe there.
    unsafe {
        command.pre_exec(move || {
            limit(libc::RLIMIT_AS, space)?;
            limit(libc::RLIMIT_CPU, seconds)
        })
    };
    command.output().unwrap()
}

/// What is wrong with a refusal.
fn faults(file: &str, stderr: &str) -> Vec<&'static str> {
    let mut faults = Vec::new();
    let mut expect = |holds: bool, rule| (!holds).then(|| faults.push(rule));
    expect(!stderr.is_empty(), "says something");
    for line in stderr.lines() {
        expect(line.starts_with("error: E_") && !line.contains("E_INTERNAL"), "starts with a code");
        expect(line.contains("; help: "), "says a way out");
        expect(!line.contains(char::is_control) && line.len() < 800, "is one line of text");
    }
    let names = match file.as_bytes() {
        [b'a' | b'o' | b'q' | b'b', b'_', ..] if file != "b_flop_bomb.onnx" => "node 0 \"Y\" (",
        [b't' | b'x', b'_', ..] if file != "t08_zero_dim.onnx" => "weight \"W\"",
        _ => "",
    };
    expect(stderr.contains(names), "names what is wrong");
    faults
}

#[test]
fn files_are_judged_as_the_manifest_says() {
    let Some(folder) = folder() else { return };
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.csv")).unwrap();
    let (mut judged, mut wrong, mut texts) = (0, Vec::new(), String::new());
    let mut lines: Vec<&str> = manifest.lines().skip(1).collect();
    lines.sort_unstable();
    for line in lines {
        let (file, expected) = (line.split(',').next().unwrap(), last_column(line));
        let path = folder.join(file);
        let out = tempfile::tempdir().unwrap();
        let small = std::fs::metadata(&path).unwrap().len() < 64 << 10;
        let library = out.path().join("out.so");
        let arguments = [Path::new("compile"), &path, Path::new("-o"), &library];
        let output = cnnc(&arguments, if small { 2 } else { 20 });
        let written: Vec<_> =
            std::fs::read_dir(out.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let accepted = match output.status.code() {
            Some(0) => written == ["out.so"] && stderr.is_empty(),
            Some(1) => {
                assert!(written.is_empty(), "{file}: {written:?} is left");
                for rule in faults(file, &stderr) {
                    wrong.push(format!("{file}: it is not so that a refusal {rule}: {stderr}"));
                }
                writeln!(texts, "{file}\n{}", stderr.trim_end()).unwrap();
                false
            }
            status => panic!("{file}: status {status:?}, {:?}: {stderr}", output.status),
        };
        let as_expected = match expected.split([',', ' ', '(']).next() {
            Some("accept") => accepted,
            Some("reject") => !accepted,
            // What is left says what must not happen, not what must.
            _ => accepted,
        };
        judged += 1;
        if !as_expected {
            wrong.push(format!("{file}: expected {expected:?}, accepted: {accepted} {stderr}"));
        }
    }
    let right = judged - wrong.len();
    let _ = writeln!(std::io::stderr(), "hostile files: {right} passed, {} failed", wrong.len());
    assert!(wrong.is_empty(), "{} of {judged} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(judged >= 80, "only {judged} files were judged");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("refusals", texts);
    });
}

/// The last of comma-separated values, some in double quotes.
fn last_column(line: &str) -> String {
    let mut quoted = false;
    let mut start = 0;
    for (at, c) in line.char_indices() {
        quoted ^= c == '"';
        if c == ',' && !quoted {
            start = at + 1;
        }
    }
    line[start..].trim_matches('"').to_string()
}

/// A limit that is too low for a good network refuses it, and says how to raise it.
#[test]
fn the_limit_of_memory_is_the_users() {
    let Some(folder) = folder() else { return };
    let path = folder.join("000_good_conv.onnx");
    let out = tempfile::tempdir().unwrap();
    let library = out.path().join("out.so");
    let with = |limit: &str| {
        let arguments =
            ["compile".as_ref(), &*path, "-o".as_ref(), &library, "--max-memory".as_ref(), limit.as_ref()];
        cnnc(&arguments, 2)
    };
    for limit in ["100", "1500"] {
        let output = with(limit);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("E_LIMIT") && stderr.contains("--max-memory"), "{stderr}");
        assert!(!library.exists());
    }
    assert_eq!(with("1MiB").status.code(), Some(0));
    assert!(library.exists());
    assert_eq!(with("2000GiB").status.code(), Some(2), "over 1 TiB");
}

/// Bytes of address space, and seconds on the processor, that a node of a large graph may take: what is generous for
/// time and memory that grow with the nodes, and far too little where they grow with their square.
const SPACE_OF_NODE: u64 = 32 << 10;
const NODES_OF_SECOND: u64 = 500;

/// Graphs that are long, wide or both compile in time and memory that grow with them, and compute the right thing.
#[test]
fn very_many_nodes() {
    let nodes = std::env::var("CNNC_NODES").map_or(3000, |n| n.parse::<usize>().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let graphs = large(nodes);
    for (name, text) in &graphs {
        let (path, library) = (folder.path().join(format!("{name}.cnn")), folder.path().join("out.so"));
        std::fs::write(&path, text).unwrap();
        let compile: [&Path; 4] = ["compile".as_ref(), &path, "-o".as_ref(), &library];
        let verify: [&Path; 2] = ["verify".as_ref(), &path];
        for arguments in [&compile[..], &verify] {
            let (space, seconds) =
                (SPACE + SPACE_OF_NODE * nodes as u64, 10 + nodes as u64 / NODES_OF_SECOND);
            let output = cnnc_within(space, arguments, seconds);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}: {:?}: {stderr:.400}", output.status);
        }
        std::fs::remove_file(&library).unwrap();
    }
    let _ = writeln!(std::io::stderr(), "graphs of {nodes} nodes: {} passed, 0 failed", graphs.len());
}

/// Windows as large as they may be, and planes that are long, compile in time and memory of what they touch.
#[test]
fn very_large_windows() {
    let picture = "%x: u8[1,1,64,4]) {\n  %c: f32[1,1,64,4] = cast %x, to=f32";
    let graphs = [
        // The table of a ring is as long as the image, and not as the window.
        (picture, "f32[1,1,2048,1]", "f32[1,1,64,4]", "pad=[0,0,2146435072,0], dilation=1048576x1"),
        // Nearly every row sees another part of the window.
        (picture, "f32[1,1,65536,1]", "f32[1,1,100000,4]", "pad=[82767,0,82704,0]"),
        ("%c: f32[1,1,64,4]) {", "f32[1,1,262144,1]", "f32[1,1,262207,4]", "pad=[262143,0,262143,0]"),
        ("%c: f32[1,1,1,1000000]) {", "f32[1,1,1,4096]", "f32[1,1,1,995905]", "pad=0"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (x, w, y, window) in graphs {
        let (path, library) = (folder.path().join("net.cnn"), folder.path().join("out.so"));
        let text = format!(
            "graph @large({x}\n  %w: {w} = const rand(1)\n  %y: {y} = conv %c, %w, {window}\n  return %y\n}}\n"
        );
        std::fs::write(&path, &text).unwrap();
        let output = cnnc(&["compile".as_ref(), &path, "-o".as_ref(), &library], 4);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}: {:?}: {stderr:.400}", output.status);
    }
}

/// Graphs of about so many nodes, by what they are like.
fn large(nodes: usize) -> Vec<(&'static str, String)> {
    const TY: &str = "f32[1,8,3,3]";
    let half = nodes / 2;
    let name = |i: usize| if i == 0 { "%x".to_string() } else { format!("%v{i}") };
    let names = |count: usize| (1..=count).map(name).collect::<Vec<_>>().join(", ");
    let graph = |lines: Vec<String>, results: &str| {
        format!("graph @large(%x: {TY}) {{\n  {}\n  return {results}\n}}\n", lines.join("\n  "))
    };
    let chain = |op: &str, attrs: &str| -> Vec<String> {
        (1..=nodes).map(|i| format!("%v{i}: {TY} = {op} {}, {attrs}", name(i - 1))).collect()
    };
    let concat =
        |count: usize, operands: &str| format!("%y: f32[1,{},3,3] = concat {operands}, axis=1", 8 * count);
    // All of these are alive at once.
    let leaf = |i: usize| format!("%v{i}: {TY} = max_pool %x, kernel=3, pad=1 |> clip min=-{i}, max={i}");
    let leaves: Vec<String> = (1..=half).map(leaf).collect();
    let with_leaves = |more: Vec<String>| leaves.iter().cloned().chain(more).collect::<Vec<_>>();
    // Each sum is of two values that are not summed yet, the leaves first.
    let sum = |i: usize| format!("%v{}: {TY} = add {}, {}", half + i, name(2 * i - 1), name(2 * i));
    let sums: Vec<String> = (1..half).map(sum).collect();
    let rows = |slices: usize| nodes + 10 - slices;
    let slice = |i: usize| {
        let ends = rows(i - 1);
        let starts = "starts=[0,0,1,0], steps=[1,1,1,1]";
        format!("%v{i}: u8[1,8,{},1] = slice {}, {starts}, ends=[1,8,{ends},1]", rows(i), name(i - 1))
    };
    let slices = (1..=nodes).map(slice).chain([format!("%y: f32[1,8,10,1] = cast {}, to=f32", name(nodes))]);
    let slices =
        graph(slices.collect(), "%y").replace(&format!("%x: {TY}"), &format!("%x: u8[1,8,{},1]", rows(0)));
    vec![
        ("functions", graph(chain("leaky_relu", "alpha=0.99"), &name(nodes))),
        ("pools", graph(chain("max_pool", "kernel=3, pad=1"), &name(nodes))),
        ("slices", slices),
        ("fan", graph(with_leaves(vec![concat(half, &names(half))]), "%y")),
        ("tree", graph(with_leaves(sums), &name(2 * half - 1))),
        ("outputs", graph(leaves.clone(), &names(half))),
        ("repeats", graph(vec![concat(nodes, &vec!["%x"; nodes].join(", "))], "%y")),
    ]
}
