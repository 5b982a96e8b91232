//! C programs around a model, for this machine, for another one that qemu imitates, or under tools that watch memory.
//!
//! One program serves every model: it reads its inputs from files, runs alone and then with an executor of three
//! tasks, and writes the outputs to standard output as they lie in memory. It exits with the status of `run`, with 100
//! for what is wrong before, and with 101 when the executor changes an output.

use crate::count::say;
use cnnc_ir::Tensor;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program; the model must be named `model`.
const PROGRAM: &str = r#"
#define _POSIX_C_SOURCE 200112L
#include "model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 3 };

static void *buffer(uint64_t bytes) {
    void *start;
    if (posix_memalign(&start, 4096, bytes)) exit(100);
#ifndef KEEP_UNDEFINED
    memset(start, 0xFF, bytes);
#endif
    return start;
}

static void last_first(void *context, uint32_t count, void (*task)(void *, uint32_t), void *argument) {
    (void)context;
    while (count--) task(argument, count);
}

int main(int argc, char **argv) {
    const cnnc_model *m = model_model();
    // What is not freed can still be reached from here: it is no leak.
    static const void *inputs[8];
    static void *outputs[8], *again[8];
    if (m->input_count != (uint32_t)argc - 1 || m->input_count > 8 || m->output_count > 8) return 100;
    for (uint32_t i = 0; i < m->input_count; i++) {
        void *x = buffer(m->inputs[i]->bytes);
        FILE *file = fopen(argv[i + 1], "rb");
        if (!file || fread(x, 1, m->inputs[i]->bytes, file) != m->inputs[i]->bytes) return 100;
        inputs[i] = x;
    }
    for (uint32_t i = 0; i < m->output_count; i++) {
        outputs[i] = buffer(m->outputs[i]->bytes);
        again[i] = buffer(m->outputs[i]->bytes);
    }
    cnnc_call call = {.struct_bytes = sizeof call, .inputs = inputs, .outputs = outputs};
    call.workspace_bytes = m->arena_bytes + THREADS * m->scratch_bytes;
    call.workspace = buffer(call.workspace_bytes);
    int32_t status = m->run(m, &call);
    if (status) return status;

    cnnc_executor executor = {sizeof executor, THREADS, NULL, last_first};
    call.executor = &executor;
    call.outputs = again;
    status = m->run(m, &call);
    if (status) return status;
    for (uint32_t i = 0; i < m->output_count; i++) {
        if (memcmp(outputs[i], again[i], m->outputs[i]->bytes)) return 101;
        fwrite(outputs[i], 1, m->outputs[i]->bytes, stdout);
    }
    free(call.workspace);
    return 0;
}
"#;

/// A C compiler and what runs its programs.
pub struct Toolchain {
    /// The compiler.
    pub compiler: &'static str,
    /// What it is told besides.
    pub flags: &'static [&'static str],
    /// What runs a program, with its arguments; empty where the system does.
    pub runner: &'static [&'static str],
}

impl Toolchain {
    /// This one.
    pub const HOST: Toolchain = Toolchain::native(&[]);

    /// The program with checks of its own memory, of what it hands to the system, and of undefined behaviour.
    pub const SANITIZED: Toolchain = Toolchain {
        flags: &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        ..Toolchain::HOST
    };

    /// This machine in valgrind, which knows of each bit whether it was ever written. It fails where one that was not
    /// decides about anything or is put out. It has no AVX-512.
    pub const VALGRIND: Toolchain = Toolchain {
        flags: &["-DKEEP_UNDEFINED"],
        ..Toolchain::native(&["valgrind", "--quiet", "--leak-check=no", "--error-exitcode=102"])
    };

    /// A 64-bit Arm.
    pub const AARCH64: Toolchain = Toolchain {
        compiler: "aarch64-linux-gnu-gcc",
        flags: &[],
        runner: &["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
    };

    /// The compiler of this machine, and what runs its programs.
    pub const fn native(runner: &'static [&'static str]) -> Toolchain {
        Toolchain { compiler: "cc", flags: &[], runner }
    }

    /// Whether everything is installed, or a visible line saying what is skipped.
    pub fn is_there(&self) -> bool {
        let missing = |program: &&str| {
            let version = Command::new(program).arg("--version").output();
            !version.is_ok_and(|output| output.status.success())
        };
        let programs = [self.compiler].into_iter().chain(self.runner.first().copied());
        let missing: Vec<&str> = programs.filter(missing).collect();
        if !missing.is_empty() {
            say(&format!("skipped: {} is missing, tests/run.sh installs it", missing.join(" and ")));
        }
        missing.is_empty()
    }

    /// Links the program with `model.so`, `model.o` or `model.a` of a folder, where `model.h` lies too. With the
    /// library, another model may take its place afterwards.
    pub fn link(&self, folder: &Path, model: &str) -> Linked<'_> {
        std::fs::write(folder.join("main.c"), PROGRAM).unwrap();
        let program = format!("{model}.out");
        let output = Command::new(self.compiler)
            .current_dir(folder)
            .args(["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-Wl,-rpath,$ORIGIN", "-o", &program])
            .args(self.flags)
            .args(["main.c", model])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {}", self.compiler, String::from_utf8_lossy(&output.stderr));
        Linked { toolchain: self, folder: folder.to_owned(), program: folder.join(program) }
    }
}

/// The program with a model.
pub struct Linked<'m> {
    toolchain: &'m Toolchain,
    folder: PathBuf,
    program: PathBuf,
}

impl Linked<'_> {
    /// Runs the model: the status, and the bytes of all outputs.
    pub fn run(&self, inputs: &[Tensor]) -> Output {
        let mut words = self.toolchain.runner.iter().map(OsStr::new).chain([self.program.as_os_str()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        for (i, x) in inputs.iter().enumerate() {
            let path = self.folder.join(format!("input{i}"));
            std::fs::write(&path, x.data().to_le_bytes()).unwrap();
            command.arg(path);
        }
        command.output().unwrap()
    }

    /// The bytes of all outputs of a model that runs.
    pub fn outputs(&self, inputs: &[Tensor]) -> Vec<u8> {
        let output = self.run(inputs);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {}: {said}", self.program.display(), output.status);
        output.stdout
    }

    /// The same of f32 outputs, as bits.
    pub fn bits(&self, inputs: &[Tensor]) -> Vec<u32> {
        let bytes = self.outputs(inputs);
        bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
    }
}
