//! Traps, and where they happened.

use std::error::Error;
use std::fmt;

use wasm_aot_abi::TrapCode;

use crate::{FrameSymbol, Module};

/// WebAssembly code did what it must not (core, 4.3), or a host function said
/// so on its behalf. The instance and the store can be used on.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{CallError, Imports, Instance, Store, TrapCode};
///
/// let module = compile(r#"(module $math
///   (func $divide (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
///   (func $invert (export "invert") (param i32) (result i32)
///     (call $divide (i32.const 1) (local.get 0))))"#)?;
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
/// let invert = instance.get_typed_func::<i32, i32>(&store, "invert")?;
/// let Err(CallError::Trap(trap)) = invert.call(&mut store, 0) else {
///     panic!("one cannot divide by zero");
/// };
/// assert_eq!(trap.code(), TrapCode::IntegerDivisionByZero);
/// assert_eq!(trap.message(), "integer divide by zero");
/// let frames = trap.backtrace().frames();
/// assert_eq!(frames[0].func_name(), Some("divide"));
/// assert_eq!(frames[1].func_name(), Some("invert"));
/// assert!(frames[0].offset().is_some());
/// // All goes on.
/// assert_eq!(invert.call(&mut store, 1)?, 1);
/// # Ok(()) }
/// ```
pub struct Trap {
    inner: Box<Inner>,
}

struct Inner {
    code: TrapCode,
    backtrace: Backtrace,
}

impl Trap {
    pub(crate) fn new(code: TrapCode, backtrace: Backtrace) -> Trap {
        Trap {
            inner: Box::new(Inner { code, backtrace }),
        }
    }

    /// Why.
    pub fn code(&self) -> TrapCode {
        self.inner.code
    }

    /// The text that the specification's test suite has for the reason.
    pub fn message(&self) -> &'static str {
        self.inner.code.message()
    }

    /// The frames on the stack, youngest first. Empty if no code ran, as when an
    /// active segment does not fit.
    pub fn backtrace(&self) -> &Backtrace {
        &self.inner.backtrace
    }

    pub(crate) fn backtrace_mut(&mut self) -> &mut Backtrace {
        &mut self.inner.backtrace
    }
}

/// A trap that no code has led to yet. Returned by a host function, it gets the
/// backtrace of the call.
impl From<TrapCode> for Trap {
    fn from(code: TrapCode) -> Trap {
        Trap::new(code, Backtrace::default())
    }
}

impl Error for Trap {}

/// The message, then the backtrace, a frame a line.
impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())?;
        if self.backtrace().frames().is_empty() {
            return Ok(());
        }
        write!(f, "\n{}", self.backtrace())
    }
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trap")
            .field("code", &self.code())
            .field("backtrace", self.backtrace())
            .finish()
    }
}

/// WebAssembly frames, youngest first: of the call that ended, and of the calls
/// into the same store around it.
///
/// A deep stack is cut: its youngest and oldest frames are kept.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{CallError, Imports, Instance, Store};
///
/// let module = compile("(module $app (func $inner unreachable) (func (export \"run\") (call $inner)))")?;
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
/// let run = instance.get_typed_func::<(), ()>(&store, "run")?;
/// let Err(CallError::Trap(trap)) = run.call(&mut store, ()) else { panic!("it traps") };
/// let text = trap.backtrace().to_string();
/// assert!(text.starts_with("    0: app!inner, offset 0x"), "{text}");
/// let frame = &trap.backtrace().frames()[1];
/// assert_eq!((frame.module_name(), frame.func_index()), ("app", 1));
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Backtrace {
    frames: Vec<Frame>,
    /// How many frames of `frames` come before the gap.
    young: usize,
    omitted: usize,
}

impl Backtrace {
    pub(crate) fn new(frames: Vec<Frame>, young: usize, omitted: usize) -> Backtrace {
        Backtrace {
            frames,
            young,
            omitted,
        }
    }

    /// The frames that were kept.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// How many frames in the middle of a deep stack were not kept; functions that are
    /// inlined in these are not counted.
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, frame) in self.frames.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            let skipped = if position >= self.young {
                self.omitted
            } else {
                0
            };
            if skipped > 0 && position == self.young {
                writeln!(f, "       ... {skipped} more frames")?;
            }
            write!(f, "  {:>3}: {frame}", position + skipped)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.frames).finish()
    }
}

