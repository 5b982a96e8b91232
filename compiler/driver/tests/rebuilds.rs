//! The same input gives the same bytes, wherever, by whomever and however it is compiled.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Convolutions that are transformed, pools and products; from the ending of the file follows what is written.
const NETWORK: &str = "\
graph @net(%x: f32[1,16,24,20]) {
  %w: f32[32,16,3,3] = const rand(1, min=-0.5, max=0.5)
  %b: f32[32] = const rand(2)
  %c: f32[1,32,24,20] = conv %x, %w, %b, pad=1 |> relu
  %p: f32[1,32,12,10] = max_pool %c, kernel=2, stride=2
  %v: f32[8,32,3,3] = const rand(3, min=-0.5, max=0.5)
  %d: f32[1,8,6,5] = conv %p, %v, stride=2, pad=1
  %f: f32[1,240] = reshape %d, shape=[1,240]
  %u: f32[240,10] = const rand(4, min=-0.1, max=0.1)
  %y: f32[1,10] = gemm %f, %u
  return %y
}
";

/// Compiles in a folder, by a command that begins with these words, such as `env` and what it sets. What takes rights
/// that the tests need not have is skipped without them.
fn bytes(cnnc: &Path, folder: &Path, ending: &str, before: &str) -> Option<Vec<u8>> {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
    std::fs::write(folder.join("net.cnn"), NETWORK).unwrap();
    let file = format!("net.{ending}");
    let words: Vec<&str> = before.split_whitespace().collect();
    let words = [&words, &[cnnc.to_str().unwrap(), "compile", "net.cnn", "-o", &file][..]].concat();
    let output = Command::new(words[0]).args(&words[1..]).current_dir(folder).output();
    if let Ok(output) = &output
        && output.status.success()
    {
        return Some(std::fs::read(folder.join(file)).unwrap());
    }
    assert!(words[0] != "env", "{words:?}: {output:?}");
    let _ = writeln!(std::io::stderr(), "skipped: {before}: {output:?}");
    None
}

#[test]
fn the_same_bytes_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    // Where another user may go.
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let cnnc = place("cnnc");
    std::fs::copy(env!("CARGO_BIN_EXE_cnnc"), &cnnc).unwrap();
    let bytes = |name: &str, ending: &str, before: &str| bytes(&cnnc, &place(name), ending, before);
    let mut compared = 0;
    for ending in ["so", "o", "a", "h"] {
        let wanted = bytes("first", ending, "env").unwrap();
        assert!(wanted.len() > 1000);
        let changes = [
            ("second", "env"),
            (&"a folder of great length/".repeat(8), "env"),
            ("home", "env HOME=/nowhere USER=somebody LOGNAME=somebody"),
            ("user", "setpriv --reuid 65534 --regid 65534 --clear-groups"),
            ("one", "env RAYON_NUM_THREADS=1"),
            ("eight", "env RAYON_NUM_THREADS=8"),
            ("locale", "env LC_ALL=de_DE.UTF-8 LANG=tr_TR TZ=Asia/Kathmandu"),
            ("bare", "env -i"),
            ("fixed", "setarch -R"),
        ];
        for (name, before) in changes {
            let Some(got) = bytes(name, ending, before) else { continue };
            assert!(got == wanted, ".{ending}: other bytes in {name:?} after {before:?}");
            compared += 1;
        }
    }
    let _ = writeln!(std::io::stderr(), "rebuilds: {compared} passed, 0 failed");
    assert!(compared >= 24, "only {compared} were compared");
}
