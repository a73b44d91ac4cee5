//! Living together with other handlers of the same signals, in processes of
//! their own.

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use wasm_aot_loader::{Imports, Instance, Store, TrapCode};

use crate::support::{add, instance, isolated, isolated_ok, run, trap_code};

const FAULTS: &str = r#"(module (memory 1)
  (func (export "run") (drop (i32.load (i32.const 65536))))
  (func (export "stop") unreachable)
  (func (export "fine")))"#;

fn traps(store: &mut Store, instance: Instance) {
    for _ in 0..3 {
        let code = trap_code(run(store, instance, "run"));
        assert_eq!(code, TrapCode::MemoryOutOfBounds);
        assert_eq!(
            trap_code(run(store, instance, "stop")),
            TrapCode::Unreachable
        );
        run(store, instance, "fine").unwrap();
    }
}

/// How often a foreign handler was called, and with which signal.
static CALLS: AtomicUsize = AtomicUsize::new(0);
static SIGNAL: AtomicI32 = AtomicI32::new(0);
/// What was there before a handler that is installed after ours.
static mut OURS: Option<libc::sigaction> = None;
/// An inaccessible page, which the foreign handlers make accessible.
static PAGE: AtomicUsize = AtomicUsize::new(0);

fn new_page() -> *mut u8 {
    // SAFETY: a fresh mapping.
    let page = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_NONE, flags, -1, 0)
    };
    PAGE.store(page.addr(), Ordering::Relaxed);
    page.cast()
}

/// Reads from an inaccessible page and expects the foreign handler to have
/// repaired that.
fn fault_and_repair() {
    let before = CALLS.load(Ordering::Relaxed);
    let page = new_page();
    // SAFETY: faults once; then the page is accessible.
    assert_eq!(unsafe { page.read_volatile() }, 0);
    assert_eq!(CALLS.load(Ordering::Relaxed), before + 1);
    assert_eq!(SIGNAL.load(Ordering::Relaxed), libc::SIGSEGV);
}

fn repair(signal: i32) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    SIGNAL.store(signal, Ordering::Relaxed);
    let page: *mut libc::c_void =
        std::ptr::with_exposed_provenance_mut(PAGE.load(Ordering::Relaxed));
    // SAFETY: a page of ours.
    unsafe { libc::mprotect(page, 4096, libc::PROT_READ) };
}

unsafe extern "C" fn with_info(
    signal: i32,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    assert!(!context.is_null());
    // SAFETY: given by the kernel.
    let address = unsafe { (*info).si_addr().addr() };
    assert_eq!(address, PAGE.load(Ordering::Relaxed));
    repair(signal);
}

unsafe extern "C" fn plain(signal: i32) {
    repair(signal);
}

/// Handles faults at `PAGE` itself, and hands all others to who was there.
unsafe extern "C" fn chaining(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: given by the kernel; `OURS` is set before we are installed.
    unsafe {
        if (*info).si_addr().addr() == PAGE.load(Ordering::Relaxed) {
            repair(signal);
            return;
        }
        let ours = OURS.unwrap();
        type Handler = unsafe extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);
        let ours: Handler = std::mem::transmute(ours.sa_sigaction);
        ours(signal, info, context);
    }
}

/// Installs a handler and returns the one before.
fn install(handler: usize, flags: i32) -> libc::sigaction {
    // SAFETY: a valid action.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        let mut old: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(libc::SIGSEGV, &action, &mut old), 0);
        old
    }
}

#[test]
fn a_handler_that_was_there_before_gets_its_faults() {
    isolated_ok(
        "signals::a_handler_that_was_there_before_gets_its_faults",
        || {
            install(with_info as *const () as usize, libc::SA_SIGINFO);
            let (mut store, instance) = instance(FAULTS);
            traps(&mut store, instance);
            fault_and_repair();
            traps(&mut store, instance);
            fault_and_repair();
        },
    );
}

#[test]
fn a_plain_handler_that_was_there_before_gets_its_faults() {
    isolated_ok(
        "signals::a_plain_handler_that_was_there_before_gets_its_faults",
        || {
            install(plain as *const () as usize, libc::SA_NODEFER);
            let (mut store, instance) = instance(FAULTS);
            traps(&mut store, instance);
            fault_and_repair();
            traps(&mut store, instance);
        },
    );
}

#[test]
fn a_handler_that_is_installed_later_and_chains_leaves_us_our_traps() {
    isolated_ok(
        "signals::a_handler_that_is_installed_later_and_chains_leaves_us_our_traps",
        || {
            let (mut store, instance) = instance(FAULTS);
            let handler = chaining as *const () as usize;
            let old = install(handler, libc::SA_SIGINFO | libc::SA_ONSTACK);
            // SAFETY: nobody reads it yet.
            unsafe { OURS = Some(old) };
            traps(&mut store, instance);
            fault_and_repair();
            traps(&mut store, instance);
        },
    );
}

