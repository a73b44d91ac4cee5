//! Modules that come piece by piece give what they give as a whole: the same
//! bytes, or the same error, and that as soon as it can be known.

mod suite;

use std::fs;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use suite::{Expected, cases};
use wasm_aot_compiler::{
    Error, Features, Level, Observer, Options, Stage, StreamCompiler, compile, compile_from,
};
use wasmparser::{Chunk, Parser};

/// How a module is cut.
#[derive(Clone, Copy, Debug)]
enum Pieces {
    /// Into pieces of so many bytes.
    Of(usize),
    /// Into pieces of sizes that look random, for this seed.
    Random(u32),
}

const ALL: &[Pieces] = &[
    Pieces::Of(1),
    Pieces::Of(2),
    Pieces::Of(3),
    Pieces::Of(7),
    Pieces::Of(64),
    Pieces::Of(4096),
    Pieces::Of(usize::MAX),
    Pieces::Random(1),
    Pieces::Random(2),
];

impl Pieces {
    fn cut(self, mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut pieces = Vec::new();
        let mut state = match self {
            Pieces::Of(_) => 0,
            Pieces::Random(seed) => seed,
        };
        while !bytes.is_empty() {
            let size = match self {
                Pieces::Of(size) => size,
                Pieces::Random(_) => {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // Short ones, and now and then a long or an empty one.
                    (state >> 24) as usize >> (state >> 16 & 7)
                }
            };
            let (piece, rest) = bytes.split_at(size.min(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}

/// What came of a module, and how many of its bytes were taken.
struct Outcome {
    result: Result<Vec<u8>, Error>,
    taken: usize,
    /// Whether it was known before the end.
    early: bool,
}

fn stream(module: &[u8], pieces: Pieces, options: &Options) -> Outcome {
    stream_observed(module, pieces, options, ())
}

fn stream_observed(
    module: &[u8],
    pieces: Pieces,
    options: &Options,
    observer: impl Observer + Send + 'static,
) -> Outcome {
    let mut compiler = StreamCompiler::with_observer(options, observer).unwrap();
    let mut taken = 0;
    for piece in pieces.cut(module) {
        taken += piece.len();
        if let Err(error) = compiler.push(piece) {
            return Outcome {
                result: Err(error),
                taken,
                early: true,
            };
        }
    }
    let mut out = Cursor::new(Vec::new());
    Outcome {
        result: compiler.finish(&mut out).map(|()| out.into_inner()),
        taken,
        early: false,
    }
}

fn quick() -> Options {
    quick_with(Features::default())
}

fn quick_with(features: Features) -> Options {
    Options {
        level: Level::O0,
        features,
        ..Options::default()
    }
}

/// Counts.
#[derive(Default)]
struct Counter {
    stages: Mutex<Vec<Stage>>,
    done: AtomicUsize,
    total: AtomicUsize,
    again: AtomicUsize,
}

impl Observer for Counter {
    fn stage(&self, stage: Stage) {
        self.stages.lock().unwrap().push(stage);
    }

    fn functions(&self, done: usize, total: usize) {
        self.done.fetch_max(done, Ordering::SeqCst);
        self.total.store(total, Ordering::SeqCst);
    }

    fn again(&self, functions: usize) {
        self.again.store(functions, Ordering::SeqCst);
    }
}

fn wasm(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

#[test]
fn every_valid_module_of_the_suite_gives_the_same_bytes() {
    let failures: Vec<String> = cases(Expected::Valid)
        .par_iter()
        .flat_map_iter(|case| {
            let module = wat::parse_bytes(&case.module).unwrap();
            let options = quick_with(case.features);
            let expected = compile(&module, &options).unwrap();
            let differs = move |pieces: &&Pieces| {
                !stream(&module, **pieces, &options)
                    .result
                    .is_ok_and(|bytes| bytes == expected)
            };
            ALL.iter()
                .filter(differs)
                .map(|pieces| format!("{}: {pieces:?}", case.place))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_other_module_of_the_suite_gives_the_same_error() {
    let failures: Vec<String> = cases(Expected::Refused)
        .par_iter()
        .filter(|case| case.module.starts_with(b"\0asm") || wat::parse_bytes(&case.module).is_ok())
        .flat_map_iter(|case| {
            let module = wat::parse_bytes(&case.module).unwrap().into_owned();
            let options = quick_with(case.features);
            let expected = compile(&module, &options).unwrap_err();
            let offset = match expected {
                Error::Invalid { offset, .. } | Error::Unsupported { offset, .. } => offset,
                ref other => panic!("{}: {other}", case.place),
            };
            let expected = format!("{expected:?}");
            let limit = end_of_unit(&module, offset as usize);
            ALL.iter()
                .filter_map(|&pieces| {
                    let outcome = stream(&module, pieces, &options);
                    let error = format!("{:?}", outcome.result.unwrap_err());
                    if error != expected {
                        return Some(format!(
                            "{}: {pieces:?}: {error}, expected {expected}",
                            case.place
                        ));
                    }
                    // What is not there shows at the end.
                    let late =
                        matches!(pieces, Pieces::Of(1)) && outcome.early && outcome.taken > limit;
                    late.then(|| {
                        format!(
                            "{}: {error} after {} bytes, expected {limit}",
                            case.place, outcome.taken
                        )
                    })
                })
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// How many bytes it takes to know of an error at `offset`: those of the header,
/// the section or the function body that it is in. If it is in none, the module
/// is not well formed there.
fn end_of_unit(module: &[u8], offset: usize) -> usize {
    let mut parser = Parser::new(0);
    let mut at = 0;
    while let Ok(Chunk::Parsed { consumed, .. }) = parser.parse(&module[at..], at == module.len()) {
        at += consumed;
        if at > offset {
            return at;
        }
        if at == module.len() {
            break;
        }
    }
    // The longest header is an id and a size.
    module.len().min(offset.max(at) + 8)
}

#[test]
fn programs_give_the_same_bytes_and_hardly_a_function_is_compiled_twice() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (program, again) in [
        // The one that multiplies numbers of 128 bits, by a function that is at the end.
        ("examples/forth/forth.wasm", 1),
        ("tests/programs/json/json.wasm", 0),
        ("tests/programs/lz/lz.wasm", 0),
        ("tests/programs/simd/simd.wasm", 0),
    ] {
        let module = fs::read(root.join(program)).unwrap();
        let expected = compile(&module, &quick()).unwrap();
        ALL.par_iter().for_each(|&pieces| {
            let counter = Arc::new(Counter::default());
            let outcome = stream_observed(&module, pieces, &quick(), counter.clone());
            assert!(outcome.result.unwrap() == expected, "{program}: {pieces:?}");
            let count = counter.again.load(Ordering::SeqCst);
            assert!(count <= again, "{program}: {pieces:?}: {count}");
            let total = counter.total.load(Ordering::SeqCst);
            assert_eq!(counter.done.load(Ordering::SeqCst), total);
            assert!(total > 10, "{program}");
            assert_eq!(
                *counter.stages.lock().unwrap(),
                [Stage::Parse, Stage::Generate, Stage::Layout, Stage::Write]
            );
        });
    }
}

#[test]
fn functions_are_compiled_before_the_last_byte_arrives() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let module = fs::read(root.join("examples/forth/forth.wasm")).unwrap();
    let counter = Arc::new(Counter::default());
    let mut compiler = StreamCompiler::with_observer(&quick(), counter.clone()).unwrap();
    // A function body is at the end of the first half, so one less is compiled.
    let (first, second) = module.split_at(module.len() / 2);
    compiler.push(first).unwrap();
    let total = counter.total.load(Ordering::SeqCst);
    let start = Instant::now();
    while counter.done.load(Ordering::SeqCst) < total / 4 {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing happens");
        std::thread::sleep(Duration::from_millis(1));
    }
    compiler.push(second).unwrap();
    let mut out = Cursor::new(Vec::new());
    compiler.finish(&mut out).unwrap();
    assert!(out.into_inner() == compile(&module, &quick()).unwrap());
}

/// Two tables of which `tail` may do something with the first. Before it come
/// functions that use both.
fn with_tables(tail: &str) -> Vec<u8> {
    wasm(&format!(
        r#"(module
            (type $t (func (result i32)))
            (import "" "" (func $import))
            (table $a 4 funcref) (table $b 4 funcref) (table $c 4 externref)
            (elem (table $a) (i32.const 0) func $one $two)
            (elem (table $b) (i32.const 1) func $one)
            (elem declare func $three)
            (func $one (result i32) i32.const 1)
            (func $two (result i32) call $import i32.const 2)
            (func $three (result i32) (call_indirect $a (type $t) (i32.const 1)))
            (func $four (result i32) (call_indirect $b (type $t) (i32.const 1)))
            (func $five (result i32) (table.size $a))
            (func $six (result i32) (table.size $c))
            (func $seven (result funcref) (ref.func $three))
            {tail})"#
    ))
}

#[test]
fn functions_are_compiled_again_only_for_what_comes_later() {
    for (tail, again) in [
        ("", 0),
        // All slots are known, since the table's functions are not among them.
        ("(func (drop (ref.func $three)))", 0),
        // A slot before that of `three`, which `seven` uses.
        ("(func (drop (ref.func $one)))", 1),
        // Calls through `a` are others now. And `three` moves.
        ("(func (table.set $a (i32.const 0) (ref.null func)))", 2),
        // And so is its size.
        (
            "(func (drop (table.grow $a (ref.null func) (i32.const 1))))",
            3,
        ),
        (
            "(func (table.copy $a $b (i32.const 0) (i32.const 0) (i32.const 0)))",
            3,
        ),
        (
            "(func (drop (table.grow $c (ref.null extern) (i32.const 1))))",
            1,
        ),
    ] {
        let module = with_tables(tail);
        let expected = compile(&module, &quick()).unwrap();
        for &pieces in ALL {
            let counter = Arc::new(Counter::default());
            let outcome = stream_observed(&module, pieces, &quick(), counter.clone());
            assert!(outcome.result.unwrap() == expected, "{tail}: {pieces:?}");
            let count = counter.again.load(Ordering::SeqCst);
            match pieces {
                Pieces::Of(1) => assert_eq!(count, again, "{tail}"),
                // Everything is known before the first is compiled.
                Pieces::Of(usize::MAX) => assert_eq!(count, 0, "{tail}"),
                _ => assert!(count <= again, "{tail}: {pieces:?}: {count}"),
            }
        }
    }
}

/// Fails the test if it is read.
struct Forbidden;

impl Read for Forbidden {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("read on after an error");
    }
}

/// Gives one byte at a time.
struct Drip<R>(R);

impl<R: Read> Read for Drip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(&mut buffer[..1])
    }
}

/// A module in binary format of these sections, by id and content.
fn sections(sections: &[(u8, &[u8])]) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    for (id, content) in sections {
        module.extend([*id, content.len() as u8]);
        module.extend(*content);
    }
    module
}

#[test]
fn nothing_is_read_after_the_first_bad_byte() {
    const TYPE: (u8, &[u8]) = (1, &[1, 0x60, 0, 0]);
    const FUNCTIONS: (u8, &[u8]) = (3, &[2, 0, 0]);
    let behind = |start: &[(u8, &[u8])], bytes: &[u8]| [&sections(start), bytes].concat();
    let functions = |bytes: &[u8]| behind(&[TYPE, FUNCTIONS], bytes);
    for (module, expected) in [
        (b"\0asm\x02\0\0\0".to_vec(), "unknown binary version"),
        (b"\x7fELF\xff".to_vec(), "utf-8"),
        (b"(module \xff".to_vec(), "utf-8"),
        // A section that is unknown, too late, or too long.
        (behind(&[TYPE], &[99, 0]), "malformed section id"),
        (functions(&[1, 0]), "section out of order"),
        (behind(&[], &[1, 90, 1, 0x60, 0, 0, 0]), "unexpected data"),
        // The first item of a section that is not complete: a type of an unknown
        // form, an import of an unknown type, an export of nothing.
        (behind(&[], &[1, 90, 5, 0x11]), "invalid leading byte"),
        (
            behind(&[TYPE], &[2, 90, 9, 1, b'a', 1, b'b', 0, 3]),
            "unknown type 3",
        ),
        (functions(&[7, 90, 9, 1, b'a', 0, 7]), "unknown function 7"),
        // The second one, behind a good one.
        (
            behind(&[TYPE], &[6, 90, 2, 0x7f, 0, 0x41, 0, 0x0b, 0x7f, 4]),
            "malformed global flags",
        ),
        // A section with another number of bodies.
        (functions(&[10, 100, 3]), "inconsistent lengths"),
        // `i32.add` without operands; the second body would be 90 bytes long.
        (functions(&[10, 100, 2, 3, 0, 0x6a, 0x0b]), "type mismatch"),
        // `ref.i31`.
        (
            functions(&[10, 100, 2, 7, 0, 0x41, 0, 0xfb, 0x1c, 0x1a, 0x0b]),
            "gc",
        ),
        // A good body, then one that is longer than the section.
        (
            functions(&[10, 6, 2, 2, 0, 0x0b, 3, 0, 1, 0x0b]),
            "unexpected end-of-file",
        ),
    ] {
        let reader = Drip(Cursor::new(&module).chain(Forbidden));
        let mut out = Cursor::new(Vec::new());
        let error = compile_from(reader, &quick(), (), &mut out).unwrap_err();
        assert!(!matches!(error, Error::Read(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(out.into_inner().is_empty());
    }
}

#[test]
fn of_several_errors_the_first_in_the_module_is_reported() {
    // Bodies one and three are invalid, and the data section is.
    let module = sections(&[
        (1, &[1, 0x60, 0, 0]),
        (3, &[3, 0, 0, 0]),
        (10, &[3, 2, 0, 0x0b, 3, 0, 0x6a, 0x0b, 3, 0, 0x6b, 0x0b]),
        (11, &[1, 5]),
    ]);
    let expected =
        "invalid module: type mismatch: expected i32 but nothing on stack at offset 0x1c";
    assert_eq!(
        compile(&module, &quick()).unwrap_err().to_string(),
        expected
    );
    let of_validate = wasm_aot_compiler::validate(&module, Default::default());
    assert_eq!(of_validate.unwrap_err().to_string(), expected);
    for &pieces in ALL {
        let outcome = stream(&module, pieces, &quick());
        assert_eq!(outcome.result.unwrap_err().to_string(), expected);
        assert!(outcome.early);
    }
}

#[test]
fn a_truncated_module_is_refused_wherever_it_ends() {
    let module = with_tables("(memory 1) (data (i32.const 0) \"data\")");
    for length in 0..module.len() {
        let module = &module[..length];
        // Between sections a shorter module may be complete.
        let expected = compile(module, &quick()).map_err(|error| error.to_string());
        for pieces in [Pieces::Of(1), Pieces::Of(7), Pieces::Of(usize::MAX)] {
            let outcome = stream(module, pieces, &quick());
            let result = outcome.result.map_err(|error| error.to_string());
            assert!(result == expected, "{length} bytes: {result:?}");
            assert!(!outcome.early, "{length} bytes");
        }
    }
}

#[test]
fn the_text_format_may_come_in_pieces() {
    let text = "(module (func (export \"ü\") (result i32) i32.const 42))".as_bytes();
    let expected = compile(text, &quick()).unwrap();
    let wrong = "(module (func $ü (unknown)))".as_bytes();
    let error = compile(wrong, &quick()).unwrap_err().to_string();
    for &pieces in ALL {
        assert!(stream(text, pieces, &quick()).result.unwrap() == expected);
        let outcome = stream(wrong, pieces, &quick());
        assert_eq!(outcome.result.unwrap_err().to_string(), error);
    }
}

/// Fails.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the line is dead"))
    }
}

#[test]
fn an_error_of_the_reader_is_passed_on() {
    let module = with_tables("");
    let reader = Cursor::new(&module[..module.len() - 3]).chain(Broken);
    let error = compile_from(reader, &quick(), (), Cursor::new(Vec::new())).unwrap_err();
    match error {
        Error::Read(error) => assert_eq!(error.to_string(), "the line is dead"),
        other => panic!("{other}"),
    }
}

/// Knows when it is gone.
struct Token(#[allow(dead_code, reason = "held for its count")] Arc<()>);

impl Observer for Token {}

#[test]
fn nothing_runs_after_a_compilation_is_dropped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let module = fs::read(root.join("examples/forth/forth.wasm")).unwrap();
    let token = Arc::new(());
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    // On a thread of the pool, its only one, and on another.
    pool.install(|| drop_in_the_middle(&module, &token));
    drop_in_the_middle(&module, &token);
    drop(pool);
}

fn drop_in_the_middle(module: &[u8], token: &Arc<()>) {
    let counter = Arc::new(Counter::default());
    let mut compiler = StreamCompiler::with_observer(&quick(), counter.clone()).unwrap();
    compiler.push(&module[..module.len() - 1]).unwrap();
    drop(compiler);
    let done = counter.done.load(Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(counter.done.load(Ordering::SeqCst), done);

    let mut compiler = StreamCompiler::with_observer(&quick(), Token(token.clone())).unwrap();
    compiler.push(&module[..module.len() / 2]).unwrap();
    drop(compiler);
    let start = Instant::now();
    while Arc::strong_count(token) > 1 {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "something is kept"
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_module_may_be_compiled_on_the_only_thread_of_the_pool() {
    let module = with_tables("");
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let result = pool.install(|| stream(&module, Pieces::Of(7), &quick()).result);
    assert!(result.unwrap() == compile(&module, &quick()).unwrap());
}
