//! Compiling while the module is still coming.
//!
//! Sections and function bodies are validated by whoever brings them, as soon
//! as they are complete: validation is cheap, and so an error shows at the first
//! bad byte, however much is left to compile. Code is generated in the
//! `background`, on the assumption that functions to come do nothing that the
//! ones so far have not done (see [`Whole`]). When the module is complete,
//! functions for which that was wrong are compiled again. So the artefact is the
//! one that [`compile`](crate::compile()) makes.

#[cfg(feature = "async")]
mod asynchronous;
mod background;

use std::io::{Read, Seek, Write};
use std::mem;
use std::sync::Arc;

use rayon::prelude::*;

#[cfg(feature = "async")]
pub use self::asynchronous::compile_async;
use self::background::{Background, Function};
use crate::backend::Backend;
use crate::cache::{Cache, Kept};
use crate::compile::{Generated, Made, assemble, binary, context};
use crate::error::{Error, Result};
use crate::functions::{Checker, Compiled, Worker};
use crate::module::{self, Intake, Wanted};
use crate::passes::{Usage, Whole};
use crate::traced::span;
use crate::translate::Context;
use crate::{Codegen, Observer, Options, Stage, compile_to};

/// A compilation of a module that comes piece by piece: the ahead-of-time
/// counterpart of `WebAssembly.compileStreaming()`.
///
/// ```
/// use std::io::Cursor;
/// use wasm_aot_compiler::StreamCompiler;
///
/// # fn main() -> Result<(), wasm_aot_compiler::Error> {
/// # let module = b"\0asm\x01\0\0\0";
/// let mut compiler = StreamCompiler::new(&Default::default())?;
/// for piece in module.chunks(3) {
///     compiler.push(piece)?; // functions in it are compiled from now on
/// }
/// let mut shared_object = Cursor::new(Vec::new());
/// compiler.finish(&mut shared_object)?;
/// # Ok(()) }
/// ```
///
/// Functions are compiled by the current rayon thread pool. Dropping a
/// `StreamCompiler` ends that: it waits for functions that a thread is in the
/// middle of and forgets the others.
pub struct StreamCompiler {
    options: Options,
    observer: Arc<dyn Observer + Send>,
    state: State,
    failed: bool,
}

enum State {
    /// The first bytes, too few to tell.
    Unknown(Vec<u8>),
    /// In text format, which is compiled when it is complete.
    Text {
        bytes: Vec<u8>,
        /// How many of them are UTF-8.
        valid: usize,
    },
    Binary(Box<Stream>),
    /// In binary format, for a code generator that looks at all functions at a time.
    Whole(Vec<u8>),
}

impl StreamCompiler {
    /// Prepares to compile a module in binary or text format.
    ///
    /// # Errors
    ///
    /// [`Error::Options`].
    pub fn new(options: &Options) -> Result<StreamCompiler> {
        StreamCompiler::with_observer(options, ())
    }

    /// Like [`StreamCompiler::new`], and tells `observer` about it. To keep a
    /// part in it, pass an [`Arc`].
    ///
    /// # Errors
    ///
    /// [`Error::Options`].
    pub fn with_observer(
        options: &Options,
        observer: impl Observer + Send + 'static,
    ) -> Result<StreamCompiler> {
        Backend::new(options)?;
        Ok(StreamCompiler {
            options: options.clone(),
            observer: Arc::new(observer),
            state: State::Unknown(Vec::new()),
            failed: false,
        })
    }

    /// Takes the bytes that come next, as many or few as there are.
    ///
    /// Returns when they are validated, not when they are compiled.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] or [`Error::Unsupported`] if the bytes so far cannot
    /// be the beginning of a valid module, the same error that
    /// [`compile`](crate::compile()) gives. [`Error::Text`] if they are neither
    /// the binary nor the text format; other errors of the text format show when
    /// it is complete.
    ///
    /// # Panics
    ///
    /// After an error.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        assert!(!self.failed, "the compilation has failed");
        let result = match &mut self.state {
            State::Unknown(start) => {
                start.extend_from_slice(bytes);
                let start = mem::take(start);
                self.begin(start)
            }
            State::Text { bytes: text, valid } => {
                text.extend_from_slice(bytes);
                check_text(text, valid)
            }
            State::Binary(stream) => stream.push(bytes),
            State::Whole(module) => {
                module.extend_from_slice(bytes);
                Ok(())
            }
        };
        self.failed = result.is_err();
        result
    }

    /// Ends the module, and writes the artefact to `out` from its current
    /// position on. What is written is only an artefact if this succeeds.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    ///
    /// # Panics
    ///
    /// After an error.
    pub fn finish(self, out: impl Write + Seek) -> Result<()> {
        assert!(!self.failed, "the compilation has failed");
        match self.state {
            State::Unknown(bytes) | State::Text { bytes, .. } | State::Whole(bytes) => {
                compile_to(&bytes, &self.options, &self.observer, out)
            }
            State::Binary(stream) => stream.finish(&self.options, out),
        }
    }

    /// Finds out which format the module has, if that can be told from the
    /// `start` of it.
    fn begin(&mut self, start: Vec<u8>) -> Result<()> {
        if start.starts_with(MAGIC) && self.options.codegen()? == Codegen::Llvm {
            self.state = State::Whole(start);
            return Ok(());
        }
        if start.starts_with(MAGIC) {
            self.observer.stage(Stage::Parse);
            let stream = Stream::new(&self.options, self.observer.clone())?;
            self.state = State::Binary(Box::new(stream));
            return self.push(&start);
        }
        if MAGIC.starts_with(&start) {
            self.state = State::Unknown(start);
            return Ok(());
        }
        let mut valid = 0;
        check_text(&start, &mut valid)?;
        self.state = State::Text {
            bytes: start,
            valid,
        };
        Ok(())
    }
}

