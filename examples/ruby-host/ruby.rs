//! A Ruby interpreter in an instance of `ruby.wasm`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasm_aot_loader::{
    CallError, ExportError, Imports, Instance, InstantiationError, Module, Store, Trap,
};
use wasm_aot_wasi::WasiCtx;

use crate::abi::{self, BadHandle, Exports, Handles};

/// An interpreter. Each has a memory of its own and shares nothing with others.
pub(crate) struct Ruby {
    store: Store,
    exports: Exports,
    dropped: Dropped,
    /// A trap or a host function cut through the interpreter's own frames.
    broken: bool,
}

/// An object of an interpreter, kept from its garbage collector until dropped.
/// It means something only together with the [`Ruby`] it comes from.
pub(crate) struct Value {
    address: u32,
    dropped: Dropped,
}

/// Addresses of values that were dropped while the interpreter was not at hand.
#[derive(Clone, Default)]
struct Dropped(Arc<Mutex<Vec<u32>>>);

impl Dropped {
    /// Plain numbers, which no panic leaves half-changed.
    fn lock(&self) -> MutexGuard<'_, Vec<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.dropped.lock().push(self.address);
    }
}

/// An exception that Ruby code raised and did not rescue.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({class})")]
pub(crate) struct Exception {
    pub(crate) class: String,
    pub(crate) message: String,
    /// The innermost line, as `file:line:in 'method'`; empty if there is none.
    pub(crate) place: String,
}

