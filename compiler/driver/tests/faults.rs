//! Files that cannot be written, and writers that are killed: a target is absent, as it was, or whole.
//!
//! ```text
//! cargo test -p cnnc --test faults                    some kills
//! CNNC_KILLS=200 cargo test -p cnnc --test faults     as many as you like; CNNC_SEED draws other moments
//! ```

#[allow(dead_code, unreachable_pub, reason = "other tests use more of it")]
#[path = "../../../tests/src/count.rs"]
mod count;

use count::number;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A network whose file takes a while to write: 16 MB of weights.
const LARGE: &str = "\
graph @large(%x: f32[1,2048]) {
  %w: f32[2048,2048] = const rand(SEED)
  %y: f32[1,2048] = gemm %x, %w
  return %y
}
";

/// Writes the network into a folder, with weights of its own for each seed.
fn network(folder: &Path, seed: u32) {
    std::fs::write(folder.join(format!("net{seed}.cnn")), LARGE.replace("SEED", &seed.to_string())).unwrap();
}

fn compile(folder: &Path, seed: u32, target: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cnnc"));
    command.current_dir(folder).args(["compile", &format!("net{seed}.cnn"), "-o", target]);
    command.stderr(Stdio::piped());
    command
}

/// What stands in a folder besides the networks.
fn written(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".cnn")).collect()
}

/// Ends with status 1 and a line that says what the system refused.
#[track_caller]
fn refused(command: &mut Command, target: &str) {
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{:?}: {message}", output.status);
    assert!(message.starts_with("error: E_IO") && message.contains(target), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

/// Takes from root's command what lets root write anywhere; others never had it.
fn forbid_everything(command: &mut Command) {
    const CAP_DAC_OVERRIDE: libc::c_ulong = 1;
    // SAFETY: between fork and exec only a call that is safe there.
    unsafe {
        command.pre_exec(|| {
            // Refused to who may not change what it may, as who is not root.
            libc::prctl(libc::PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0);
            Ok(())
        })
    };
}

/// Lets a command write files of at most so many bytes, as `ulimit -f` does: a write past them is an error, and a
/// signal where it is not ignored.
fn limit(command: &mut Command, most: u64) {
    // SAFETY: between fork and exec only a call that is safe there.
    unsafe {
        command.pre_exec(move || {
            let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
            match libc::setrlimit(libc::RLIMIT_FSIZE, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        })
    };
}

#[test]
fn every_file_is_written_whole_or_not_at_all() {
    let small = "graph @net(%x: f32[1,8,14,14]) {\n  %w: f32[8,8,3,3] = const rand(1)\n  \
                 %y: f32[1,8,14,14] = conv %x, %w, pad=1\n  return %y\n}\n";
    for (arguments, target) in [
        ("compile net.cnn -o net.so", "net.so"),
        ("compile net.cnn -o net.h", "net.h"),
        ("compile net.cnn -o net.so --tune 1", "net.times"),
        ("run net.cnn --input random:1 -o y.npy", "y.npy"),
        ("run net.cnn --input random:1 -o y.pb", "y.pb"),
        ("report net.cnn --html net.html", "net.html"),
        ("report net.cnn --svg .", "complexity.light.svg"),
        ("bench net.cnn --seconds 1 --trace net.json", "net.json"),
        ("arch export lenet5 -o net.onnx", "net.onnx"),
        ("arch export lenet5 --format cnn -o net.text", "net.text"),
    ] {
        for old in [None, Some("what was there")] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("net.cnn"), small).unwrap();
            if let Some(old) = old {
                std::fs::write(folder.path().join(target), old).unwrap();
            }
            let mut command = Command::new(env!("CARGO_BIN_EXE_cnnc"));
            command.current_dir(folder.path()).args(arguments.split(' ')).stderr(Stdio::piped());
            limit(&mut command, 50);
            refused(&mut command, target);
            let message = String::from_utf8(command.output().unwrap().stderr).unwrap();
            assert!(
                message.contains("File too large") && message.contains("; help: make room for it"),
                "{message}"
            );
            assert_eq!(written(folder.path()).len(), usize::from(old.is_some()), "{arguments}");
            let after = std::fs::read_to_string(folder.path().join(target));
            assert_eq!(after.ok().as_deref(), old, "{arguments}");
        }
    }
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    network(folder.path(), 1);
    for old in [None, Some("what was there")] {
        let target = folder.path().join("net.so");
        if let Some(old) = old {
            std::fs::write(&target, old).unwrap();
        }
        for most in [0, 1, 4096, 100_000, 4 << 20] {
            let mut command = compile(folder.path(), 1, "net.so");
            limit(&mut command, most);
            refused(&mut command, "net.so");
            assert_eq!(written(folder.path()).len(), usize::from(old.is_some()), "{most} bytes");
            assert_eq!(std::fs::read_to_string(&target).ok().as_deref(), old, "{most} bytes");
        }
    }
}

#[test]
fn folders_that_take_no_file() {
    let folder = tempfile::tempdir().unwrap();
    network(folder.path(), 1);
    for target in ["/proc/net.so", "absent/net.so", "net1.cnn/net.so"] {
        refused(&mut compile(folder.path(), 1, target), target);
    }
    std::fs::create_dir(folder.path().join("net.so")).unwrap();
    refused(&mut compile(folder.path(), 1, "net.so"), "net.so");
    assert_eq!(written(folder.path()), ["net.so"]);
    use std::os::unix::fs::PermissionsExt;
    let read_only = folder.path().join("read-only");
    std::fs::create_dir(&read_only).unwrap();
    std::fs::set_permissions(&read_only, PermissionsExt::from_mode(0o555)).unwrap();
    let mut command = compile(folder.path(), 1, "read-only/net.so");
    forbid_everything(&mut command);
    refused(&mut command, "read-only/net.so");
    assert!(written(&read_only).is_empty());
}

/// When a writer is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// At any moment of the whole process.
    Ever,
    /// As it writes a byte of the temporary file: the system stops it there, at a limit for files.
    AtByte(u64),
    /// Some time after the temporary file appeared.
    Writing,
}

