//! A cache makes no difference but in time.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use wasm_aot_compiler::{
    Cache, Cpu, Level, Observer, Options, StreamCompiler, Target, compile, compile_from, compile_to,
};

/// What was found in the cache, and what was wrong with it.
#[derive(Default)]
struct Seen {
    cached: Mutex<Option<(usize, usize)>>,
    warnings: Mutex<Vec<String>>,
}

impl Observer for Seen {
    fn cached(&self, functions: usize, total: usize) {
        *self.cached.lock().unwrap() = Some((functions, total));
    }

    fn warning(&self, message: &str) {
        self.warnings.lock().unwrap().push(message.to_owned());
    }
}

fn with(folder: &Path) -> Options {
    Options {
        cache: Some(Cache::new(folder)),
        ..Options::default()
    }
}

/// Compiles with a cache, checks that the artefact is what it is without one, and
/// returns how many functions were found of how many.
#[track_caller]
fn found(wasm: &[u8], options: &Options) -> (usize, usize) {
    let seen = Seen::default();
    let mut out = Cursor::new(Vec::new());
    compile_to(wasm, options, &seen, &mut out).unwrap();
    let without = Options {
        cache: None,
        ..options.clone()
    };
    assert!(out.into_inner() == compile(wasm, &without).unwrap());
    assert_eq!(*seen.warnings.lock().unwrap(), [""; 0]);
    seen.cached.into_inner().unwrap().expect("there is a cache")
}

/// The files of a cache.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A module with calls, traps, a constant table, memory, an exception handler and a
/// leaf that C can call; `first` and `more` are bodies.
fn module(first: &str, more: &str) -> String {
    format!(
        r#"(module
          (type $unary (func (param i32) (result i32)))
          (import "host" "f" (func $host (param i32)))
          (memory 1) (table $t 4 funcref) (tag $tag (param i32))
          (elem (table $t) (i32.const 0) func $first $leaf $indirect)
          (func $first (export "first") (type $unary) {first})
          (func $leaf (export "leaf") (type $unary) (i32.load (local.get 0)))
          (func $indirect (export "indirect") (type $unary)
            (call_indirect $t (type $unary) (local.get 0) (i32.const 1)))
          (func $divide (type $unary) (i32.div_u (i32.const 7) (local.get 0)))
          (func (export "caught") (type $unary)
            (block $caught (result i32)
              (try_table (catch $tag $caught)
                (throw $tag (call $divide (local.get 0))))
              (unreachable)))
          (func (export "out") (param i32) (call $host (call $indirect (local.get 0))))
          (func (export "more") {more}))"#
    )
}

fn plain() -> Vec<u8> {
    wat::parse_str(module("(local.get 0)", "")).unwrap()
}

#[test]
fn everything_is_found_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let options = with(&folder.path().join("new/folder"));
    assert_eq!(found(&plain(), &options), (0, 7));
    assert_eq!(found(&plain(), &options), (7, 7));
}

#[test]
fn only_the_function_that_has_changed_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let options = with(folder.path());
    found(&plain(), &options);
    // Everything behind it is somewhere else now.
    let body = "(i32.add (i32.mul (local.get 0) (i32.const 1000)) (i32.const 70000))";
    let other = wat::parse_str(module(body, "")).unwrap();
    assert_ne!(other.len(), plain().len());
    assert_eq!(found(&other, &options), (6, 7));
    assert_eq!(found(&other, &options), (7, 7));
}

#[test]
fn what_another_function_does_makes_a_difference_to_code_that_relied_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = with(folder.path());
    found(&plain(), &options);
    // The table is no constant any more, so the indirect call is another one.
    let changed = "(table.set $t (i32.const 3) (ref.func $leaf))";
    let changed = wat::parse_str(module("(local.get 0)", changed)).unwrap();
    assert_eq!(found(&changed, &options), (5, 7));
    assert_eq!(found(&plain(), &options), (5, 7));
}

#[test]
fn data_makes_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let options = with(folder.path());
    let module = |pages: u32, data: &str| {
        let text = format!(
            r#"(module (memory {pages}) (data (i32.const 8) "{data}")
              (global $stack (mut i32) (i32.const {pages}0000))
              (func (export "f") (result i32) (i32.load (global.get $stack))))"#
        );
        wat::parse_str(text).unwrap()
    };
    found(&module(1, "some"), &options);
    assert_eq!(found(&module(2, "some more"), &options), (1, 1));
}

#[test]
fn nothing_is_found_that_was_compiled_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let options = with(folder.path());
    found(&plain(), &options);
    let others = [
        Options {
            level: Level::O1,
            ..options.clone()
        },
        Options {
            interruptible: true,
            ..options.clone()
        },
        Options {
            fuel: true,
            ..options.clone()
        },
        Options {
            spectre_guards: false,
            ..options.clone()
        },
        Options {
            signals: false,
            ..options.clone()
        },
        Options {
            cpu: Cpu::new(Target::Aarch64Linux, "armv8.1-a").unwrap(),
            ..options.clone()
        },
    ];
    for other in others {
        assert_eq!(found(&plain(), &other), (0, 7));
        assert_eq!(found(&plain(), &other), (7, 7));
    }
    assert_eq!(found(&plain(), &options), (7, 7));
}

