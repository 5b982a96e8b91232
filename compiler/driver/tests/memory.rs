//! Memory that a compilation takes, and memory that it is refused.
//!
//! ```text
//! cargo test -p cnnc --test memory                        some refusals
//! CNNC_REFUSALS=1000 cargo test -p cnnc --test memory     as many as you like, spread over all allocations
//! ```

#[allow(unreachable_pub, reason = "other tests are crates that use it too")]
#[path = "../../../tests/src/count.rs"]
mod count;

use count::{number, report, say};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Takes the place of the system's allocator: refuses the `REFUSED`-th allocation of the program, counted from 1, and
/// writes to standard error how many there were if that is 0. Those that libc makes for itself, to start a thread, are
/// given: what it does without them is not ours to say.
const ALLOCATOR: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static _Atomic long count;
static long refused = -1;
static uintptr_t from, to;

/* The first object is the program. */
static int of_program(struct dl_phdr_info *info, size_t bytes, void *data) {
    (void)bytes, (void)data;
    from = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD) continue;
        uintptr_t first = info->dlpi_addr + segment->p_vaddr, end = first + segment->p_memsz;
        from = first < from ? first : from;
        to = end > to ? end : to;
    }
    return 1;
}

__attribute__((constructor)) static void start(void) {
    const char *text = getenv("REFUSED");
    dl_iterate_phdr(of_program, NULL);
    count = 0;
    refused = text ? atol(text) : -1;
}

__attribute__((destructor)) static void end(void) {
    if (refused == 0) dprintf(2, "%ld", atomic_load(&count));
}

static int refuses(void *caller) {
    if ((uintptr_t)caller < from || (uintptr_t)caller >= to) return 0;
    if (atomic_fetch_add(&count, 1) + 1 != refused) return 0;
    errno = ENOMEM;
    return 1;
}

#define REFUSES refuses(__builtin_return_address(0))
void *malloc(size_t bytes) { return REFUSES ? NULL : __libc_malloc(bytes); }
void *calloc(size_t count, size_t bytes) { return REFUSES ? NULL : __libc_calloc(count, bytes); }
void *realloc(void *old, size_t bytes) { return REFUSES ? NULL : __libc_realloc(old, bytes); }
void *aligned_alloc(size_t align, size_t bytes) { return REFUSES ? NULL : __libc_memalign(align, bytes); }
int posix_memalign(void **result, size_t align, size_t bytes) {
    *result = REFUSES ? NULL : __libc_memalign(align, bytes);
    return *result ? 0 : ENOMEM;
}
"#;

/// Three models, so that all of import, passes, plan, kernels and file see refusals.
const MODELS: [&str; 3] = ["lenet5", "squeezenet1.0", "resnet20"];

fn cnnc(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cnnc"));
    command.current_dir(folder).args(words);
    command
}

/// Exports a built-in network.
fn exported(folder: &Path, name: &str) -> PathBuf {
    let file = format!("{name}.onnx");
    let output = cnnc(folder, &["arch", "export", name, "--format", "onnx", "-o", &file]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    folder.join(file)
}

/// Runs a command to its end: how it ended, and the most bytes that it held.
#[expect(clippy::zombie_processes, reason = "wait4 waits, and tells of memory too")]
fn most_bytes(command: &mut Command) -> (ExitStatus, u64) {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut status = 0;
    // SAFETY: a struct of numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the child is ours and nobody else waits for it; both places are our own.
    let waited = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    assert_eq!(waited, child.id() as i32);
    (ExitStatus::from_raw(status), usage.ru_maxrss as u64 * 1024)
}

#[test]
fn a_compilation_takes_three_times_its_model() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["resnet20", "squeezenet1.0", "googlenet-bn", "resnet50"] {
        let model = exported(folder.path(), name);
        let bytes = model.metadata().unwrap().len();
        let file = model.file_name().unwrap().to_str().unwrap();
        let (status, most) = most_bytes(&mut cnnc(folder.path(), &["compile", file, "-o", "net.so"]));
        assert!(status.success(), "{name}: {status}");
        say(&format!("{name}: {bytes} bytes, at most {most} held"));
        assert!(most <= 3 * bytes + 150_000_000, "{name} has {bytes} bytes and takes {most}");
    }
}

#[test]
fn a_long_picture_is_cut_before_it_is_resized() {
    let folder = tempfile::tempdir().unwrap();
    let net = "graph @net(%x: f32[1,3,224,224]) {\n  %y: f32[1,3,224,224] = relu %x\n  return %y\n}\n";
    std::fs::write(folder.path().join("net.cnn"), net).unwrap();
    for (name, [w, h]) in [("thin.png", [1, 8000]), ("flat.png", [8000, 1])] {
        image::RgbImage::from_pixel(w, h, image::Rgb([7; 3])).save(folder.path().join(name)).unwrap();
        let (status, most) =
            most_bytes(&mut cnnc(folder.path(), &["run", "net.cnn", "--image", name, "--fit", "crop"]));
        assert!(status.success(), "{name}: {status}");
        assert!(most <= 200_000_000, "{name} has {w}x{h} pixels and takes {most} bytes");
    }
}

#[test]
fn a_refused_allocation_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("allocator.c"), ALLOCATOR).unwrap();
    let words = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "allocator.c", "-o", "refuse.so"];
    let compiled = Command::new("cc").current_dir(folder.path()).args(words).output().unwrap();
    assert!(compiled.status.success(), "{compiled:?}");
    let (each, mut told, mut survived) = (number("CNNC_REFUSALS", 60) / MODELS.len(), 0, 0);
    for name in MODELS {
        exported(folder.path(), name);
        let compile = |refused: usize| {
            let mut command = cnnc(folder.path(), &["compile", &format!("{name}.onnx"), "-o", "net.so"]);
            command.env("LD_PRELOAD", place("refuse.so")).env("REFUSED", refused.to_string());
            command.env("RAYON_NUM_THREADS", "2").output().unwrap()
        };
        let output = compile(0);
        assert!(output.status.success(), "{output:?}");
        let whole = std::fs::read(place("net.so")).unwrap();
        let count: usize = String::from_utf8(output.stderr).unwrap().parse().unwrap();
        assert!(count > 1000, "{name}: only {count} allocations");
        for turn in 0..each {
            let _ = std::fs::remove_file(place("net.so"));
            let refused = 1 + turn * (count - 1) / each.max(2);
            let output = compile(refused);
            let said = String::from_utf8_lossy(&output.stderr);
            let about = || format!("{name}: allocation {refused} of {count}: {}: {said}", output.status);
            match output.status.code() {
                Some(0) => survived += 1,
                Some(1) => {
                    assert!(said.lines().all(|line| line.contains("E_")) && !said.is_empty(), "{}", about());
                    told += 1;
                }
                _ => panic!("{}", about()),
            }
            let file = std::fs::read(place("net.so")).ok();
            assert!(file.as_ref().is_none_or(|file| *file == whole), "{}: the file is not whole", about());
            assert!(output.status.code() == Some(1) || file.is_some(), "{}: no file", about());
        }
    }
    report("refused allocations of the compiler", told + survived, 0);
    assert!(told > survived, "{told} were told of, {survived} did not matter");
}
