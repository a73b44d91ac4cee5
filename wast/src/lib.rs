//! Runs the scripts (`.wast`) of the WebAssembly specification's test suite.
//!
//! Every module of a script is compiled to an artefact in memory, loaded and
//! instantiated, and every command of the script is carried out on the
//! instances: what passes has gone the way of any program.
//!
//! ```
//! let script = r#"
//!     (module (func (export "inc") (param i32) (result i32)
//!         (i32.add (local.get 0) (i32.const 1))))
//!     (assert_return (invoke "inc" (i32.const 1)) (i32.const 2))
//!     (assert_return (invoke "inc" (i32.const 1)) (i32.const 3))
//! "#;
//! let mut failures = Vec::new();
//! let summary = wasm_aot_wast::run(script, &Default::default(), |failure| {
//!     failures.push(failure.to_string());
//! });
//! assert_eq!(summary.to_string(), "2 passed, 1 failed");
//! assert_eq!(failures, ["5:6: expected (i32.const 3), found (i32.const 2)"]);
//! ```
//!
//! How strict the assertions are: `assert_trap`, `assert_exhaustion` and
//! `assert_unlinkable` compare texts as the reference interpreter does (see
//! [`run`]). `assert_invalid` and `assert_malformed` only ask for a refusal by
//! the compiler, as the texts there are those of the reference interpreter.
#![forbid(unsafe_code)]

mod compare;
mod script;
mod spectest;
mod values;

use std::any::Any;
use std::fmt;
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};

use wasm_aot_compiler::Options;
use wasm_aot_loader::{BoxError, Module};
use wast::Wast;
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Span;

use crate::script::Script;

/// Opens what the compiler has written.
pub type Open<'a> = dyn Fn(&[u8]) -> Result<Module, BoxError> + 'a;

/// How many commands of a script did what they should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Commands that did.
    pub passed: usize,
    /// Commands that did not.
    pub failed: usize,
}

/// `2 passed, 1 failed`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Summary) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// A command that did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Line of the command, from 1.
    pub line: usize,
    /// Column of the command, from 1.
    pub column: usize,
    /// What was expected and what happened.
    pub message: String,
}

/// `line:column: message`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// Runs a script, and tells `report` about each command that fails, in order.
///
/// Modules are compiled as `options` say. A command that fails, even by a panic
/// of the compiler or loader, does not keep the ones after it from being run; a
/// script that cannot be parsed counts as one command that failed.
///
/// The text of a trap or link error must begin with the expected one. The
/// expected one may add the index of a table element, as the reference
/// interpreter does.
pub fn run(source: &str, options: &Options, report: impl FnMut(Failure)) -> Summary {
    let open = |artefact: &[u8]| Ok(Module::from_bytes(artefact)?);
    run_with(source, options, &open, report)
}

/// As [`run`], with another way from what the compiler has written, which is what
/// `options` ask for, to a module.
pub fn run_with(
    source: &str,
    options: &Options,
    open: &Open<'_>,
    mut report: impl FnMut(Failure),
) -> Summary {
    let mut fail = |span: Span, message: String| {
        let (line, column) = span.linecol_in(source);
        report(Failure {
            line: line + 1,
            column: column + 1,
            message,
        });
    };

    // Names that look like others are among what the suite tests.
    let mut lexer = Lexer::new(source);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer);
    let parsed = match &buffer {
        Ok(buffer) => parser::parse::<Wast<'_>>(buffer).map_err(|e| (e.span(), e.message())),
        Err(error) => Err((error.span(), error.message())),
    };
    let directives = match parsed {
        Ok(Wast { directives }) => directives,
        Err((span, message)) => {
            fail(span, message);
            return Summary {
                passed: 0,
                failed: 1,
            };
        }
    };

    let mut script = Script::new(options, open);
    let mut summary = Summary::default();
    for directive in directives {
        let span = directive.span();
        let run = AssertUnwindSafe(|| script.run(directive));
        match catch_unwind(run).unwrap_or_else(|panic| Err(describe(&*panic))) {
            Ok(()) => summary.passed += 1,
            Err(message) => {
                fail(span, message);
                summary.failed += 1;
            }
        }
    }
    summary
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "of unknown kind",
    };
    format!("panic: {text}")
}