#[test]
fn constants_exports_and_hints_are_part_of_what_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let options = with(folder.path());
    let module = |constant: u32, export: &str, hint: &str| {
        let text = format!(
            r#"(module (global $g i32 (i32.const {constant}))
              (func {export} (param i32) (result i32)
                {hint} (if (result i32) (local.get 0)
                  (then (global.get $g)) (else (i32.const 2)))))"#
        );
        wat::parse_str(text).unwrap()
    };
    let hint = r#"(@metadata.code.branch_hint "\00")"#;
    for wasm in [
        module(1, "", ""),
        module(2, "", ""),
        module(2, r#"(export "f")"#, ""),
        module(2, r#"(export "f")"#, hint),
    ] {
        assert_eq!(found(&wasm, &options), (0, 1));
        assert_eq!(found(&wasm, &options), (1, 1));
    }
}

#[test]
fn a_module_that_comes_as_a_stream_uses_the_same_cache() {
    let folder = tempfile::tempdir().unwrap();
    let options = with(folder.path());
    let wasm = plain();
    let expected = compile(&wasm, &Options::default()).unwrap();
    let mut out = Cursor::new(Vec::new());
    compile_from(&wasm[..], &options, (), &mut out).unwrap();
    assert!(out.into_inner() == expected);
    assert_eq!(found(&wasm, &options), (7, 7));

    let seen = std::sync::Arc::new(Seen::default());
    let mut compiler = StreamCompiler::with_observer(&options, seen.clone()).unwrap();
    for piece in wasm.chunks(3) {
        compiler.push(piece).unwrap();
    }
    let mut out = Cursor::new(Vec::new());
    compiler.finish(&mut out).unwrap();
    assert!(out.into_inner() == expected);
    // The first functions come before it is known what the table is.
    assert_eq!(*seen.cached.lock().unwrap(), Some((7, 7)));
}

#[test]
fn damage_is_noticed_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let options = with(folder.path());
    found(&plain(), &options);
    let file = files(folder.path()).pop().unwrap();
    let sound = fs::read(&file).unwrap();
    for at in (0..sound.len()).step_by(29) {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x10;
        fs::write(&file, &damaged).unwrap();
        assert!(found(&plain(), &options).0 < 7, "byte {at}");
        // And it is mended.
        assert!(fs::read(&file).unwrap() == sound, "byte {at}");
        fs::write(&file, &sound[..at]).unwrap();
        assert!(found(&plain(), &options).0 < 7, "cut at byte {at}");
    }
}

#[test]
fn many_can_write_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let options = with(folder.path());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let options = &options;
            scope.spawn(move || {
                for round in 0..20 {
                    let body = format!("(i32.const {})", (thread + round) % 5);
                    let wasm = wat::parse_str(module(&body, "")).unwrap();
                    found(&wasm, options);
                }
            });
        }
    });
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn what_has_not_been_used_for_longest_makes_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = with(folder.path());
    let module = |types: usize| {
        let text = format!(
            "(module {} (func (export \"f\") (result i32) (i32.const 1)))",
            (0..types)
                .map(|n| format!("(type (func {}))", "(param i32)".repeat(n)))
                .collect::<String>()
        );
        wat::parse_str(text).unwrap()
    };
    found(&module(0), &options);
    let size = fs::metadata(&files(folder.path())[0]).unwrap().len();
    // Time goes by.
    let age = |seconds| {
        for file in files(folder.path()) {
            let file = fs::File::open(file).unwrap();
            let modified = file.metadata().unwrap().modified().unwrap();
            file.set_modified(modified - Duration::from_secs(seconds))
                .unwrap();
        }
    };
    for types in 1..4 {
        age(10);
        found(&module(types), &options);
    }
    assert_eq!(files(folder.path()).len(), 4);
    // The oldest is used once more.
    age(10);
    assert_eq!(found(&module(0), &options), (1, 1));
    options.cache.as_mut().unwrap().limit = 3 * size + size / 2;
    age(10);
    // A file that a process has left behind when it was killed counts, too.
    let left = folder.path().join("new-left.wasm-aot-cache");
    fs::write(&left, vec![0; size as usize]).unwrap();
    let past = SystemTime::now() - Duration::from_secs(1000);
    fs::File::open(&left).unwrap().set_modified(past).unwrap();
    found(&module(4), &options);
    assert_eq!(files(folder.path()).len(), 3);
    assert!(!left.exists());
    assert_eq!(found(&module(0), &options), (1, 1));
    assert_eq!(found(&module(1), &options), (0, 1));
}

#[test]
fn a_cache_that_cannot_be_written_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    let seen = Seen::default();
    let mut out = Cursor::new(Vec::new());
    compile_to(&plain(), &with(&file), &seen, &mut out).unwrap();
    assert!(out.into_inner() == compile(&plain(), &Options::default()).unwrap());
    let warnings = seen.warnings.into_inner().unwrap();
    assert!(
        warnings[0].starts_with("the cache cannot be written: "),
        "{warnings:?}"
    );
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn programs_are_the_same_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let options = with(folder.path());
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs");
    let mut programs_seen = 0;
    for entry in fs::read_dir(programs).unwrap() {
        let entry = entry.unwrap();
        let file = entry.path().join(entry.file_name()).with_extension("wasm");
        let Ok(wasm) = fs::read(file) else { continue };
        let (none, total) = found(&wasm, &options);
        assert_eq!((none, found(&wasm, &options)), (0, (total, total)));
        programs_seen += 1;
    }
    assert!(programs_seen > 5, "only {programs_seen} programs");
}

#[test]
fn where_code_comes_from_is_kept_relative_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        debug: true,
        ..with(folder.path())
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/debug/c4-O2.wasm");
    let wasm = fs::read(path).unwrap();
    let (none, total) = found(&wasm, &options);
    assert_eq!(none, 0);
    // The same code, elsewhere in the file: behind a custom section without a name.
    let moved = [&wasm[..8], b"\0\x05\0abcd", &wasm[8..]].concat();
    assert_eq!(found(&moved, &options), (total, total));
    // Without debug information, nothing of that is known.
    assert_eq!(found(&wasm, &with(folder.path())), (0, total));
}
