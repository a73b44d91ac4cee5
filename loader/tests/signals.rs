//! Signals of others: each test goes on in a process of its own.
//!
//! Handlers are installed by hand here; this is the one test with unsafe code.

mod common;

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{assert_traps, instance, is_child, run_child};
use wasm_aot_loader::{Func, Store, TrapCode};

/// Page that faults until the handler makes it accessible.
static PAGE: AtomicUsize = AtomicUsize::new(0);
static FAULTS: AtomicUsize = AtomicUsize::new(0);
/// The action that [`chaining`] passes faults on to.
static NEXT: AtomicUsize = AtomicUsize::new(0);

const PAGE_SIZE: usize = 4096;

/// Traps three times, by each of the signals.
fn trap_in_every_way() {
    let mut store = Store::new();
    let wat = r#"(module (memory 1)
        (func (export "load") (drop (i32.load (i32.const -8))))
        (func (export "div") (param i32) (drop (i32.div_s (i32.const 1) (local.get 0))))
        (func (export "unreachable") unreachable))"#;
    let instance = instance(&mut store, wat);
    let run = |store: &mut Store, name| {
        let func = instance.get_func(store, name).unwrap();
        let arguments = if name == "div" { &[0.into()][..] } else { &[] };
        func.call(store, arguments, &mut [])
    };
    assert_traps(run(&mut store, "load"), TrapCode::MemoryOutOfBounds);
    assert_traps(run(&mut store, "div"), TrapCode::IntegerDivisionByZero);
    assert_traps(run(&mut store, "unreachable"), TrapCode::Unreachable);
}

/// Writes to an address that does not allow it.
fn fault(address: usize) {
    let place: *mut u8 = std::ptr::with_exposed_provenance_mut(address);
    // SAFETY: it is in a page of our own, which a handler makes accessible, or
    // in none, which ends the process.
    unsafe { place.write_volatile(1) };
}

fn closed_page() -> usize {
    // SAFETY: fresh address space.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            PAGE_SIZE,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(page, libc::MAP_FAILED);
    PAGE.store(page.expose_provenance(), Ordering::SeqCst);
    page.expose_provenance()
}

type Handler = unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

fn install(handler: usize) -> libc::sigaction {
    // SAFETY: the handler is valid, and the structure is for the kernel.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        let mut previous = std::mem::zeroed();
        assert_eq!(libc::sigaction(libc::SIGSEGV, &action, &mut previous), 0);
        previous
    }
}

/// Opens our page, and counts. Anything else ends the process with 9.
unsafe extern "C" fn opening(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel gives us the information; the page is ours.
    unsafe {
        let page = PAGE.load(Ordering::SeqCst);
        if (*info).si_addr().addr() & !(PAGE_SIZE - 1) != page || page == 0 {
            libc::_exit(9);
        }
        FAULTS.fetch_add(1, Ordering::SeqCst);
        libc::mprotect(std::ptr::with_exposed_provenance_mut(page), PAGE_SIZE, 3);
    }
}

/// As [`opening`], but passes on what is not for it.
unsafe extern "C" fn chaining(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: as above; what was there before takes the same arguments.
    unsafe {
        let page = PAGE.load(Ordering::SeqCst);
        if (*info).si_addr().addr() & !(PAGE_SIZE - 1) == page {
            return opening(signal, info, context);
        }
        let next: Handler = std::mem::transmute(NEXT.load(Ordering::SeqCst));
        next(signal, info, context);
    }
}

/// Runs `body` in a process of its own and returns how that ended.
fn in_child(test: &str, body: fn()) -> Option<std::process::ExitStatus> {
    if is_child(test) {
        body();
        return None;
    }
    Some(run_child(test, test).status)
}

#[track_caller]
fn succeeds(test: &str, body: fn()) {
    if let Some(status) = in_child(test, body) {
        assert!(status.success(), "{status}");
    }
}

#[track_caller]
fn dies_of(signal: i32, test: &str, body: fn()) {
    if let Some(status) = in_child(test, body) {
        assert_eq!(status.signal(), Some(signal), "{status}");
    }
}

#[test]
fn a_handler_that_was_there_before_still_gets_its_faults() {
    succeeds(
        "a_handler_that_was_there_before_still_gets_its_faults",
        || {
            install(opening as *const () as usize);
            trap_in_every_way();
            for expected in 1..=3 {
                fault(closed_page());
                trap_in_every_way();
                assert_eq!(FAULTS.load(Ordering::SeqCst), expected);
            }
        },
    );
}

#[test]
fn a_handler_that_was_installed_later_and_chains_gets_its_faults() {
    succeeds(
        "a_handler_that_was_installed_later_and_chains_gets_its_faults",
        || {
            trap_in_every_way();
            let previous = install(chaining as *const () as usize);
            NEXT.store(previous.sa_sigaction, Ordering::SeqCst);
            fault(closed_page());
            trap_in_every_way();
            assert_eq!(FAULTS.load(Ordering::SeqCst), 1);
        },
    );
}

#[test]
fn a_fault_in_a_host_function_kills_the_process() {
    dies_of(
        libc::SIGSEGV,
        "a_fault_in_a_host_function_kills_the_process",
        || {
            trap_in_every_way();
            let mut store = Store::new();
            let mut imports = wasm_aot_loader::Imports::new();
            imports.func("e", "f", || fault(16));
            let wat = r#"(module (import "e" "f" (func)) (memory 1) (export "f" (func 0))
            (func (export "run") (call 0)))"#;
            let instance = common::instance_with(&mut store, wat, &imports);
            let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
            let _ = run.call(&mut store, ());
        },
    );
}

#[test]
fn a_fault_is_not_ignored_even_if_the_signal_was() {
    dies_of(
        libc::SIGSEGV,
        "a_fault_is_not_ignored_even_if_the_signal_was",
        || {
            install(libc::SIG_IGN);
            trap_in_every_way();
            fault(closed_page());
        },
    );
}

#[test]
fn a_signal_that_was_ignored_and_is_sent_stays_ignored() {
    succeeds(
        "a_signal_that_was_ignored_and_is_sent_stays_ignored",
        || {
            install(libc::SIG_IGN);
            trap_in_every_way();
            // SAFETY: sends a signal to ourselves.
            unsafe { libc::raise(libc::SIGSEGV) };
            trap_in_every_way();
        },
    );
}

#[test]
fn a_signal_with_its_default_action_that_is_sent_kills() {
    dies_of(
        libc::SIGSEGV,
        "a_signal_with_its_default_action_that_is_sent_kills",
        || {
            install(libc::SIG_DFL);
            trap_in_every_way();
            // SAFETY: sends a signal to ourselves.
            unsafe { libc::raise(libc::SIGSEGV) };
        },
    );
}

#[test]
fn traps_work_on_a_thread_without_a_stack_for_signals() {
    let work = || {
        let none = libc::stack_t {
            ss_sp: std::ptr::null_mut(),
            ss_flags: libc::SS_DISABLE,
            ss_size: 0,
        };
        // SAFETY: takes the thread's stack for signals away, which is not in use.
        assert_eq!(unsafe { libc::sigaltstack(&none, std::ptr::null_mut()) }, 0);
        trap_in_every_way();
        let mut store = Store::new();
        let f = Func::wrap(&mut store, || 3);
        assert_eq!(
            f.typed::<(), i32>(&store)
                .unwrap()
                .call(&mut store, ())
                .unwrap(),
            3
        );
    };
    std::thread::spawn(work).join().unwrap();
}
