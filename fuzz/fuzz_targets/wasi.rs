//! Calls of WASI with any arguments and any memory, in a folder of their own: none
//! panics or waits, and nothing outside of the folder changes.
#![no_main]

use std::path::Path;
use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use rustix::process::{Resource, Rlimit, setrlimit};
use wasm_aot_wasi::{
    Capture, DirAccess, FUNCTIONS, GuestMemory, Input, Outcome, Output, VirtualClocks, WasiCtx,
};

/// Bytes of a guest's memory.
const MEMORY: usize = 1 << 16;
/// Calls of one guest.
const CALLS: usize = 64;

/// Takes what it needs from the input; zeros when that is used up.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    /// Descriptors, lengths and addresses are small as a rule.
    fn argument(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=127 => u64::from(small % 16),
            128..=220 => u64::from(u16::from_le_bytes([self.byte(), self.byte()])),
            _ => u64::from_le_bytes([(); 8].map(|()| self.byte())),
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fuzz_target!(|input: &[u8]| {
    static LIMITS: Once = Once::new();
    LIMITS.call_once(|| {
        // No file gets larger, with an error instead of a signal.
        let most = Some(16 << 20);
        let limit = Rlimit {
            current: most,
            maximum: most,
        };
        setrlimit(Resource::Fsize, limit).unwrap();
        ignore_file_size_signal();
    });
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(outer.path().join("secret"), "outside").unwrap();
    std::fs::write(inner.join("a"), "some content").unwrap();
    std::fs::create_dir(inner.join("d")).unwrap();
    std::os::unix::fs::symlink("../secret", inner.join("out")).unwrap();
    let capture = Capture::with_limit(1 << 16);
    let mut ctx = WasiCtx::builder()
        .arg("program")
        .env("NAME", "value")
        .stdin(Input::bytes("what is read"))
        .stdout(Output::capture(&capture))
        .clocks(VirtualClocks::new(0, 1))
        .max_descriptors(32)
        .preopen_dir(&inner, "/", DirAccess::ReadWrite)
        .unwrap()
        .build()
        .unwrap();
    let mut input = Bytes(input);
    let mut memory = vec![0; MEMORY];
    // Names to be found, at addresses that arguments have.
    memory[..16].copy_from_slice(b"a\0d\0out\0../x\0/a\0");
    for _ in 0..CALLS {
        if input.0.is_empty() {
            break;
        }
        // Some of the memory, then a call.
        for _ in 0..input.byte() % 32 {
            let at = input.argument() as usize % MEMORY;
            memory[at] = input.byte();
        }
        let function = &FUNCTIONS[usize::from(input.byte()) % FUNCTIONS.len()];
        let arguments: Vec<u64> = function.params.iter().map(|_| input.argument()).collect();
        match (function.call)(&mut ctx, &mut GuestMemory::new(&mut memory), &arguments) {
            Outcome::Exit(_) => break,
            Outcome::Errno(errno) => assert!(errno <= 76, "{}: {errno}", function.name),
        }
    }
    drop(ctx);
    assert_eq!(names(outer.path()), ["inner", "secret"]);
    let secret = std::fs::read(outer.path().join("secret")).unwrap();
    assert_eq!(secret, b"outside");
});

#[allow(unsafe_code, reason = "there is no safe way to ignore a signal")]
fn ignore_file_size_signal() {
    unsafe extern "C" {
        fn signal(number: i32, action: usize) -> usize;
    }
    const SIGXFSZ: i32 = 25;
    const SIG_IGN: usize = 1;
    // SAFETY: no handler is installed.
    unsafe { signal(SIGXFSZ, SIG_IGN) };
}
