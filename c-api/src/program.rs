//! A module as a program: what `wasm-aot run` does, of one that is linked in.

#[cfg(feature = "wasi")]
mod backend {
    use wasm_aot_loader::{CallError, Imports, Instance, InstantiationError, Module, Store};
    use wasm_aot_wasi::Exit;

    use crate::error::chain;
    use crate::wasi::WasiConfig;

    /// What a shell reports for a process that `SIGABRT` ended.
    const TRAPPED: i32 = 134;

    /// Runs a command, or initialises a reactor, and returns the status of the process.
    pub(crate) fn run(module: &Module, config: WasiConfig) -> Result<i32, String> {
        let mut store = Store::new();
        store.insert(config.context()?);
        let mut imports = Imports::new();
        wasm_aot_wasi::add_to_imports(&mut imports);
        let end = match Instance::new(&mut store, module, &imports) {
            Ok(instance) => start(&mut store, instance)?,
            Err(InstantiationError::Trap(trap)) => Err(CallError::Trap(trap)),
            Err(InstantiationError::Host(host)) => Err(CallError::Host(host)),
            Err(error) => return Err(chain(&error)),
        };
        end.map_or_else(|error| Ok(status(&error)), |()| Ok(0))
    }

    /// How the program has ended, if there is one.
    fn start(store: &mut Store, instance: Instance) -> Result<Result<(), CallError>, String> {
        if instance.module(store).is_command() {
            let start = instance.get_typed_func::<(), ()>(store, "_start");
            return Ok(start.expect("the module is a command").call(store, ()));
        }
        match instance.initialize(store) {
            Ok(false) => Err("the module exports neither _start nor _initialize".to_owned()),
            Ok(true) => Ok(Ok(())),
            Err(error) => Ok(Err(error)),
        }
    }

    /// The status of a program that did not return, of which the user is told unless
    /// it has exited.
    fn status(error: &CallError) -> i32 {
        match error {
            CallError::Host(host) => {
                if let Some(Exit(status)) = host.downcast_ref() {
                    return *status as i32;
                }
                eprintln!("{}", chain(error));
            }
            CallError::Trap(trap) => eprintln!("trap: {trap}"),
            _ => eprintln!("{}", chain(error)),
        }
        TRAPPED
    }
}

#[cfg(not(feature = "wasi"))]
mod backend {
    use wasm_aot_loader::Module;

    use crate::wasi::WasiConfig;

    pub(crate) fn run(_: &Module, config: WasiConfig) -> Result<i32, String> {
        match config {}
    }
}

pub(crate) use backend::run;
