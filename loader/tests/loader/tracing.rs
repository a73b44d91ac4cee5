//! Spans of `tracing`, in processes of their own: whether one is wanted is remembered for
//! all threads.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use wasm_aot_loader::{Imports, Instance, Module, OpenOptions, Store, TrapCode, Verify};

use crate::support::{artefact, isolated_ok, run, trap_code};

/// Writes down what is entered, left and said, indented.
#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Log {
    fn push(&self, depth: usize, line: &str) {
        let line = format!("{}{line}", "  ".repeat(depth));
        self.lines.lock().unwrap().push(line);
    }
}

/// Fields as text.
#[derive(Default)]
struct Fields(String);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Log {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        context: Context<'_, S>,
    ) {
        let metadata = attributes.metadata();
        // The compiler has spans, too, if it is built together with something that asks.
        if !metadata.target().starts_with("wasm_aot_loader") {
            return;
        }
        let depth = context
            .lookup_current()
            .map_or(0, |span| span.scope().count());
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let (level, name) = (metadata.level(), metadata.name());
        self.push(depth, &format!("{level} {name}{}", fields.0));
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let depth = context
            .lookup_current()
            .map_or(0, |span| span.scope().count());
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.push(depth, fields.0.trim_start());
    }
}

/// What is traced while `act` runs.
fn traced(act: impl FnOnce()) -> Vec<String> {
    let log = Log::default();
    let subscriber = tracing_subscriber::registry().with(log.clone());
    tracing::subscriber::with_default(subscriber, act);
    let lines = log.lines.lock().unwrap();
    lines.clone()
}

const WAT: &str = r#"(module $app
  (import "h" "f" (func $f))
  (func $start (call $f))
  (start $start)
  (func $inner unreachable)
  (func (export "run") (call $inner)))"#;

#[test]
fn opening_instantiating_and_trapping_have_spans() {
    let test = "tracing::opening_instantiating_and_trapping_have_spans";
    isolated_ok(test, opening_instantiating_and_trapping);
}

fn opening_instantiating_and_trapping() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.so");
    let bytes = artefact(WAT);
    std::fs::write(&path, &bytes).unwrap();
    let lines = traced(|| {
        let module = OpenOptions::new()
            .verify(Verify::Cached)
            .open(&path)
            .unwrap();
        let mut imports = Imports::new();
        // What the start function leads to is inside.
        let other = bytes.clone();
        imports.func("h", "f", move || drop(Module::from_bytes(&other).unwrap()));
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &module, &imports).unwrap();
        let code = trap_code(run(&mut store, instance, "run"));
        assert_eq!(code, TrapCode::Unreachable);
    });
    let opened = format!("INFO open path={} verify=Cached", path.display());
    assert_eq!(lines[0], opened);
    assert_eq!(lines[1], "DEBUG instantiate module=\"app\"");
    let inner = format!("  INFO open bytes={} verify=Full", bytes.len());
    assert_eq!(lines[2], inner);
    let trap = "DEBUG trap code=Unreachable module=\"app\" function=\"inner\" offset=";
    assert!(lines[3].starts_with(trap), "{}", lines[3]);
    let message = "  message=unreachable\n";
    assert!(lines[4].starts_with(message), "{}", lines[4]);
    assert!(lines[4].contains("app!inner") && lines[4].contains("app!run"));
    assert_eq!(lines.len(), 5, "{lines:?}");
}

#[test]
fn a_trap_that_hosts_pass_on_is_traced_once() {
    let test = "tracing::a_trap_that_hosts_pass_on_is_traced_once";
    isolated_ok(test, pass_a_trap_on);
}

fn pass_a_trap_on() {
    let lines = traced(|| {
        let wat = r#"(module (import "h" "f" (func $f (param i32)))
          (func (export "run") (call $f (i32.const 3)))
          (func (export "again") (param $n i32)
            (if (local.get $n)
              (then (call $f (i32.sub (local.get $n) (i32.const 1))))
              (else (unreachable)))))"#;
        let mut imports = Imports::new();
        imports.func(
            "h",
            "f",
            |mut caller: wasm_aot_loader::Caller<'_>, n: i32| {
                let instance = caller.instance().unwrap();
                let again = instance.get_typed_func::<i32, ()>(&caller, "again")?;
                again.call(&mut caller, n)?;
                Ok::<_, wasm_aot_loader::BoxError>(())
            },
        );
        let mut store = Store::new();
        let instance = crate::support::add(&mut store, wat, &imports);
        trap_code(run(&mut store, instance, "run"));
    });
    let traps = lines.iter().filter(|line| line.contains("DEBUG trap"));
    assert_eq!(traps.count(), 1, "{lines:?}");
}
