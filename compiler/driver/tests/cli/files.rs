//! Files that are none, output that is lost, text that is not what it seems.

use std::ffi::CString;
use std::fs::{File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};

use crate::{CLASSIFIER, Folder, onnx};

/// Every file that is read, by a command that reads it.
const READS: [&str; 12] = [
    "compile FILE.onnx -o a.so",
    "report FILE.onnx",
    "check FILE.cnn",
    "compile net.cnn -o a.so --weights FILE.safetensors",
    "compile net.cnn -o a.so --tuned FILE.times",
    "run net.cnn --input FILE.npy",
    "run net.cnn --input FILE.pb",
    "run net.cnn --input FILE.rgb",
    "run net.cnn --image FILE.png",
    "run net.cnn --input random:1 --labels FILE.txt",
    "inspect FILE.so",
    "run FILE.so --input random:1",
];

#[test]
fn what_is_no_file_is_refused_at_once() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    for command in READS {
        let ending = command.split("FILE.").nth(1).unwrap().split(' ').next().unwrap();
        for (name, what) in [
            ("pipe", "is no regular file"),
            ("zero", "is no regular file"),
            ("folder", "is a folder"),
            ("absent", "No such file"),
            ("large", "is larger than"),
        ] {
            let path = folder.path(&format!("{name}.{ending}"));
            if !path.is_symlink() && !path.exists() {
                match name {
                    "pipe" => pipe(&path),
                    "zero" => symlink("/dev/zero", &path).unwrap(),
                    "folder" => std::fs::create_dir(&path).unwrap(),
                    "large" => File::create(&path).unwrap().set_len(100 << 30).unwrap(),
                    _ => {}
                }
            }
            let ran = folder.cnnc(&command.replace("FILE", name));
            let file = format!("{name}.{ending}");
            match (name, ending) {
                // Of these the beginning is read first, and it is none.
                ("large", "npy" | "so") => ran.refuses(&["error: E_", &file]),
                _ => ran.refuses(&["error: E_IO: ", &file, what, "; help: "]),
            }
        }
    }
    assert!(!folder.files().contains(&"a.so".to_string()));
}

fn pipe(path: &std::path::Path) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path ends in a NUL.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

#[test]
fn what_is_written_goes_where_links_lead() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    let at = |name: &str| folder.path(name);
    // A pipe, as a device, gets the bytes and stays.
    std::fs::create_dir(at("devices")).unwrap();
    pipe(&at("devices/null"));
    symlink("devices/null", at("pipe.so")).unwrap();
    let reader = std::thread::spawn({
        let pipe = at("devices/null");
        move || std::fs::read(pipe).unwrap()
    });
    folder.cnnc("compile net.cnn -o pipe.so --name net").good();
    assert!(std::fs::metadata(at("devices/null")).unwrap().file_type().is_fifo(), "it is no pipe any more");
    assert_eq!(reader.join().unwrap()[..4], *b"\x7fELF");
    // A link to nothing leads to a file then, which keeps its permissions.
    symlink("new.so", at("link.so")).unwrap();
    folder.cnnc("compile net.cnn -o link.so").good();
    assert!(at("link.so").is_symlink() && !at("new.so").is_symlink());
    std::fs::set_permissions(at("new.so"), Permissions::from_mode(0o600)).unwrap();
    folder.cnnc("compile net.cnn -o link.so --no-winograd").good();
    assert_eq!(std::fs::metadata(at("new.so")).unwrap().permissions().mode() & 0o777, 0o600);
    // No network is lost to its library.
    folder.write("source.so", onnx(&[("Relu", "x", "y")], "x", &["y"]));
    symlink("source.so", at("other.so")).unwrap();
    for output in ["source.so", "./source.so", "other.so"] {
        folder.cnnc(&format!("compile source.so -o {output}")).refuses(&["E_OPTION", output, "overwritten"]);
    }
}

#[test]
fn a_header_is_no_longer_than_its_file() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.write("x.npy", b"\x93NUMPY\x02\0\xff\xff\xff\xff{}");
    folder.cnnc("run net.cnn --input x.npy").refuses(&["E_IO: x.npy", "4294967295 bytes, the file 14"]);
    folder.write("x.npy", b"\x93NUMPY");
    folder.cnnc("run net.cnn --input x.npy").refuses(&["E_IO: x.npy"]);
}

