//! The pipeline.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Cursor, Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cranelift_codegen::ir::{Function, Signature, UserFuncName};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilderContext;
use rayon::prelude::*;
use wasm_aot_abi::Tunables;

use crate::abi::Symbol;
use crate::backend::{Backend, Code};
use crate::cache::{Kept, Key};
use crate::debug::Locations;
use crate::error::{Error, Result};
use crate::functions::{Checker, Compiled, Worker};
use crate::image::Image;
use crate::layout::DebugSection;
use crate::metadata::Parts;
use crate::module::{Body, Contents, Intake, Module, Read, Wanted};
use crate::options::Polls;
use crate::passes::{Usage, Whole};
use crate::text::Text;
use crate::traced::span;
use crate::trampoline::Export;
use crate::translate::{self, Context};
use crate::{Features, Options, debug, emit, trampoline};

/// The stages of a compilation, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading and validating everything but function bodies.
    Parse,
    /// Validating function bodies and analysing the module as a whole. Not a
    /// stage of its own for a module that comes as a stream: there it happens
    /// while functions are compiled.
    Analyse,
    /// Compiling functions.
    Generate,
    /// Placing code and describing the module.
    Layout,
    /// Writing the artefact.
    Write,
}

impl Stage {
    /// Its name, in small letters.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Parse => "parse",
            Stage::Analyse => "analyse",
            Stage::Generate => "generate",
            Stage::Layout => "layout",
            Stage::Write => "write",
        }
    }
}

/// Is told how far a compilation is, from any thread.
///
/// ```
/// use std::io::Cursor;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use wasm_aot_compiler::{Observer, compile_to};
///
/// #[derive(Default)]
/// struct Count(AtomicUsize);
///
/// impl Observer for Count {
///     fn functions(&self, done: usize, _total: usize) {
///         self.0.fetch_max(done, Ordering::Relaxed);
///     }
/// }
///
/// let count = Count::default();
/// let mut out = Cursor::new(Vec::new());
/// compile_to(b"(module (func) (func))", &Default::default(), &count, &mut out)?;
/// assert_eq!(count.0.into_inner(), 2);
/// # Ok::<(), wasm_aot_compiler::Error>(())
/// ```
pub trait Observer: Sync {
    /// `stage` begins, and the one before has ended.
    fn stage(&self, stage: Stage) {
        let _ = stage;
    }

    /// Of the module's functions, so many are compiled.
    fn functions(&self, done: usize, total: usize) {
        let _ = (done, total);
    }

    /// The module has come as a stream and is complete now: so many functions
    /// have to be compiled again, as others that came later changed what was
    /// known of the module.
    fn again(&self, functions: usize) {
        let _ = functions;
    }

    /// Of the module's functions, so many are in the [cache](crate::Options::cache).
    fn cached(&self, functions: usize, total: usize) {
        let _ = (functions, total);
    }

    /// Something is not as it should be, or could not be done as it was asked for, and
    /// the artefact is good without it.
    fn warning(&self, message: &str) {
        let _ = message;
    }
}

/// Looks away.
impl Observer for () {}

impl<O: Observer + Send + ?Sized> Observer for Arc<O> {
    fn stage(&self, stage: Stage) {
        (**self).stage(stage);
    }

    fn functions(&self, done: usize, total: usize) {
        (**self).functions(done, total);
    }

    fn again(&self, functions: usize) {
        (**self).again(functions);
    }

    fn cached(&self, functions: usize, total: usize) {
        (**self).cached(functions, total);
    }

    fn warning(&self, message: &str) {
        (**self).warning(message);
    }
}

/// Compiles a module in binary or text format to what `options` ask for, a shared
/// object by default.
///
/// The result depends on nothing but the arguments: neither on the number of
/// threads nor on the directory.
///
/// # Errors
///
/// See [`Error`].
///
/// ```
/// let artefact = wasm_aot_compiler::compile(b"(module)", &Default::default())?;
/// assert!(artefact.starts_with(b"\x7fELF"));
/// # Ok::<(), wasm_aot_compiler::Error>(())
/// ```
pub fn compile(module: &[u8], options: &Options) -> Result<Vec<u8>> {
    let mut out = Cursor::new(Vec::new());
    compile_to(module, options, &(), &mut out)?;
    Ok(out.into_inner())
}

/// Like [`compile()`], but writes to `out` from its current position on and
/// tells `observer` about it. What is written is only an artefact if this
/// succeeds.
///
/// # Errors
///
/// See [`Error`].
pub fn compile_to(
    module: &[u8],
    options: &Options,
    observer: &impl Observer,
    out: impl Write + Seek,
) -> Result<()> {
    compile_and_look(module, options, observer, None, out)
}

