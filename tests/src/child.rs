//! Forked children, for what may end a process.

/// Runs `inside` in a child; answers how that ended: its answer, or minus the signal. Whoever takes longer than ten
/// seconds ends by one.
///
/// The child has this thread alone: nothing in `inside` may wait for another one, nor take a lock that one may hold.
pub fn child(inside: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child only does what the callers of this function hand over, and ends without unwinding.
    unsafe {
        match libc::fork() {
            0 => {
                libc::alarm(10);
                let status = inside();
                libc::syscall(libc::SYS_exit, status);
                unreachable!("it has ended");
            }
            id => {
                assert!(id > 0, "fork: {}", std::io::Error::last_os_error());
                let mut status = 0;
                assert_eq!(libc::waitpid(id, &mut status, 0), id);
                if libc::WIFSIGNALED(status) { -libc::WTERMSIG(status) } else { libc::WEXITSTATUS(status) }
            }
        }
    }
}