#[test]
fn output_that_is_lost_is_an_error() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.cnnc("compile net.cnn -o net.so").good();
    for command in
        ["dump net.cnn", "inspect net.so", "arch list", "report net.cnn --json", "completions bash"]
    {
        let run = |stdout: Stdio| {
            let mut cnnc = Command::new(env!("CARGO_BIN_EXE_cnnc"));
            let cnnc = cnnc.args(command.split(' ')).current_dir(folder.path("."));
            let output = cnnc.stdout(stdout).stderr(Stdio::piped()).output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let (status, stderr) = run(File::options().write(true).open("/dev/full").unwrap().into());
        assert_eq!(status, Some(1), "{command}");
        let begin = "error: E_IO: standard output: No space left on device";
        assert!(stderr.starts_with(begin) && stderr.lines().count() == 1, "{command}: {stderr}");
        // Who reads no more has read enough.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run(writer.into()), (Some(0), String::new()), "{command}");
    }
}

#[test]
fn text_from_files_stays_text() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    let header = r#"{"w":{"dtype":"\u001b[31m\nerror: E_FORGED","shape":[1],"data_offsets":[0,4]}}"#;
    let weights = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat();
    folder.write("w.safetensors", weights);
    let ran = folder.cnnc("check net.cnn --weights w.safetensors");
    ran.refuses(&["this is no safetensors file", "\\u{1b}[31m\\nerror: E_FORGED"]);
    let long = r#"{"w":{"dtype":""#.to_string() + &"long".repeat(1000);
    folder.write("w.safetensors", [&(5000u64).to_le_bytes()[..], long.as_bytes(), &[b' '; 3000]].concat());
    assert!(folder.cnnc("check net.cnn --weights w.safetensors").bad()[0].len() < 1000);

    let name = "a\u{1b}[31m\nb\u{202e}";
    folder.write("odd.onnx", onnx(&[("Relu", name, "y\u{1b}c")], name, &["y\u{1b}c"]));
    folder.cnnc("compile odd.onnx -o odd.so").good();
    for command in
        ["run odd.so --input random:1", "inspect odd.so --steps", "verify odd.onnx", "report odd.onnx"]
    {
        let text = folder.cnnc(command).good();
        let is_odd = |c: char| c == '\u{202e}' || (c.is_control() && c != '\n');
        assert!(!text.contains(is_odd) && !text.contains("\nb"), "{command}: {text:?}");
    }
    assert!(folder.cnnc("inspect odd.so").good().contains("a\\u{1b}[31m\\nb\\u{202e}"));
}

#[test]
fn help_fits_what_is_wrong() {
    let folder = Folder::with("net.cnn", CLASSIFIER);
    folder.write("net.so", "no library");
    for (command, help) in [
        ("check .", "help: name a file in it"),
        ("check net.cnn --weights absent", "help: check how its path is written"),
        ("inspect net.so", "net.so: file too short; help: give a library"),
        ("arch export lenet5 -o absent/net.onnx", "help: make its folder first"),
        ("compile net.cnn -o absent/x.so", "help: make its folder first"),
    ] {
        let ran = folder.cnnc(command);
        ran.refuses(&[help]);
        assert!(ran.stderr().matches("net.so").count() < 2, "{}", ran.stderr());
    }
    // One problem is one line, whatever its file is called.
    for arguments in [["compile", "net.cnn", "-o", "a\nb/x.so"], ["run", "net.cnn", "--input", "a\nb.npy"]] {
        folder.run(env!("CARGO_BIN_EXE_cnnc").as_ref(), &arguments).refuses(&["E_IO: a\\nb"]);
    }
    folder.write("net.cnn", CLASSIFIER.replace("gemm", "gem"));
    folder.cnnc("check net.cnn").refuses(&["net.cnn:10:", "help: correct that line"]);
    folder.write("net.cnn", [0xff, 0xfe]);
    folder.cnnc("check net.cnn").refuses(&["E_PARSE: net.cnn: is no text", "help: save it as UTF-8"]);
}
