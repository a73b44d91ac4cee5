//! The specification's test suite once more, with modules that are linked: every
//! module of a script becomes an object file, a linker makes a library of it, and
//! its descriptor is found by its symbol. The results have to be those of `spec`.
//!
//! Of the files, only some are run unless `--include-ignored` is given: see `make
//! test-linked`.

#[path = "common/suite.rs"]
mod suite;

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

use libloading::Library;
use libtest_mimic::{Arguments, Failed, Trial};
use wasm_aot_compiler::{Emit, Options};
use wasm_aot_loader::{BoxError, Module};

/// Files with few modules, about what differs: code and data of several modules,
/// traps, tables, memory images.
const SAMPLE: [&str; 12] = [
    "wasm-v2/call.wast",
    "wasm-v2/call_indirect.wast",
    "wasm-v2/func_ptrs.wast",
    "wasm-v2/left-to-right.wast",
    "wasm-v2/linking.wast",
    "wasm-v2/memory_grow.wast",
    "wasm-v2/memory_init.wast",
    "wasm-v2/memory_trap.wast",
    "wasm-v2/names.wast",
    "simd/simd_load_extend.wast",
    "wasm-v2/start.wast",
    "wasm-v2/traps.wast",
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if let Err(error) = Command::new("cc").arg("--version").output() {
        // The test harness would hold back what eprintln! prints.
        let notice = format!("skipped: cc: {error}\n");
        io::stderr().write_all(notice.as_bytes()).unwrap();
        return ExitCode::SUCCESS;
    }
    // Deep recursion is among the tests: not on the main thread, whose stack
    // has another size.
    arguments.test_threads.get_or_insert(2);
    let trials = suite::scripts().into_iter().map(|script| {
        let ignored = !SAMPLE.contains(&script.name().as_str());
        Trial::test(script.name(), move || run(&script)).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn run(script: &suite::Script) -> Result<(), Failed> {
    let options = Options {
        features: script.features,
        codegen: suite::codegen(),
        signals: suite::signals(),
        emit: Emit::Object,
        name: "linked".into(),
        ..Options::default()
    };
    let folder = tempfile::tempdir()?;
    let (_, result) = script.run(&options, &|object| link(object, folder.path()));
    result
}

/// Makes a library of an object file, and a module of what is in it.
fn link(object: &[u8], folder: &Path) -> Result<Module, BoxError> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let input = folder.join(format!("{number}.o"));
    let output = folder.join(format!("{number}.so"));
    fs::write(&input, object)?;
    let result = Command::new(env::var("CC").unwrap_or_else(|_| "cc".into()))
        .args(["-shared", "-nostdlib", "-o"])
        .args([&output, &input])
        .output()?;
    if !result.status.success() {
        return Err(String::from_utf8_lossy(&result.stderr).into());
    }
    // SAFETY: the library has no constructors, and stays loaded; the compiler has
    // made what its symbol stands for.
    unsafe {
        let library = Box::leak(Box::new(Library::new(&output)?));
        let descriptor = library.get::<*const u8>(b"linked_Zmodule")?;
        Ok(Module::from_linked(*descriptor)?)
    }
}
