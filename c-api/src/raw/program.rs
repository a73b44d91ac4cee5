//! A module that is linked into a program, as the program.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasm_aot_loader::Module;

use crate::error::chain;
use crate::program;
use crate::wasi::WasiConfig;

/// What a shell reports for a process that `SIGABRT` ended.
const ABORTED: i32 = 134;

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_aot_linked_run(descriptor: *const u8, config: Box<WasiConfig>) -> i32 {
    let run = || {
        // SAFETY: the caller has the descriptor from the linker, and what is linked into
        // a program stays.
        let module = unsafe { Module::from_linked(descriptor) };
        let module = module.map_err(|error| chain(&error))?;
        program::run(&module, *config)
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(status)) => status,
        Ok(Err(message)) => {
            eprintln!("error: {message}");
            1
        }
        // Whoever panics has said so.
        Err(_) => ABORTED,
    }
}
