//! The compiler, if the library has it.

/// Refuses what is no binary module before the compiler is asked, which takes the
/// text format as well.
fn check_binary(bytes: &[u8]) -> Result<(), String> {
    if bytes.starts_with(b"\x7fELF") {
        return Err("this is a compiled artefact: wasm_module_deserialize takes those".into());
    }
    if !bytes.starts_with(b"\0asm") {
        return Err("not a binary WebAssembly module: it does not start with \\0asm".into());
    }
    Ok(())
}

#[cfg(feature = "compiler")]
mod present {
    use super::check_binary;
    use crate::error::chain;

    /// What can be chosen about compiling.
    #[derive(Default)]
    pub(crate) struct Options(wasm_aot_compiler::Options);

    impl Options {
        pub(crate) fn set_cpu(&mut self, name: &str) -> Result<(), String> {
            let target = self.0.cpu.target();
            let cpu = wasm_aot_compiler::Cpu::new(target, name);
            self.0.cpu = cpu.map_err(|error| chain(&error))?;
            Ok(())
        }

        pub(crate) fn set_interruptible(&mut self, yes: bool) {
            self.0.interruptible = yes;
        }

        pub(crate) fn set_fuel(&mut self) {
            self.0.fuel = true;
        }

        pub(crate) fn set_signals(&mut self, yes: bool) {
            self.0.signals = yes;
        }

        pub(crate) fn set_level(&mut self, name: &str) -> Result<(), String> {
            self.0.level = name.parse().map_err(|error| chain(&error))?;
            Ok(())
        }

        /// The artefact of a binary module.
        pub(crate) fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
            check_binary(bytes)?;
            wasm_aot_compiler::compile(bytes, &self.0).map_err(|error| chain(&error))
        }

        /// Whether a binary module is valid.
        pub(crate) fn validate(&self, bytes: &[u8]) -> Result<(), String> {
            check_binary(bytes)?;
            wasm_aot_compiler::validate(bytes, self.0.features).map_err(|error| chain(&error))
        }
    }
}

#[cfg(not(feature = "compiler"))]
mod absent {
    use super::check_binary;

    const ABSENT: &str = "this libwasm_aot was built without the compiler: \
        compile with `wasm-aot compile`, and load the artefact with wasm_module_deserialize";

    /// What can be chosen about compiling: nothing.
    #[derive(Default)]
    pub(crate) struct Options;

    impl Options {
        pub(crate) fn set_cpu(&mut self, _: &str) -> Result<(), String> {
            Err(ABSENT.into())
        }

        pub(crate) fn set_interruptible(&mut self, _: bool) {}

        pub(crate) fn set_fuel(&mut self) {}

        pub(crate) fn set_signals(&mut self, _: bool) {}

        pub(crate) fn set_level(&mut self, _: &str) -> Result<(), String> {
            Err(ABSENT.into())
        }

        pub(crate) fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
            check_binary(bytes)?;
            Err(ABSENT.into())
        }

        pub(crate) fn validate(&self, bytes: &[u8]) -> Result<(), String> {
            self.compile(bytes).map(drop)
        }
    }
}

#[cfg(not(feature = "compiler"))]
pub(crate) use absent::Options;
#[cfg(feature = "compiler")]
pub(crate) use present::Options;