/// Checks that `text` is UTF-8, from `valid` on, as far as it can be told now.
fn check_text(text: &[u8], valid: &mut usize) -> Result<()> {
    *valid = match str::from_utf8(&text[*valid..]) {
        Ok(_) => text.len(),
        Err(error) if error.error_len().is_none() => *valid + error.valid_up_to(),
        Err(_) => return binary(text).map(drop),
    };
    Ok(())
}

/// Compiles what `module` brings while it comes, and writes the artefact to
/// `out` from its current position on.
///
/// The result is that of [`compile`](crate::compile()). An error in the module
/// is returned without reading on, but for what a read brought along.
///
/// # Errors
///
/// [`Error::Read`] if `module` fails, and see [`Error`].
pub fn compile_from(
    mut module: impl Read,
    options: &Options,
    observer: impl Observer + Send + 'static,
    out: impl Write + Seek,
) -> Result<()> {
    let mut compiler = StreamCompiler::with_observer(options, observer)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match module.read(&mut buffer) {
            Ok(0) => return compiler.finish(out),
            Ok(length) => compiler.push(&buffer[..length])?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Read(error)),
        }
    }
}

/// As much as a pipe holds, in bytes.
const BUFFER: usize = 64 << 10;

/// What every module in binary format starts with.
const MAGIC: &[u8] = b"\0asm";

/// A module in binary format that is coming.
struct Stream {
    intake: Intake<'static>,
    checker: Checker,
    /// What the functions so far do.
    usage: Usage,
    /// What follows from it. None before the first function.
    whole: Option<Arc<Whole>>,
    cache: Option<Cache>,
    background: Background,
}

impl Stream {
    fn new(options: &Options, observer: Arc<dyn Observer + Send>) -> Result<Stream> {
        Ok(Stream {
            intake: Intake::new(options.language(), Wanted::new(options)),
            checker: Checker::default(),
            usage: Usage::default(),
            whole: None,
            cache: options.cache.clone(),
            background: Background::new(Backend::new(options)?, observer),
        })
    }

    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let taken = self.intake.push(bytes);
        // An error in a function comes before one that follows it.
        let result = self.functions().and(taken);
        if result.is_err() {
            self.background.cancel();
        }
        result
    }

    /// Validates the bodies that have come, and has them compiled.
    fn functions(&mut self) -> Result<()> {
        let ready = self.intake.ready();
        let Some((module, total)) = self.intake.environment() else {
            return Ok(());
        };
        if self.whole.is_none() {
            self.background.expect(total as usize);
            if let Some(cache) = &self.cache {
                let kept = Kept::open(cache, self.background.backend(), module);
                self.background.look_in(kept);
            }
        }
        let mut usage = Usage::default();
        let mut bodies = Vec::with_capacity(ready.len());
        for body in ready {
            let body = self.checker.check(module, body, &mut usage);
            bodies.push(body.map_err(|refused| self.intake.refuse(refused))?);
        }
        let known = self.whole.take();
        let known = known.filter(|whole| whole.allows(&usage));
        self.usage.extend(usage);
        let whole = known.unwrap_or_else(|| Arc::new(Whole::new(module, &self.usage)));
        for body in bodies {
            self.background.submit(module, &whole, body);
        }
        self.whole = Some(whole);
        Ok(())
    }

    fn finish(self: Box<Self>, options: &Options, out: impl Write + Seek) -> Result<()> {
        span!(INFO, "compile", emit = options.emit.as_str());
        let Stream {
            intake,
            usage,
            whole: assumed,
            background,
            ..
        } = *self;
        let module::Read { module, contents } = intake.finish()?;
        if assumed.is_none() {
            background.expect(0);
        }
        let whole = Whole::new(&module, &usage);
        let (backend, observer) = (background.backend(), background.observer());
        let cx = context(&module, &whole, backend, background.kept());
        let functions = settle(background.wait(), &cx, backend, observer)?;
        let generated = Generated {
            functions,
            others: Vec::new(),
            objects: Vec::new(),
        };
        let made = Made {
            cx: &cx,
            contents: &contents,
            generated,
        };
        assemble(options, backend, observer, made, None, out)
    }
}

/// Compiles those of `functions` again for which wrong assumptions were made. Of
/// several errors, the first is returned.
fn settle(
    functions: Vec<Function>,
    cx: &Context<'_>,
    backend: &Backend,
    observer: &dyn Observer,
) -> Result<Vec<Compiled>> {
    let confirmed = |function: &Function| match &function.compiled {
        Ok(compiled) => cx.whole.confirms(&compiled.facts),
        // It may be another one without the assumptions.
        Err(_) => false,
    };
    let mut functions = functions;
    let mut wrong: Vec<&mut Function> = functions
        .iter_mut()
        .filter(|function| !confirmed(function))
        .collect();
    observer.again(wrong.len());
    wrong
        .par_iter_mut()
        .for_each_init(Worker::new, |worker, function| {
            let body = function.body.take().expect("its code relies on something");
            function.compiled = worker.compile(cx, backend, &body);
        });
    functions
        .into_iter()
        .map(|function| function.compiled)
        .collect()
}