/// What a killed writer leaves behind has another name than the target.
fn temporary(folder: &Path) -> Option<String> {
    written(folder).into_iter().find(|name| name.starts_with(".cnnc-") && name.ends_with(".tmp"))
}

/// Waits until a writer has a temporary file, or has none any more; answers whether it came to that before its end.
fn waits(child: &mut Child, folder: &Path, there: bool) -> bool {
    while temporary(folder).is_some() != there {
        if child.try_wait().unwrap().is_some() {
            return temporary(folder).is_some() == there;
        }
    }
    true
}

/// A network is written, and somebody looks on: how long all of it takes, and how long the writing.
fn watched(folder: &Path, seed: u32) -> (Duration, Duration) {
    let begin = Instant::now();
    let mut child = compile(folder, seed, "net.so").spawn().unwrap();
    waits(&mut child, folder, true);
    let opened = Instant::now();
    waits(&mut child, folder, false);
    let writing = opened.elapsed();
    assert!(child.wait().unwrap().success());
    (begin.elapsed(), writing)
}

/// Lets a command stop at every signal, ignored ones too.
fn traced(command: &mut Command) {
    // SAFETY: between fork and exec only a call that is safe there.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        })
    };
}

/// Lets a traced command go on until it stops at a signal.
#[track_caller]
fn goes_on_to(child: &Child, signal: i32) {
    let (process, mut status) = (child.id() as libc::pid_t, 0);
    loop {
        // SAFETY: `status` is written to, and nothing else.
        assert_eq!(unsafe { libc::waitpid(process, &raw mut status, 0) }, process);
        assert!(libc::WIFSTOPPED(status), "it ended, with {status:#x}, and did not stop at signal {signal}");
        if libc::WSTOPSIG(status) == signal {
            return;
        }
        let nothing = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: it is stopped, and a child of this thread; no memory is touched.
        assert_eq!(unsafe { libc::ptrace(libc::PTRACE_CONT, process, nothing, nothing) }, 0);
    }
}

/// Kills a writer, after a part of the time that it takes; answers whether it was killed.
fn kill(folder: &Path, seed: u32, when: When, (whole, writing): (Duration, Duration), part: f64) -> bool {
    let mut command = compile(folder, seed, "net.so");
    if let When::AtByte(most) = when {
        limit(&mut command, most);
        traced(&mut command);
    }
    let mut child = command.spawn().unwrap();
    match when {
        When::Ever => std::thread::sleep(whole.mul_f64(part)),
        When::AtByte(_) => goes_on_to(&child, libc::SIGXFSZ),
        When::Writing => {
            waits(&mut child, folder, true);
            std::thread::sleep(writing.mul_f64(0.8 * part));
        }
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[test]
fn a_killed_writer_leaves_a_whole_file_or_the_old_one() {
    let kills = number("CNNC_KILLS", 16);
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("net.so");
    let mut whole = Vec::new();
    let mut shortest = (Duration::MAX, Duration::MAX);
    for seed in [1, 2] {
        network(folder.path(), seed);
        let (all, writing) = watched(folder.path(), seed);
        shortest = (shortest.0.min(all), shortest.1.min(writing));
        whole.push(std::fs::read(&target).unwrap());
    }
    assert!(whole[0] != whole[1]);
    let mut random = number("CNNC_SEED", 1) as u64;
    // Those before the end, and while there was a temporary file. Whoever waits may wake late: bytes are for sure.
    let (mut passed, mut cut, mut hit) = (0, 0, 0);
    for k in 0..kills {
        // Every third time there is no file before.
        let before = match k % 3 {
            0 => {
                std::fs::remove_file(&target).unwrap();
                None
            }
            _ => Some(std::fs::read(&target).unwrap()),
        };
        random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        let part = (random >> 40) as f64 / (1u64 << 24) as f64;
        let when = match k % 4 {
            0 => When::Ever,
            1 => When::Writing,
            _ => When::AtByte((part * whole[0].len().min(whole[1].len()) as f64) as u64),
        };
        let killed = kill(folder.path(), 1 + k as u32 % 2, when, shortest, part);
        cut += usize::from(killed);
        let after = std::fs::read(&target).ok();
        let new = &whole[k % 2];
        assert!(after == before || after.as_ref() == Some(new), "kill {k}, {when:?}: the file is in pieces");
        if after.is_none() {
            std::fs::write(&target, &whole[0]).unwrap();
        }
        // A writer that is killed cannot clear away its own file, which has another name.
        let left = temporary(folder.path());
        assert!(killed || left.is_none(), "kill {k}: {left:?} is left of a writer that went on to its end");
        assert!(killed && left.is_some() || !matches!(when, When::AtByte(_)), "kill {k}, {when:?}: no kill");
        hit += usize::from(left.is_some());
        left.into_iter().for_each(|name| std::fs::remove_file(folder.path().join(name)).unwrap());
        assert_eq!(written(folder.path()), ["net.so"], "kill {k}");
        passed += 1;
    }
    let mut stderr = std::io::stderr();
    let _ = writeln!(stderr, "killed writers: {passed} passed, {} failed", kills - passed);
    let _ = writeln!(stderr, "of {kills} kills {cut} came before the end, {hit} while the file was written");
    assert!(passed == kills && 2 * hit >= kills / 4 * 4, "only {hit} of {kills} hit the writing");
}
