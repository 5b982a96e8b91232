//! The command line of cnnc.

mod cli;

fn main() -> std::process::ExitCode {
    return_freed_weights();
    cli::main()
}

/// Makes the allocator give large blocks back when they are freed: the peak of a compilation is then what it holds at
/// once. By itself glibc keeps blocks of up to 32 MiB, the size of a layer's weights, once it saw one freed.
fn return_freed_weights() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call sets a number that the allocator reads; no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
    }
}
