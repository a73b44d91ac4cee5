//! A kernel that refuses: system calls of a thread that fail when a test wants them to.
//!
//! By a seccomp filter the kernel asks a supervisor about each call of a kind that can
//! fail. That is a thread without the filter, which has the call go on or answers with an
//! error. So calls fail for whoever makes them: the loader, the dynamic linker and the
//! allocator of the C library alike.
//!
//! What allocates by Rust's collections cannot fail: it aborts, as everywhere in Rust.
//! So the allocator has some memory in advance, and only what is large (tables) is
//! refused.

use std::hint::black_box;
use std::io;
use std::mem::zeroed;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use libc::{c_int, c_long};

/// The calls that can fail, and how they do then. Those that give something back are not
/// among them.
const CALLS: [(c_long, &str, c_int); 16] = [
    (libc::SYS_mmap, "mmap", libc::ENOMEM),
    (libc::SYS_mremap, "mremap", libc::ENOMEM),
    (libc::SYS_mprotect, "mprotect", libc::ENOMEM),
    (libc::SYS_madvise, "madvise", libc::ENOMEM),
    (libc::SYS_memfd_create, "memfd_create", libc::EMFILE),
    (libc::SYS_ftruncate, "ftruncate", libc::ENOSPC),
    (libc::SYS_fcntl, "fcntl", libc::EBUSY),
    (libc::SYS_openat, "openat", libc::EMFILE),
    (libc::SYS_fstat, "fstat", libc::EIO),
    (libc::SYS_newfstatat, "newfstatat", libc::EIO),
    (libc::SYS_statx, "statx", libc::EIO),
    (libc::SYS_readlinkat, "readlinkat", libc::EIO),
    (libc::SYS_read, "read", libc::EIO),
    (libc::SYS_pread64, "pread64", libc::EIO),
    (libc::SYS_write, "write", libc::ENOSPC),
    (libc::SYS_sigaltstack, "sigaltstack", libc::ENOMEM),
];

/// What the allocator has in any case, in bytes. What is larger is a mapping of its own.
const IN_ADVANCE: usize = 4 << 20;

/// Which calls fail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// One, which so many come before.
    Once(usize),
    /// All, after so many.
    From(usize),
}

/// What becomes of calls.
#[derive(Default)]
struct Plan {
    fault: Option<Fault>,
    /// How many there were.
    seen: usize,
    /// The first one that has failed.
    failed: Option<&'static str>,
}

/// The kernel, as the thread sees it that has this.
#[derive(Clone)]
pub(crate) struct Kernel(Arc<Mutex<Plan>>);

impl Kernel {
    /// Calls `body` on a thread with a kernel that can refuse. Returns whether there is
    /// one: emulators have none.
    pub(crate) fn with(body: impl FnOnce(&Kernel) + Send) -> bool {
        for (parameter, value) in [
            (libc::M_ARENA_MAX, 1),
            (libc::M_TOP_PAD, (2 * IN_ADVANCE) as c_int),
            (libc::M_MMAP_THRESHOLD, IN_ADVANCE as c_int),
        ] {
            // SAFETY: it changes how the allocator goes about its business.
            assert_eq!(unsafe { libc::mallopt(parameter, value) }, 1);
        }
        let kernel = Kernel(Arc::default());
        let plan = kernel.0.clone();
        let (sender, listener) = mpsc::channel();
        thread::spawn(move || {
            if let Ok(listener) = listener.recv() {
                supervise(listener, &plan);
            }
        });
        let filtered = || match listen() {
            Ok(listener) => {
                sender.send(listener).expect("the supervisor waits for it");
                // From here on the heap has it.
                drop([(); 2].map(|()| black_box(vec![0u8; IN_ADVANCE / 2])));
                body(&kernel);
                true
            }
            Err(error) => {
                eprintln!("skipped: no filter for system calls: {error}");
                false
            }
        };
        thread::scope(|scope| scope.spawn(filtered).join()).expect("the thread has not failed")
    }

    /// Calls `act` with a fault, and returns which call has failed first, if any.
    pub(crate) fn refusing<T>(&self, fault: Fault, act: impl FnOnce() -> T) -> (T, Option<&str>) {
        *self.0.lock().unwrap() = Plan {
            fault: Some(fault),
            ..Plan::default()
        };
        let value = act();
        let plan = std::mem::take(&mut *self.0.lock().unwrap());
        (value, plan.failed)
    }
}

impl Plan {
    /// The value and error that a call has, unless it is to go on.
    fn answer(&mut self, data: &libc::seccomp_data) -> Option<(i64, c_int)> {
        let number = c_long::from(data.nr);
        if number == libc::SYS_brk {
            // The heap does not grow. This is not a place of its own: an allocator that
            // is refused one kind of memory takes the other.
            let fails = matches!(self.fault, Some(Fault::From(_))) && self.failed.is_some();
            return (fails && data.args[0] != 0).then_some((0, 0));
        }
        let &(_, name, error) = CALLS.iter().find(|&&(known, ..)| known == number)?;
        let fails = match self.fault? {
            Fault::Once(before) => self.seen == before,
            Fault::From(before) => self.seen >= before,
        };
        self.seen += 1;
        if !fails {
            return None;
        }
        self.failed.get_or_insert(name);
        Some((0, -error))
    }
}

/// Has the kernel ask about the calls of this thread, and of those that it starts.
fn listen() -> io::Result<RawFd> {
    let statement = |code: u32, k: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    let calls = CALLS.iter().map(|&(number, ..)| number);
    for number in calls.chain([libc::SYS_brk]) {
        filter.push(libc::sock_filter {
            jf: 1,
            ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number as u32)
        });
        filter.push(statement(libc::BPF_RET, libc::SECCOMP_RET_USER_NOTIF));
    }
    filter.push(statement(libc::BPF_RET, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the filter is valid as long as the call takes.
    let listener = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    match listener {
        -1 => Err(io::Error::last_os_error()),
        listener => Ok(listener as RawFd),
    }
}

/// Answers. Allocates nothing: who asks may hold the allocator's lock.
fn supervise(listener: RawFd, plan: &Mutex<Plan>) {
    loop {
        // SAFETY: plain numbers.
        let mut asked: libc::seccomp_notif = unsafe { zeroed() };
        // SAFETY: the kernel fills it.
        let result =
            unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut asked) };
        if result != 0 {
            continue; // who has asked was interrupted, and will ask again
        }
        let answer = plan.lock().unwrap().answer(&asked.data);
        let mut response = libc::seccomp_notif_resp {
            id: asked.id,
            val: 0,
            error: 0,
            flags: libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
        };
        if let Some((val, error)) = answer {
            (response.val, response.error, response.flags) = (val, error, 0);
        }
        // SAFETY: the kernel reads it.
        unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) };
    }
}