/// A frame of a [`Backtrace`]. It keeps its module open.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{CallError, Imports, Instance, Store};
///
/// let module = compile(r#"(module $app (func $fail (export "run") unreachable))"#)?;
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
/// let run = instance.get_typed_func::<(), ()>(&store, "run")?;
/// let Err(CallError::Trap(trap)) = run.call(&mut store, ()) else { panic!("it traps") };
/// let frame = &trap.backtrace().frames()[0];
/// assert_eq!((frame.module_name(), frame.func_name()), ("app", Some("fail")));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Frame {
    module: Module,
    /// Index, among the functions that the module defines, of the one whose machine code
    /// this is.
    function: u32,
    /// Offset in the text. Of a call that is inlined, that of the place that stands for it.
    code: u32,
    /// Whether `code` is where a trap happened, not where a call returns to.
    trap: bool,
}

impl Frame {
    pub(crate) fn new(module: Module, function: u32, code: u32, trap: bool) -> Frame {
        Frame {
            module,
            function,
            code,
            trap,
        }
    }

    /// The module that the function is of.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The module's name.
    pub fn module_name(&self) -> &str {
        self.module.name()
    }

    /// The function's index in its module, imports first. Functions that the compiler has
    /// inlined into one another have frames as any others.
    pub fn func_index(&self) -> u32 {
        self.module.imported_functions() + self.innermost()
    }

    /// The defined function that the place in the source module is in.
    fn innermost(&self) -> u32 {
        let source = self.offset();
        let function = source.and_then(|source| self.module.artefact().function_with(source));
        function.unwrap_or(self.function)
    }

    /// The function's name, if the module has one for it.
    pub fn func_name(&self) -> Option<&str> {
        self.module.function_name(self.func_index())
    }

    /// As [`offset`](Frame::offset), but from the start of the function's body.
    pub fn func_offset(&self) -> Option<u32> {
        let body = self.module.artefact().function_body(self.innermost());
        self.offset()?.checked_sub(body)
    }

    /// Where in the source module, in bytes, the instruction is that trapped or
    /// called.
    pub fn offset(&self) -> Option<u32> {
        self.module
            .source_offset(self.function, self.code, self.trap)
    }

    /// Where in the program's source the code is from, if the artefact has debug
    /// information (`Options::debug` of the compiler): the function, behind those that
    /// are inlined at this place, the innermost first.
    ///
    /// Nothing if there is no debug information in the file, or none about this place;
    /// if the module is [linked](Module::from_linked) into a program whose file is not
    /// there any more; or without the feature `lines` of this crate. Debug information is
    /// read from the file when it is asked for, the first time for all frames of a
    /// module.
    pub fn symbols(&self) -> Vec<FrameSymbol> {
        #[cfg(feature = "lines")]
        {
            // A call may be the last instruction of its line.
            let code = self.code - u32::from(!self.trap);
            self.module.artefact().symbols(code)
        }
        #[cfg(not(feature = "lines"))]
        Vec::new()
    }
}

/// `module!function, offset 0x12`, and a line for each of the [symbols](Frame::symbols)
/// that has one in the source.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.module_name() {
            "" => {}
            module => write!(f, "{module}!")?,
        }
        match self.func_name() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "func[{}]", self.func_index())?,
        }
        if let Some(offset) = self.offset() {
            write!(f, ", offset {offset:#x}")?;
        }
        #[cfg(feature = "lines")]
        self.fmt_symbols(f)?;
        Ok(())
    }
}

#[cfg(feature = "lines")]
impl Frame {
    fn fmt_symbols(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbols = self.symbols();
        let inlined = symbols.len().saturating_sub(1);
        for (position, symbol) in symbols.iter().enumerate() {
            if symbol.line().is_none() {
                continue;
            }
            write!(f, "\n         at {symbol}")?;
            match symbol.name() {
                Some(name) if position < inlined => write!(f, " in {name}, inlined")?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
