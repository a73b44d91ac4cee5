//! The pipeline.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{Cursor, Seek, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use cranelift_codegen::ir::{Function, Signature, UserFuncName};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilderContext;
use rayon::prelude::*;
use wasm_aot_abi::Tunables;

use crate::abi::{Symbol, Vmctx};
use crate::backend::{Backend, Code};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::metadata::Parts;
use crate::module::Module;
use crate::passes::{Escapes, Usage};
use crate::text::Text;
use crate::translate::{self, Context, Scratch};
use crate::{Features, Options, emit, trampoline};

/// The stages of a compilation, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading and validating everything but function bodies.
    Parse,
    /// Analysing the module as a whole.
    Analyse,
    /// Validating, translating and compiling functions.
    Generate,
    /// Placing code and describing the module.
    Layout,
    /// Writing the artefact.
    Write,
}

/// Is told how far a compilation is, from any thread.
pub trait Observer: Sync {
    /// `stage` begins, and the one before has ended.
    fn stage(&self, stage: Stage) {
        let _ = stage;
    }

    /// Of the module's functions, so many are compiled.
    fn functions(&self, done: usize, total: usize) {
        let _ = (done, total);
    }
}

/// Looks away.
impl Observer for () {}

/// Compiles a module in binary or text format to what `options` ask for, a shared
/// object by default.
///
/// The result depends on nothing but the arguments: neither on the number of
/// threads nor on the directory.
///
/// # Errors
///
/// See [`Error`].
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
    let wasm = binary(module)?;
    let backend = Backend::new(options)?;

    observer.stage(Stage::Parse);
    let module = Module::parse(&wasm, options.features, &options.keep_custom)
        .map_err(|error| options.features.blame(&wasm, error))?;

    observer.stage(Stage::Analyse);
    let analysis = Analysis::new(&module);
    let image = Image::new(&module);
    let cx = analysis.context(&module, &backend);

    observer.stage(Stage::Generate);
    let functions =
        functions(&cx, &backend, observer).map_err(|error| options.features.blame(&wasm, error))?;
    let trampolines = trampolines(&cx, &backend)?;

    observer.stage(Stage::Layout);
    let text = Text::new(&cx, &backend, functions, trampolines)?;
    let layout = Parts {
        wasm: &wasm,
        options,
        backend: &backend,
        cx: &cx,
        image,
        text,
    }
    .into_layout()?;

    observer.stage(Stage::Write);
    emit::write(&layout, options.emit, out)
}

/// Checks that a module in binary or text format is valid with `features`.
///
/// # Errors
///
/// [`Error::Text`], [`Error::Invalid`] or [`Error::Unsupported`].
pub fn validate(module: &[u8], features: Features) -> Result<()> {
    let wasm = binary(module)?;
    let module =
        Module::parse(&wasm, features, &[]).map_err(|error| features.blame(&wasm, error))?;
    module
        .bodies
        .par_iter()
        .map(|body| Ok(body.validator(Default::default()).validate(&body.code)?))
        .find_first(Result::is_err)
        .unwrap_or(Ok(()))
        .map_err(|error| features.blame(&wasm, error))
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
    let wasm = binary(module)?;
    let backend = Backend::new(options)?;
    let blame = |error| options.features.blame(&wasm, error);
    let module = Module::parse(&wasm, options.features, &[]).map_err(blame)?;
    let analysis = Analysis::new(&module);
    let cx = analysis.context(&module, &backend);
    let mut scratch = Scratch::default();
    let mut text = String::new();
    for (index, body) in (module.imported_functions..).zip(&module.bodies) {
        let symbol = Symbol::Function(index);
        let mut func = Function::with_name_signature(
            UserFuncName::User(symbol.into()),
            Signature::new(CallConv::Tail),
        );
        translate::translate(&cx, index, body, &mut scratch, &mut func).map_err(blame)?;
        writeln!(text, "{func}").expect("a string takes everything");
    }
    Ok(text)
}

/// What is found out about a module as a whole.
struct Analysis {
    escapes: Escapes,
    vmctx: Vmctx,
}

