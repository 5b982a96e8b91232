//! Code in memory, written down for `perf`: where each function lies, its name and its bytes, in the jitdump format of
//! the Linux kernel (`tools/perf/Documentation/jitdump-specification.txt`); and start, size and name alone, a line a
//! function, as a map.
//!
//! Only where the environment says so: `CNNC_JITDUMP=FOLDER` gives `FOLDER/jit-PID.dump` for `perf inject --jit`, and
//! `FOLDER/perf-PID.map`, which `perf report` and others find by themselves if the folder is `/tmp`. Steps and kernels
//! are named after layers, as in files.

use std::env;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process;
use std::sync::{Mutex, OnceLock};

use cranelift_jit::JITModule;
use cranelift_module::{Linkage, Module};
use wasmtime_internal_jit_debug::perf_jitdump::JitDumpFile;

use crate::target::Machine;

/// The environment variable that names the folder.
const FOLDER: &str = "CNNC_JITDUMP";

/// Both files.
struct Files {
    dump: JitDumpFile,
    map: File,
}

/// Those of the process; `None`: nobody asked, or they cannot be written.
static FILES: OnceLock<Option<Mutex<Files>>> = OnceLock::new();

/// Writes down the finished functions of a module; a profile is a help, so what the system refuses is no error.
pub(super) fn record(module: &JITModule) {
    let open = || {
        let folder = PathBuf::from(env::var_os(FOLDER).filter(|folder| !folder.is_empty())?);
        let machine = u32::from(Machine::host()?.elf());
        let dump = JitDumpFile::new(folder.join(format!("jit-{}.dump", process::id())), machine).ok()?;
        let map = File::create(folder.join(format!("perf-{}.map", process::id()))).ok()?;
        Some(Mutex::new(Files { dump, map }))
    };
    let Some(mut files) = FILES.get_or_init(open).as_ref().and_then(|files| files.lock().ok()) else {
        return;
    };
    let mut functions: Vec<(usize, String)> = module
        .declarations()
        .get_functions()
        .filter(|(_, function)| function.linkage != Linkage::Import)
        .map(|(id, function)| {
            (module.get_finalized_function(id) as usize, function.linkage_name(id).into_owned())
        })
        .collect();
    functions.sort();
    // They lie one behind the other; the last ends within its page.
    let ends = functions.iter().skip(1).map(|(start, _)| *start);
    let ends: Vec<usize> = ends.chain(functions.last().map(|(start, _)| page_end(*start))).collect();
    for ((start, name), end) in functions.iter().zip(ends) {
        // SAFETY: from the start of a function to that of the next, or to the end of its page, is memory of the module,
        // which is finished: nobody writes there.
        let code = unsafe { std::slice::from_raw_parts(*start as *const u8, end - start) };
        let time = files.dump.get_time_stamp();
        let _ = files.dump.dump_code_load_record(name, code, time, process::id(), process::id());
        let _ = writeln!(files.map, "{start:x} {:x} {name}", code.len());
    }
}

/// The end of the page that an address lies in.
fn page_end(address: usize) -> usize {
    (address + 1).next_multiple_of(region::page::size())
}
