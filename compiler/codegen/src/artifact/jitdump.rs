//! Code in memory, written down for `perf`: where each function lies, its name and its bytes, in the jitdump format of
//! the Linux kernel (`tools/perf/Documentation/jitdump-specification.txt`).
//!
//! Only where the environment says so: `CNNC_JITDUMP=FOLDER` gives `FOLDER/jit-PID.dump` for `perf inject --jit`.
//! Steps and kernels are named after layers, as in files.

use std::env;
use std::path::PathBuf;
use std::process;
use std::sync::{Mutex, OnceLock};

use cranelift_jit::JITModule;
use cranelift_module::{Linkage, Module};
use wasmtime_internal_jit_debug::perf_jitdump::JitDumpFile;

use crate::target::Machine;

/// The environment variable that names the folder.
const FOLDER: &str = "CNNC_JITDUMP";

/// One file for the process; `None`: nobody asked, or it cannot be written.
static FILE: OnceLock<Option<Mutex<JitDumpFile>>> = OnceLock::new();

/// Writes down the finished functions of a module; a profile is a help, so what the system refuses is no error.
pub(super) fn record(module: &JITModule) {
    let open = || {
        let folder = PathBuf::from(env::var_os(FOLDER)?);
        let machine = u32::from(Machine::host()?.elf());
        JitDumpFile::new(folder.join(format!("jit-{}.dump", process::id())), machine).ok().map(Mutex::new)
    };
    let Some(mut file) = FILE.get_or_init(open).as_ref().and_then(|file| file.lock().ok()) else { return };
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
        let time = file.get_time_stamp();
        let _ = file.dump_code_load_record(name, code, time, process::id(), process::id());
    }
}

/// The end of the page that an address lies in.
fn page_end(address: usize) -> usize {
    (address + 1).next_multiple_of(region::page::size())
}