/// Who wants to see the machine code when it is placed, with what it comes from.
pub(crate) type Look<'a> = Option<&'a mut dyn FnMut(&Text)>;

/// As [`compile_to`], with somebody to `look`.
pub(crate) fn compile_and_look(
    module: &[u8],
    options: &Options,
    observer: &impl Observer,
    look: Look<'_>,
    out: impl Write + Seek,
) -> Result<()> {
    span!(
        INFO,
        "compile",
        bytes = module.len(),
        emit = options.emit.as_str()
    );
    let wasm = binary(module)?;
    let mut backend = Backend::new(options)?;
    backend.origins |= look.is_some();

    let mut intake = Intake::new(options.language(), Wanted::new(options));
    let taken = during(Stage::Parse, observer, || intake.take(&wasm));
    let (bodies, usage, Read { module, contents }) = during(Stage::Analyse, observer, || {
        // Of several errors, the one that comes first in the module is returned.
        let (bodies, usage) = check(&mut intake)?;
        taken?;
        Ok::<_, Error>((bodies, usage, intake.finish()?))
    })?;
    let whole = Whole::new(&module, &usage);

    let kept = options
        .cache
        .as_ref()
        .map(|cache| Kept::open(cache, &backend, &module));
    let cx = context(&module, &whole, &backend, kept.as_ref());
    let generated = during(Stage::Generate, observer, || {
        generate(&cx, &backend, &bodies, observer)
    })?;
    let made = Made {
        cx: &cx,
        contents: &contents,
        generated,
    };
    assemble(options, &backend, observer, made, look, out)
}

/// The machine code of a module.
pub(crate) struct Generated {
    /// In order.
    pub(crate) functions: Vec<Compiled>,
    /// What else functions refer to, in order.
    pub(crate) others: Vec<(Symbol, Code)>,
    /// What the code of functions was read from, if not each has its own.
    pub(crate) objects: Vec<Object>,
}

/// An object file with the code of functions.
pub(crate) struct Object {
    /// What it follows from.
    pub(crate) key: Key,
    pub(crate) bytes: Vec<u8>,
    /// Whether it was kept, and not made now.
    pub(crate) is_kept: bool,
}

/// What an artefact is made of.
pub(crate) struct Made<'a> {
    pub(crate) cx: &'a Context<'a>,
    pub(crate) contents: &'a Contents<'a>,
    pub(crate) generated: Generated,
}

/// Makes an artefact of the compiled functions, which are in order. Shows `look` the
/// machine code when it is placed.
pub(crate) fn assemble(
    options: &Options,
    backend: &Backend,
    observer: &(impl Observer + ?Sized),
    made: Made<'_>,
    look: Look<'_>,
    out: impl Write + Seek,
) -> Result<()> {
    let Made {
        cx,
        contents,
        generated,
    } = made;
    if let Some(kept) = cx.kept {
        keep(kept, &generated, contents, observer);
    }
    let Generated {
        mut functions,
        others,
        ..
    } = generated;
    let mut trampolines = trampolines(cx, backend, &mut functions)?;
    trampolines.extend(others);

    let layout = during(Stage::Layout, observer, || {
        let functions = (cx.module.imported_functions..)
            .zip(functions)
            .map(|(index, function)| (Symbol::Function(index), function.code))
            .collect();
        let text = Text::new(cx, backend, functions, trampolines)?;
        if let Some(look) = look {
            look(&text);
        }
        let debug = debug(options, observer, cx, contents, &text);
        Parts {
            options,
            backend,
            cx,
            contents,
            image: Image::new(cx.module, contents),
            text,
            debug,
        }
        .into_layout()
    })?;
    during(Stage::Write, observer, || {
        emit::write(&layout, options.emit, out)
    })
}

/// Does `work`, which is a stage of a compilation.
fn during<T>(stage: Stage, observer: &(impl Observer + ?Sized), work: impl FnOnce() -> T) -> T {
    observer.stage(stage);
    span!(DEBUG, "stage", name = stage.as_str());
    work()
}

/// The debug information that is asked for. If there is none, that is a warning: the
/// code is as good without.
fn debug(
    options: &Options,
    observer: &(impl Observer + ?Sized),
    cx: &Context<'_>,
    contents: &Contents<'_>,
    text: &Text,
) -> Vec<DebugSection> {
    if !options.debug {
        return Vec::new();
    }
    let memory = cx.whole.vmctx.memories.first().copied();
    let locations = Locations::new(options.cpu.target().architecture(), memory);
    debug::translate(contents, text, locations).unwrap_or_else(|problem| {
        observer.warning(&problem.to_string());
        Vec::new()
    })
}