#[test]
fn faults_of_other_code_during_a_call_are_passed_on() {
    isolated_ok(
        "signals::faults_of_other_code_during_a_call_are_passed_on",
        || {
            install(with_info as *const () as usize, libc::SA_SIGINFO);
            let mut imports = Imports::new();
            imports.func("h", "f", fault_and_repair);
            let mut store = Store::new();
            let instance = add(
                &mut store,
                r#"(module (import "h" "f" (func $f)) (func (export "run") (call $f) (call $f)))"#,
                &imports,
            );
            run(&mut store, instance, "run").unwrap();
            assert_eq!(CALLS.load(Ordering::Relaxed), 2);
        },
    );
}

/// How a process ends in which `body` makes a host function fault.
fn died_by(test: &str, body: fn()) -> Option<i32> {
    let output = isolated(test, || {
        // As it is in a program that is not a test of Rust's.
        install(libc::SIG_DFL, 0);
        let mut imports = Imports::new();
        imports.func("h", "f", body);
        let mut store = Store::new();
        let instance = add(
            &mut store,
            r#"(module (import "h" "f" (func $f)) (memory 1) (func (export "run") (call $f)))"#,
            &imports,
        );
        let _ = run(&mut store, instance, "run");
        std::process::exit(0);
    })?;
    assert_eq!(
        output.status.code(),
        None,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.status.signal()
}

#[test]
fn a_real_fault_in_a_host_function_kills_the_process() {
    let test = "signals::a_real_fault_in_a_host_function_kills_the_process";
    let signal = died_by(test, || {
        // SAFETY: it faults, which is what is tested.
        unsafe { new_page().read_volatile() };
    });
    assert!(signal.is_none_or(|signal| signal == libc::SIGSEGV));
}

#[test]
fn a_signal_that_was_sent_is_not_swallowed() {
    let test = "signals::a_signal_that_was_sent_is_not_swallowed";
    let signal = died_by(test, || {
        // SAFETY: sends a signal to this process.
        unsafe { libc::raise(libc::SIGSEGV) };
    });
    assert!(signal.is_none_or(|signal| signal == libc::SIGSEGV));
}

#[test]
fn a_fault_cannot_be_ignored_but_a_sent_signal_can() {
    let test = "signals::a_fault_cannot_be_ignored_but_a_sent_signal_can";
    let output = isolated(test, || {
        install(libc::SIG_IGN, 0);
        let (mut store, instance) = instance(FAULTS);
        traps(&mut store, instance);
        // SAFETY: sends a signal to this process.
        unsafe { libc::raise(libc::SIGSEGV) };
        eprintln!("still here");
        // SAFETY: it faults, which is what is tested.
        unsafe { new_page().read_volatile() };
    });
    if let Some(output) = output {
        assert!(String::from_utf8_lossy(&output.stderr).contains("still here"));
        assert_eq!(output.status.signal(), Some(libc::SIGSEGV));
    }
}

#[test]
fn a_handler_that_wants_to_be_called_once_is() {
    let test = "signals::a_handler_that_wants_to_be_called_once_is";
    let output = isolated(test, || {
        let handler = with_info as *const () as usize;
        install(handler, libc::SA_SIGINFO | libc::SA_RESETHAND);
        let (mut store, instance) = instance(FAULTS);
        traps(&mut store, instance);
        fault_and_repair();
        traps(&mut store, instance);
        eprintln!("still here");
        fault_and_repair();
    });
    if let Some(output) = output {
        assert!(String::from_utf8_lossy(&output.stderr).contains("still here"));
        assert_eq!(output.status.signal(), Some(libc::SIGSEGV));
    }
}

#[test]
fn a_stack_overflow_of_the_host_is_still_reported_by_rust() {
    let test = "signals::a_stack_overflow_of_the_host_is_still_reported_by_rust";
    let output = isolated(test, || {
        #[inline(never)]
        fn recurse(n: u64) -> u64 {
            if n == u64::MAX {
                return 0;
            }
            let big = std::hint::black_box([n; 100]);
            recurse(n + 1) + std::hint::black_box(big)[3]
        }
        let mut imports = Imports::new();
        imports.func("h", "f", || {
            recurse(0);
        });
        let mut store = Store::new();
        let instance = add(
            &mut store,
            r#"(module (import "h" "f" (func $f)) (func (export "run") (call $f)))"#,
            &imports,
        );
        let _ = run(&mut store, instance, "run");
    });
    if let Some(output) = output {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("has overflowed its stack"), "{errors}");
        assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    }
}