impl Analysis {
    fn new(module: &Module<'_>) -> Analysis {
        let usage = Usage::scan(module);
        let escapes = Escapes::new(module, &usage);
        let vmctx = Vmctx::new(module, &escapes);
        Analysis { escapes, vmctx }
    }

    fn context<'m>(&'m self, module: &'m Module<'m>, backend: &'m Backend) -> Context<'m> {
        Context {
            module,
            escapes: &self.escapes,
            vmctx: &self.vmctx,
            tunables: TUNABLES,
            isa: backend.isa(),
        }
    }
}

/// What compiled code relies on: behind every 32-bit memory lie 4 GiB that its
/// indices can reach, and a guard that covers the constant offsets that occur
/// in practice.
const TUNABLES: Tunables = Tunables {
    memory_reservation: 4 << 30,
    memory_guard: 32 << 20,
};

/// The binary format, whichever format `module` has.
pub(crate) fn binary(module: &[u8]) -> Result<Cow<'_, [u8]>> {
    wat::parse_bytes(module).map_err(|error| Error::Text(error.to_string()))
}

/// Compiles every function that the module defines. Of several errors, the one
/// that comes first in the module is returned.
fn functions(
    cx: &Context<'_>,
    backend: &Backend,
    observer: &impl Observer,
) -> Result<Vec<(Symbol, Code)>> {
    let total = cx.module.bodies.len();
    let done = AtomicUsize::new(0);
    observer.functions(0, total);
    let results: Vec<Result<_>> = cx
        .module
        .bodies
        .par_iter()
        .enumerate()
        .map_init(Worker::new, |worker, (defined, body)| {
            let index = cx.module.imported_functions + defined as u32;
            worker.codegen.clear();
            translate::translate(
                cx,
                index,
                body,
                &mut worker.scratch,
                &mut worker.codegen.func,
            )?;
            let code = backend
                .compile(&mut worker.codegen)
                .map_err(|message| Error::Codegen {
                    function: index,
                    message,
                })?;
            observer.functions(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            Ok((Symbol::Function(index), code))
        })
        .collect();
    results.into_iter().collect()
}

/// Compiles the code between wasm and C, in the order of [`Symbol`].
fn trampolines(cx: &Context<'_>, backend: &Backend) -> Result<Vec<(Symbol, Code)>> {
    let module = cx.module;
    let entries = cx
        .escapes
        .entry_types(module)
        .into_iter()
        .map(Symbol::Entry);
    let exits = cx.escapes.exit_types().map(Symbol::Exit);
    let typed = module.exported_functions().into_iter().map(Symbol::Typed);
    let mut codegen = cranelift_codegen::Context::new();
    let mut scratch = FunctionBuilderContext::new();
    entries
        .chain(exits)
        .chain(typed)
        .map(|symbol| {
            codegen.clear();
            let (scratch, func) = (&mut scratch, &mut codegen.func);
            let ty = |index: u32| &module.types[index as usize];
            match symbol {
                Symbol::Entry(index) => trampoline::entry(ty(index), cx.isa, scratch, func),
                Symbol::Exit(index) => trampoline::exit(ty(index), cx.isa, scratch, func),
                Symbol::Typed(index) => {
                    let import = cx.vmctx.functions.get(index as usize).copied();
                    let ty = module.function_type(index);
                    trampoline::typed(ty, index, import, cx.isa, scratch, func);
                }
                Symbol::Function(_) | Symbol::Table(_) => unreachable!("no trampoline"),
            }
            let code = backend
                .compile(&mut codegen)
                .map_err(|message| Error::Trampoline { message })?;
            Ok((symbol, code))
        })
        .collect()
}

/// What one thread keeps from function to function.
struct Worker {
    codegen: cranelift_codegen::Context,
    scratch: Scratch,
}

impl Worker {
    fn new() -> Worker {
        Worker {
            codegen: cranelift_codegen::Context::new(),
            scratch: Scratch::default(),
        }
    }
}