/// Keeps what has been made for the next time.
fn keep(
    kept: &Kept,
    made: &Generated,
    contents: &Contents<'_>,
    observer: &(impl Observer + ?Sized),
) {
    let functions = made.functions.iter();
    let found = functions.filter(|function| function.is_kept).count();
    observer.cached(found, made.functions.len());
    if let Err(error) = kept.keep(made, contents) {
        observer.warning(&format!("the cache cannot be written: {error}"));
    }
}

/// Checks that a module in binary or text format is valid with `features`.
///
/// # Errors
///
/// [`Error::Text`], [`Error::Invalid`] or [`Error::Unsupported`].
///
/// ```
/// use wasm_aot_compiler::{Features, validate};
///
/// assert!(validate(b"(module (func (result i32) i32.const 1))", Features::v2()).is_ok());
/// assert!(validate(b"(module (func (result i32)))", Features::v2()).is_err());
/// ```
pub fn validate(module: &[u8], features: Features) -> Result<()> {
    let wasm = binary(module)?;
    let mut intake = Intake::new(features, Wanted::default());
    let taken = intake.take(&wasm);
    check(&mut intake)?;
    taken?;
    intake.finish().map(drop)
}

/// The intermediate code of the functions that a module defines, in order, as it
/// goes to the code generator: the text format of Cranelift, for people to read.
/// It may look different in every version. Each instruction starts with its
/// offset in the binary, and `u0:N` is function `N` of the module.
///
/// # Errors
///
/// See [`Error`].
pub fn clif(module: &[u8], options: &Options) -> Result<String> {
    let functions = clif_of(module, options, |_| true)?;
    let texts = functions.into_iter().map(|(_, text)| text + "\n");
    Ok(texts.collect())
}

/// As [`clif`], of the functions with the indices that are `wanted`, each with its own.
///
/// # Errors
///
/// See [`Error`].
pub fn clif_of(
    module: &[u8],
    options: &Options,
    wanted: impl Fn(u32) -> bool,
) -> Result<Vec<(u32, String)>> {
    let wasm = binary(module)?;
    let backend = Backend::new(options)?;
    let mut intake = Intake::new(options.language(), Wanted::default());
    let taken = intake.take(&wasm);
    let (bodies, usage) = check(&mut intake)?;
    taken?;
    let Read { module, .. } = intake.finish()?;
    let whole = Whole::new(&module, &usage);
    let cx = context(&module, &whole, &backend, None);
    let mut scratch = FunctionBuilderContext::new();
    let mut texts = Vec::new();
    for body in bodies.iter().filter(|body| wanted(body.index)) {
        let symbol = Symbol::Function(body.index);
        let mut func = Function::with_name_signature(
            UserFuncName::User(symbol.into()),
            Signature::new(CallConv::Tail),
        );
        translate::translate(&cx, body, &mut scratch, &mut func)?;
        texts.push((body.index, func.to_string()));
    }
    Ok(texts)
}

/// What functions are compiled with.
pub(crate) fn context<'m>(
    module: &'m Module,
    whole: &'m Whole,
    backend: &'m Backend,
    kept: Option<&'m Kept>,
) -> Context<'m> {
    Context {
        module,
        whole,
        tunables: TUNABLES,
        relaxed: backend.relaxed,
        polls: backend.polls,
        fuel: backend.fuel,
        spectre_guards: backend.spectre_guards,
        signals: backend.signals,
        guarded: false,
        keeps_locals: backend.keeps_locals,
        isa: backend.isa(),
        kept,
    }
}

/// What compiled code relies on: behind every memory lie 4 GiB that 32-bit indices
/// can reach, and a guard that covers the constant offsets that occur
/// in practice.
const TUNABLES: Tunables = Tunables {
    memory_reservation: 4 << 30,
    memory_guard: 32 << 20,
};

/// The binary format, whichever format `module` has.
pub(crate) fn binary(module: &[u8]) -> Result<Cow<'_, [u8]>> {
    wat::parse_bytes(module).map_err(|error| Error::Text(error.to_string()))
}

/// Validates all bodies that have come in. Of several errors, the first is
/// returned.
fn check<'a>(intake: &mut Intake<'a>) -> Result<(Vec<Body<'a>>, Usage)> {
    let ready = intake.ready();
    let mut bodies = Vec::with_capacity(ready.len());
    let mut all = Usage::default();
    let Some((module, _)) = intake.environment() else {
        return Ok((bodies, all));
    };
    let checked: Vec<_> = ready
        .into_par_iter()
        .map_init(Checker::default, |checker, body| {
            let mut usage = Usage::default();
            let body = checker.check(module, body, &mut usage)?;
            Ok((body, usage))
        })
        .collect();
    for result in checked {
        let (body, usage) = result.map_err(|refused| intake.refuse(refused))?;
        bodies.push(body);
        all.extend(usage);
    }
    Ok((bodies, all))
}

