//! Traps, and where they happened.

use std::any::Any;
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::{Arc, OnceLock};

use wasm_aot_loader::{Backtrace, CallError, Frame, FrameSymbol, InstantiationError, TrapCode};

use crate::error;
use crate::raw::Vector;
use crate::reference::{Info, Object, Ref};
use crate::store::{Inner, StoreHandle};

/// What is behind a `wasm_trap_t`. As a function of the host's error it travels
/// through WebAssembly frames.
pub(crate) struct TrapData {
    message: String,
    pub(crate) code: Option<TrapCode>,
    /// The status that the program has exited with, if that is what happened.
    pub(crate) exit: Option<u32>,
    /// Known once the trap has gone through WebAssembly frames.
    backtrace: OnceLock<Backtrace>,
    pub(crate) info: Info,
}

impl TrapData {
    pub(crate) fn new(message: impl Into<String>) -> TrapData {
        TrapData {
            message: message.into(),
            code: None,
            exit: None,
            backtrace: OnceLock::new(),
            info: Info::default(),
        }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    fn frames(&self) -> &[Frame] {
        self.backtrace.get().map_or(&[], Backtrace::frames)
    }

    fn at(self, backtrace: Backtrace) -> TrapData {
        let _ = self.backtrace.set(backtrace);
        self
    }
}

/// A trap of a function of the host, as an error.
#[derive(Clone)]
pub(crate) struct HostTrap(pub(crate) Arc<TrapData>);

impl fmt::Display for HostTrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for HostTrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for HostTrap {}

/// A trap that is nothing but a message.
pub(crate) fn message(store: &Arc<Inner>, message: impl Into<String>) -> Box<Ref> {
    of_data(store, Arc::new(TrapData::new(message)))
}

fn of_data(store: &Arc<Inner>, data: Arc<TrapData>) -> Box<Ref> {
    Ref::new(store, Object::Trap(data))
}

/// The trap for a call that has failed.
pub(crate) fn of_call(store: &Arc<Inner>, error: CallError) -> Box<Ref> {
    let data = match error {
        CallError::Trap(trap) => {
            let mut data = TrapData::new(trap.message());
            data.code = Some(trap.code());
            data.at(trap.backtrace().clone())
        }
        CallError::Host(error) => {
            if let Some(HostTrap(data)) = error.downcast_ref() {
                // That of an inner call has the frames of that call already.
                let _ = data.backtrace.set(error.backtrace().clone());
                return of_data(store, data.clone());
            }
            let mut data = TrapData::new(error::chain(&error));
            data.exit = exit_status(&error);
            data.at(error.backtrace().clone())
        }
        CallError::Exception(exception) => {
            let message = format!("uncaught exception {}", exception.message());
            TrapData::new(message).at(exception.backtrace().clone())
        }
        CallError::Arguments(error) => TrapData::new(error.to_string()),
        CallError::Resource(error) => TrapData::new(error::chain(&error)),
    };
    of_data(store, Arc::new(data))
}

#[cfg(feature = "wasi")]
fn exit_status(error: &wasm_aot_loader::HostError) -> Option<u32> {
    error
        .downcast_ref()
        .map(|&wasm_aot_wasi::Exit(status)| status)
}

#[cfg(not(feature = "wasi"))]
fn exit_status(_: &wasm_aot_loader::HostError) -> Option<u32> {
    None
}

/// The trap for an instantiation that has failed.
pub(crate) fn of_instantiation(store: &Arc<Inner>, error: InstantiationError) -> Box<Ref> {
    match error {
        InstantiationError::Trap(trap) => of_call(store, CallError::Trap(trap)),
        InstantiationError::Host(error) => of_call(store, CallError::Host(error)),
        InstantiationError::Exception(exception) => of_call(store, CallError::Exception(exception)),
        error => message(store, error::chain(&error)),
    }
}

/// The trap for a panic: of a function of the host that is Rust, or ours.
pub(crate) fn of_panic(store: &Arc<Inner>, payload: Box<dyn Any + Send>) -> Box<Ref> {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied());
    message(store, format!("panic: {}", text.unwrap_or("no message")))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_trap_new(store: &StoreHandle, text: Option<&Vector<u8>>) -> Box<Ref> {
    let bytes = text.map_or(&[][..], Vector::as_slice);
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    message(&store.inner, String::from_utf8_lossy(bytes))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_trap_message(trap: &Ref, out: &mut MaybeUninit<Vector<u8>>) {
    let bytes = trap.trap().message.bytes().chain([0]).collect();
    out.write(bytes);
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_trap_origin(trap: &Ref) -> Option<Box<Place>> {
    let frame = trap.trap().frames().first()?;
    Some(Box::new(Place::new(&trap.store, frame)))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_trap_trace(trap: &Ref, out: &mut MaybeUninit<Vector<Option<Box<Place>>>>) {
    let frames = trap.trap().frames().iter();
    let places = frames.map(|frame| Some(Box::new(Place::new(&trap.store, frame))));
    out.write(places.collect());
}

/// `wasm_frame_t`.
#[derive(Clone)]
pub(crate) struct Place {
    frame: Frame,
    instance: Option<Box<Ref>>,
}

impl Place {
    fn new(store: &Arc<Inner>, frame: &Frame) -> Place {
        let only = store.with(|store| store.only_instance_of(frame.module()));
        Place {
            frame: frame.clone(),
            instance: only.map(|instance| Ref::new(store, Object::Instance(instance))),
        }
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_frame_delete(_: Option<Box<Place>>) {}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_frame_copy(place: &Place) -> Box<Place> {
    Box::new(place.clone())
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_frame_instance(place: &Place) -> Option<&Ref> {
    place.instance.as_deref()
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_frame_func_index(place: &Place) -> u32 {
    place.frame.func_index()
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_frame_func_offset(place: &Place) -> usize {
    place.frame.func_offset().unwrap_or(0) as usize
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_frame_module_offset(place: &Place) -> usize {
    place.frame.offset().unwrap_or(0) as usize
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_trap_code(trap: &Ref) -> u32 {
    trap.trap().code.map_or(0, |code| code as u32)
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_trap_exit_status(trap: &Ref, status: Option<&mut u32>) -> bool {
    match (trap.trap().exit, status) {
        (Some(exit), Some(status)) => {
            *status = exit;
            true
        }
        (exit, _) => exit.is_some(),
    }
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_trap_backtrace(trap: &Ref, out: &mut MaybeUninit<Vector<u8>>) {
    let backtrace = trap.trap().backtrace.get();
    let text = backtrace.map_or_else(String::new, Backtrace::to_string);
    out.write(text.bytes().chain([0]).collect());
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_frame_func_name(place: &Place, out: &mut MaybeUninit<Vector<u8>>) -> bool {
    let name = place.frame.func_name();
    out.write(Vector::from_bytes(name.unwrap_or_default().as_bytes()));
    name.is_some()
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_frame_module_name(place: &Place, out: &mut MaybeUninit<Vector<u8>>) {
    out.write(Vector::from_bytes(place.frame.module_name().as_bytes()));
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_frame_symbol(
    place: &Place,
    index: usize,
    function: &mut MaybeUninit<Vector<u8>>,
    file: &mut MaybeUninit<Vector<u8>>,
    line: &mut MaybeUninit<u32>,
    column: &mut MaybeUninit<u32>,
) -> bool {
    let symbols = place.frame.symbols();
    let symbol = symbols.get(index);
    let bytes = |text: Option<&str>| Vector::from_bytes(text.unwrap_or_default().as_bytes());
    function.write(bytes(symbol.and_then(FrameSymbol::name)));
    file.write(bytes(symbol.and_then(FrameSymbol::file)));
    line.write(symbol.and_then(FrameSymbol::line).unwrap_or(0));
    column.write(symbol.and_then(FrameSymbol::column).unwrap_or(0));
    symbol.is_some()
}
