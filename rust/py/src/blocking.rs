//! Long kernels: other Python threads go on meanwhile, and Ctrl-C stops them.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::prelude::*;

/// How many long kernels run now.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Runs `body` without the interpreter's lock.
fn without_interpreter(body: &mut dyn FnMut()) {
    interrupt::watch();
    RUNNING.fetch_add(1, Ordering::SeqCst);
    // The engine is only called by threads that are attached to the interpreter, so this attaches nobody anew.
    struct Pointer<'a>(&'a mut dyn FnMut());
    // SAFETY: the closure runs on this very thread, while this function waits for it.
    unsafe impl Send for Pointer<'_> {}
    let mut pointer = Pointer(body);
    Python::attach(|py| {
        py.detach(|| {
            let whole = &mut pointer;
            (whole.0)()
        });
    });
    RUNNING.fetch_sub(1, Ordering::SeqCst);
}

/// Registers the hook with the engine.
pub fn add_blocking() {
    tenfold::set_blocking_hook(without_interpreter);
    #[cfg(unix)]
    fork::watch();
}

#[cfg(unix)]
mod fork {
    use super::{Ordering, RUNNING};
    use std::sync::Once;

    extern "C" fn before() {
        tenfold::before_fork();
    }

    extern "C" fn in_parent() {
        tenfold::after_fork_in_parent();
    }

    /// The thread that forks holds the interpreter, so that what ran without it were other threads.
    extern "C" fn in_child() {
        RUNNING.store(0, Ordering::SeqCst);
        tenfold::switches::clear_interrupt();
        tenfold::after_fork_in_child();
    }

    pub fn watch() {
        static WATCHED: Once = Once::new();
        // SAFETY: functions without arguments that live as long as the module, which is never unloaded. In the child they
        // store to atomics and let go of locks that this thread took itself.
        WATCHED.call_once(|| unsafe {
            libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child));
        });
    }
}

#[cfg(unix)]
mod interrupt {
    use super::{Ordering, RUNNING};
    use std::sync::atomic::AtomicUsize;

    /// What handled SIGINT before us.
    static BEFORE: AtomicUsize = AtomicUsize::new(0);

    /// Stops running kernels, then does what was done before. Only touches atomics: it runs inside a signal handler.
    extern "C" fn on_interrupt(signal: libc::c_int) {
        if RUNNING.load(Ordering::SeqCst) > 0 {
            tenfold::switches::request_interrupt();
        }
        let before = BEFORE.load(Ordering::SeqCst);
        if before != libc::SIG_DFL && before != libc::SIG_IGN {
            // SAFETY: the address was the process's handler, a function of one integer (checked in `watch`).
            let handler: extern "C" fn(libc::c_int) = unsafe { std::mem::transmute(before) };
            handler(signal);
        }
    }

    /// Puts our handler in front of Python's, unless it is there or somebody handles the signal otherwise.
    pub fn watch() {
        let ours = on_interrupt as *const () as usize;
        // SAFETY: plain calls of sigaction with structures of our own; an unset structure is all zeros.
        unsafe {
            let mut now: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(libc::SIGINT, std::ptr::null(), &mut now) != 0 || now.sa_sigaction == ours {
                return;
            }
            let plain = now.sa_flags & libc::SA_SIGINFO == 0;
            if !plain || now.sa_sigaction == libc::SIG_DFL || now.sa_sigaction == libc::SIG_IGN {
                return;
            }
            BEFORE.store(now.sa_sigaction, Ordering::SeqCst);
            now.sa_sigaction = ours;
            libc::sigaction(libc::SIGINT, &now, std::ptr::null_mut());
        }
    }
}

#[cfg(not(unix))]
mod interrupt {
    /// Elsewhere Ctrl-C is noticed when the kernel ends.
    pub fn watch() {}
}