/// Compiles all functions with the code generator that is chosen.
fn generate(
    cx: &Context<'_>,
    backend: &Backend,
    bodies: &[Body<'_>],
    observer: &impl Observer,
) -> Result<Generated> {
    match backend.codegen {
        #[cfg(feature = "llvm")]
        crate::Codegen::Llvm => crate::llvm::functions(cx, backend, bodies, observer),
        _ => Ok(Generated {
            functions: functions(cx, backend, bodies, observer)?,
            others: Vec::new(),
            objects: Vec::new(),
        }),
    }
}

/// Compiles all functions. Of several errors, the first is returned.
fn functions(
    cx: &Context<'_>,
    backend: &Backend,
    bodies: &[Body<'_>],
    observer: &impl Observer,
) -> Result<Vec<Compiled>> {
    let total = bodies.len();
    let done = AtomicUsize::new(0);
    observer.functions(0, total);
    let results: Vec<Result<_>> = bodies
        .par_iter()
        .map_init(Worker::new, |worker, body| {
            let compiled = worker.compile(cx, backend, body)?;
            observer.functions(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            Ok(compiled)
        })
        .collect();
    results.into_iter().collect()
}

/// Compiles the code between wasm and C, in the order of [`Symbol`].
fn trampolines(
    cx: &Context<'_>,
    backend: &Backend,
    functions: &mut [Compiled],
) -> Result<Vec<(Symbol, Code)>> {
    let module = cx.module;
    let mut direct: BTreeMap<u32, Code> = (module.imported_functions..)
        .zip(functions.iter_mut())
        .filter_map(|(index, function)| Some((index, function.direct.take()?)))
        .collect();
    let entered: Vec<u32> = direct
        .iter()
        .filter(|(_, code)| !code.relocations.is_empty())
        .map(|(&index, _)| index)
        .collect();
    // Neither traps nor calls.
    let returns = |function: u32| {
        let defined = module.defined_function(function)?;
        functions[defined].code.sites.is_empty().then_some(())
    };
    let entries = cx
        .whole
        .escapes
        .entry_types(module)
        .into_iter()
        .map(Symbol::Entry);
    let exits = cx.whole.escapes.exit_types().map(Symbol::Exit);
    let asks = backend.polls == Polls::Call;
    let calls = [
        (cx.whole.throws, Symbol::Throw),
        (!cx.signals, Symbol::Trap(0)),
        (asks, Symbol::Interrupted),
    ];
    let calls = calls
        .into_iter()
        .filter_map(|(is_there, symbol)| is_there.then_some(symbol));
    let typed = cx.whole.exported.iter().copied().map(Symbol::Typed);
    let entered = entered.into_iter().map(Symbol::Entered);
    let mut codegen = cranelift_codegen::Context::new();
    let mut scratch = FunctionBuilderContext::new();
    entries
        .chain(exits)
        .chain(typed)
        .chain(entered)
        .chain(calls)
        .map(|symbol| {
            if let Symbol::Typed(index) = symbol
                && let Some(code) = direct.remove(&index)
            {
                return Ok((symbol, code));
            }
            codegen.clear();
            let (scratch, func) = (&mut scratch, &mut codegen.func);
            let ty = |index: u32| &module.types[index as usize];
            match symbol {
                Symbol::Entry(index) => trampoline::entry(ty(index), cx.isa, scratch, func),
                Symbol::Exit(index) => trampoline::exit(ty(index), cx.isa, scratch, func),
                Symbol::Typed(index) | Symbol::Entered(index) => {
                    let imported = &cx.whole.vmctx.functions;
                    let callee = match imported.get(index as usize) {
                        Some(&slot) => Export::Imported(slot),
                        None if returns(index).is_some() => Export::Returning(index),
                        None => Export::Defined(index),
                    };
                    let ty = module.function_type(index);
                    trampoline::typed(ty, callee, cx.isa, scratch, func);
                }
                Symbol::Throw => trampoline::throw(cx.isa, scratch, func),
                Symbol::Trap(_) => trampoline::trap(cx.isa, scratch, func),
                Symbol::Interrupted => trampoline::interrupted(cx.isa, scratch, func),
                Symbol::Function(_)
                | Symbol::Table(_)
                | Symbol::Leave(_)
                | Symbol::Constants(_) => unreachable!("no trampoline"),
            }
            let code = backend
                .compile(&mut codegen)
                .map_err(|message| Error::Trampoline { message })?;
            Ok((symbol, code))
        })
        .collect()
}
