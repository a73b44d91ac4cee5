//! Spans of `tracing`.

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use wasm_aot_compiler::{Options, StreamCompiler, compile};

/// What a subscriber writes.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Written;

    fn make_writer(&'a self) -> Written {
        self.clone()
    }
}

/// The spans in the order in which they are entered, with those around them.
fn traced(act: impl FnOnce()) -> Vec<String> {
    // Whether a span is wanted is remembered for all threads.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::ENTER)
        .without_time()
        .with_ansi(false)
        .with_writer(written.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, act);
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

const WAT: &[u8] = b"(module (func (export \"f\")) (func (export \"g\")))";

#[test]
fn a_compilation_has_a_span_with_its_stages_inside() {
    let lines = traced(|| drop(compile(WAT, &Options::default()).unwrap()));
    let stage = |name: &str| {
        let compile = format!("compile{{bytes={} emit=\"so\"}}", WAT.len());
        format!("DEBUG {compile}:stage{{name=\"{name}\"}}: wasm_aot_compiler::compile: enter")
    };
    let stages: Vec<_> = lines.iter().filter(|line| line.contains("DEBUG")).collect();
    let expected = ["parse", "analyse", "generate", "layout", "write"].map(stage);
    assert_eq!(stages, expected.iter().collect::<Vec<_>>());
    assert!(lines[0].starts_with("INFO compile{"), "{}", lines[0]);
}

#[test]
fn what_is_left_of_a_stream_has_a_span() {
    let wasm = wat::parse_bytes(WAT).unwrap();
    let lines = traced(|| {
        let mut compiler = StreamCompiler::new(&Options::default()).unwrap();
        compiler.push(&wasm).unwrap();
        compiler.finish(io::Cursor::new(Vec::new())).unwrap();
    });
    let spans: Vec<_> = lines
        .iter()
        .filter(|line| !line.contains("TRACE"))
        .collect();
    assert_eq!(spans.len(), 3, "{lines:?}");
    assert!(spans[0].starts_with("INFO compile{emit=\"so\"}"));
    assert!(spans[1].contains("stage{name=\"layout\"}"));
    assert!(spans[2].contains("stage{name=\"write\"}"));
}