/// Why there is no value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Ruby code failed; the interpreter goes on.
    #[error(transparent)]
    Raised(Exception),
    /// `break`, `throw` and the like with nothing around to receive it; the
    /// interpreter goes on.
    #[error("`{0}` leaves the script")]
    Escaped(&'static str),
    /// Ruby takes a NUL to be the end of code and of names.
    #[error("a NUL character in Ruby code or in the name of a method")]
    Nul,
    /// The interpreter itself stopped, and cannot be used any more.
    #[error(transparent)]
    Stopped(#[from] CallError),
    /// It stopped in an earlier call.
    #[error("the interpreter has stopped in an earlier call")]
    Broken,
    /// The guest does not keep to the calling convention.
    #[error(transparent)]
    Handle(#[from] BadHandle),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Instantiation(#[from] InstantiationError),
}

impl From<Trap> for Error {
    fn from(trap: Trap) -> Error {
        Error::Stopped(trap.into())
    }
}

impl Ruby {
    /// Starts an interpreter that sees what `wasi` shows.
    pub(crate) fn new(module: &Module, wasi: WasiCtx) -> Result<Ruby, Error> {
        let mut imports = Imports::new();
        wasm_aot_wasi::add_to_imports(&mut imports);
        abi::add_to_imports(&mut imports);
        let mut store = Store::new();
        store.insert(wasi);
        store.insert(Handles::default());
        let instance = Instance::new(&mut store, module, &imports)?;
        let exports = Exports::of(instance, &store)?;
        let mut ruby = Ruby {
            store,
            exports,
            dropped: Dropped::default(),
            broken: false,
        };
        ruby.guarded(|ruby| {
            instance.initialize(&mut ruby.store)?;
            // Without something to run it would read standard input.
            let mut list = Vec::new();
            for argument in ["ruby", "-EUTF-8", "-e_=0"] {
                let (address, len) = ruby.lower(argument)?;
                list.extend([address, len]);
            }
            let address = ruby.lower_words(&list)?;
            Ok(ruby.exports.init.call(&mut ruby.store, (address, 3))?)
        })?;
        // What is printed comes out at once, not when the interpreter ends:
        // nobody tells it that it does.
        ruby.eval("$stdout.sync = true")?;
        Ok(ruby)
    }

    /// Runs a script and returns the value of its last expression.
    pub(crate) fn eval(&mut self, code: &str) -> Result<Value, Error> {
        self.guarded(|ruby| {
            // Of a script, the NUL is no part.
            let (address, len) = ruby.lower(code)?;
            let script = (address, len - 1);
            let result = ruby.exports.eval.call(&mut ruby.store, script)?;
            match ruby.lift(result)? {
                (value, 0) => Ok(value),
                (_, tag) => Err(ruby.failure(tag)?),
            }
        })
    }

    /// Calls a method.
    pub(crate) fn call(
        &mut self,
        receiver: &Value,
        method: &str,
        arguments: &[&Value],
    ) -> Result<Value, Error> {
        self.guarded(|ruby| match ruby.send(receiver, method, arguments)? {
            (value, 0) => Ok(value),
            (_, tag) => Err(ruby.failure(tag)?),
        })
    }

    /// A string with this text, whatever is in it: data, not code.
    pub(crate) fn string(&mut self, text: &str) -> Result<Value, Error> {
        let bytes: String = text.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        self.eval(&format!("\"{bytes}\""))
    }

    /// The text of `value.to_s`; what is not UTF-8 in it is replaced.
    pub(crate) fn text(&mut self, value: &Value) -> Result<String, Error> {
        let string = self.call(value, "to_s", &[])?;
        self.guarded(|ruby| ruby.lift_string(&string))
    }

    /// Calls into the guest; after a trap it must not be called again, for its
    /// state is that of the middle of some function.
    fn guarded<R>(&mut self, call: impl FnOnce(&mut Ruby) -> Result<R, Error>) -> Result<R, Error> {
        if self.broken {
            return Err(Error::Broken);
        }
        let dropped = std::mem::take(&mut *self.dropped.lock());
        let result = (dropped.into_iter())
            .try_for_each(|address| {
                let drop_value = &self.exports.drop_value;
                Ok(drop_value.call(&mut self.store, address)?)
            })
            .and_then(|()| call(self));
        self.broken = matches!(result, Err(Error::Stopped(_) | Error::Handle(_)));
        result
    }

    /// Returns a value and a tag: 0, or why there is no value.
    fn send(
        &mut self,
        receiver: &Value,
        method: &str,
        arguments: &[&Value],
    ) -> Result<(Value, u32), Error> {
        let name = self.lower(method)?;
        let name = self.exports.intern.call(&mut self.store, name)?;
        let receiver = self.handles().insert(receiver.address);
        let arguments: Vec<_> = (arguments.iter())
            .map(|argument| self.handles().insert(argument.address))
            .collect();
        let list = self.lower_words(&arguments)?;
        let call = (receiver, name, list, arguments.len() as u32);
        let result = self.exports.call.call(&mut self.store, call)?;
        for handle in arguments.into_iter().chain([receiver]) {
            self.take(handle)?;
        }
        self.lift(result)
    }

    /// What a tag other than 0 says.
    fn failure(&mut self, tag: u32) -> Result<Error, Error> {
        Ok(Error::Escaped(match tag & 15 {
            1 => "return",
            2 => "break",
            3 => "next",
            4 => "retry",
            5 => "redo",
            7 => "throw",
            _ => return Ok(Error::Raised(self.exception()?)),
        }))
    }

    /// The exception that is on its way, which then is no longer.
    fn exception(&mut self) -> Result<Exception, Error> {
        let handle = self.exports.errinfo.call(&mut self.store, ())?;
        let exception = Value {
            address: self.take(handle)?,
            dropped: self.dropped.clone(),
        };
        self.exports.clear_errinfo.call(&mut self.store, ())?;
        let (class, _) = self.send(&exception, "class", &[])?;
        let (places, _) = self.send(&exception, "backtrace_locations", &[])?;
        let (place, tag) = self.send(&places, "first", &[])?;
        Ok(Exception {
            class: self.describe(&class)?,
            message: self.describe(&exception)?,
            place: match tag {
                0 => self.describe(&place)?,
                _ => String::new(), // it was raised nowhere
            },
        })
    }

    /// The text of a part of an exception, whose `to_s` may raise another.
    fn describe(&mut self, value: &Value) -> Result<String, Error> {
        match self.send(value, "to_s", &[])? {
            (text, 0) => self.lift_string(&text),
            _ => {
                self.exports.clear_errinfo.call(&mut self.store, ())?;
                Ok("?".to_owned())
            }
        }
    }

    /// Puts text into the guest's memory, with a NUL behind it, which counts.
    fn lower(&mut self, text: &str) -> Result<(u32, u32), Error> {
        if text.contains('\0') {
            return Err(Error::Nul);
        }
        let bytes = [text.as_bytes(), b"\0"].concat();
        Ok((self.allocate(1, &bytes)?, bytes.len() as u32))
    }

    fn lower_words(&mut self, words: &[u32]) -> Result<u32, Error> {
        let bytes: Vec<_> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.allocate(4, &bytes)
    }

    /// Copies bytes to a new place, which belongs to the guest.
    fn allocate(&mut self, align: u32, bytes: &[u8]) -> Result<u32, Error> {
        let len = bytes.len() as u32;
        let realloc = &self.exports.realloc;
        let address = realloc.call(&mut self.store, (0, 0, align, len))?;
        (self.exports.memory).write(&mut self.store, address.into(), bytes)?;
        Ok(address)
    }

    /// The tuple of a value and a tag.
    fn lift(&mut self, address: u32) -> Result<(Value, u32), Error> {
        let [handle, tag] = self.lift_words(address)?;
        let value = Value {
            address: self.take(handle)?,
            dropped: self.dropped.clone(),
        };
        Ok((value, tag))
    }

    /// The text of a Ruby string.
    fn lift_string(&mut self, string: &Value) -> Result<String, Error> {
        let handle = self.handles().insert(string.address);
        let result = self.exports.string.call(&mut self.store, handle)?;
        self.take(handle)?;
        let [address, len] = self.lift_words(result)?;
        let mut bytes = vec![0; len as usize];
        (self.exports.memory).read(&self.store, address.into(), &mut bytes)?;
        self.exports.post_string.call(&mut self.store, result)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn lift_words(&self, address: u32) -> Result<[u32; 2], Error> {
        let mut bytes = [0; 8];
        (self.exports.memory).read(&self.store, address.into(), &mut bytes)?;
        let (words, _) = bytes.as_chunks();
        Ok([words[0], words[1]].map(u32::from_le_bytes))
    }

    fn take(&mut self, handle: u32) -> Result<u32, Error> {
        self.handles()
            .remove(handle)
            .ok_or(Error::Handle(BadHandle(handle)))
    }

    /// The handles that are in use.
    pub(crate) fn handles(&mut self) -> &mut Handles {
        self.store.get_mut().expect("inserted when it was made")
    }
}
