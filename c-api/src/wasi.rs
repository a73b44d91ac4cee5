//! WASI preview 1: what a program may see of the world.

use std::ffi::{OsStr, c_char};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error;
use crate::raw::{Vector, c_str, c_strs};
use crate::store::StoreHandle;

pub(crate) use backend::WasiConfig;

#[cfg(feature = "wasi")]
mod backend {
    use std::fs::File;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use wasm_aot_loader::{Imports, Store};
    use wasm_aot_wasi::{Capture, DirAccess, Input, Output, WasiCtx, WasiCtxBuilder};

    use crate::error::chain;

    /// `wasm_aot_wasi_config_t`.
    #[derive(Default)]
    pub(crate) struct WasiConfig {
        builder: WasiCtxBuilder,
        captured: Captured,
    }

    /// What is kept of what a program writes.
    #[derive(Clone, Default)]
    struct Captured {
        stdout: Option<Capture>,
        stderr: Option<Capture>,
    }

    impl WasiConfig {
        pub(super) fn new() -> Result<WasiConfig, String> {
            Ok(WasiConfig::default())
        }

        fn change(&mut self, change: impl FnOnce(WasiCtxBuilder) -> WasiCtxBuilder) {
            self.builder = change(std::mem::take(&mut self.builder));
        }

        pub(super) fn arg(&mut self, arg: &[u8]) {
            self.change(|builder| builder.arg(arg));
        }

        pub(super) fn env(&mut self, name: &[u8], value: &[u8]) {
            self.change(|builder| builder.env(name, value));
        }

        pub(super) fn inherit_env(&mut self) {
            self.change(WasiCtxBuilder::inherit_env);
        }

        pub(super) fn inherit_stdio(&mut self) {
            self.change(WasiCtxBuilder::inherit_stdio);
            self.captured = Captured::default();
        }

        pub(super) fn stdin_bytes(&mut self, bytes: &[u8]) {
            self.change(|builder| builder.stdin(Input::bytes(bytes)));
        }

        pub(super) fn stdin_file(&mut self, path: &Path) -> Result<(), String> {
            let file = File::open(path).map_err(|error| at(path, error))?;
            self.change(|builder| builder.stdin(Input::file(file)));
            Ok(())
        }

        pub(super) fn stdout_file(&mut self, path: &Path) -> Result<(), String> {
            let file = File::create(path).map_err(|error| at(path, error))?;
            self.change(|builder| builder.stdout(Output::file(file)));
            self.captured.stdout = None;
            Ok(())
        }

        pub(super) fn stderr_file(&mut self, path: &Path) -> Result<(), String> {
            let file = File::create(path).map_err(|error| at(path, error))?;
            self.change(|builder| builder.stderr(Output::file(file)));
            self.captured.stderr = None;
            Ok(())
        }

        pub(super) fn capture_stdout(&mut self) {
            let capture = self.captured.stdout.insert(Capture::new()).clone();
            self.change(|builder| builder.stdout(Output::capture(&capture)));
        }

        pub(super) fn capture_stderr(&mut self) {
            let capture = self.captured.stderr.insert(Capture::new()).clone();
            self.change(|builder| builder.stderr(Output::capture(&capture)));
        }

        pub(super) fn preopen(
            &mut self,
            host: &Path,
            guest: &str,
            writable: bool,
        ) -> Result<(), String> {
            let access = if writable {
                DirAccess::ReadWrite
            } else {
                DirAccess::ReadOnly
            };
            // The builder is gone if this fails, so ask first.
            let dir = File::open(host).map_err(|error| at(host, error))?;
            let kind = dir.metadata().map_err(|error| at(host, error))?;
            if !kind.is_dir() {
                return Err(format!("{}: not a directory", host.display()));
            }
            let builder = std::mem::take(&mut self.builder);
            self.builder = builder.preopen(OwnedFd::from(dir).into(), guest, access);
            Ok(())
        }

        /// What it describes, of which nothing that is captured can be had.
        pub(crate) fn context(self) -> Result<WasiCtx, String> {
            self.builder.build().map_err(|error| chain(&error))
        }

        pub(super) fn install(self, store: &mut Store) -> Result<(), String> {
            let captured = self.captured.clone();
            store.insert(self.context()?);
            store.insert(captured);
            Ok(())
        }
    }

    fn at(path: &Path, error: std::io::Error) -> String {
        format!("{}: {error}", path.display())
    }

    pub(super) fn take_stdout(store: &Store) -> Vec<u8> {
        let captured = store.get::<Captured>();
        let stdout = captured.and_then(|captured| captured.stdout.as_ref());
        stdout.map(Capture::take).unwrap_or_default()
    }

    pub(super) fn take_stderr(store: &Store) -> Vec<u8> {
        let captured = store.get::<Captured>();
        let stderr = captured.and_then(|captured| captured.stderr.as_ref());
        stderr.map(Capture::take).unwrap_or_default()
    }

    pub(crate) fn define(imports: &mut Imports) -> Result<(), String> {
        wasm_aot_wasi::add_to_imports(imports);
        Ok(())
    }
}

#[cfg(not(feature = "wasi"))]
mod backend {
    use std::path::Path;

    use wasm_aot_loader::{Imports, Store};

    const ABSENT: &str = "this libwasm_aot was built without WASI";

    /// `wasm_aot_wasi_config_t`, of which there is none.
    pub(crate) enum WasiConfig {}

    /// Methods that nobody can call.
    macro_rules! absent {
        ($($name:ident($($ty:ty),*) -> $result:ty;)*) => {
            impl WasiConfig {
                $(pub(super) fn $name(&mut self, $(_: $ty),*) -> $result {
                    match *self {}
                })*
            }
        };
    }

    absent! {
        arg(&[u8]) -> ();
        env(&[u8], &[u8]) -> ();
        inherit_env() -> ();
        inherit_stdio() -> ();
        stdin_bytes(&[u8]) -> ();
        stdin_file(&Path) -> Result<(), String>;
        stdout_file(&Path) -> Result<(), String>;
        stderr_file(&Path) -> Result<(), String>;
        capture_stdout() -> ();
        capture_stderr() -> ();
        preopen(&Path, &str, bool) -> Result<(), String>;
    }

    impl WasiConfig {
        pub(super) fn new() -> Result<WasiConfig, &'static str> {
            Err(ABSENT)
        }

        pub(super) fn install(self, _: &mut Store) -> Result<(), String> {
            match self {}
        }
    }

    pub(super) fn take_stdout(_: &Store) -> Vec<u8> {
        Vec::new()
    }

    pub(super) fn take_stderr(_: &Store) -> Vec<u8> {
        Vec::new()
    }

    pub(crate) fn define(_: &mut Imports) -> Result<(), &'static str> {
        Err(ABSENT)
    }
}

pub(crate) use backend::define;

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_has_wasi() -> bool {
    cfg!(feature = "wasi")
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_new() -> Option<Box<WasiConfig>> {
    error::keep(WasiConfig::new()).map(Box::new)
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_delete(_: Option<Box<WasiConfig>>) {}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_add_arg(config: &mut WasiConfig, arg: *const c_char) {
    if let Some(arg) = c_str(arg) {
        config.arg(arg.to_bytes());
    }
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_add_args(
    config: &mut WasiConfig,
    argc: usize,
    argv: *const *const c_char,
) {
    for arg in c_strs(argc, argv) {
        config.arg(arg.to_bytes());
    }
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_set_env(
    config: &mut WasiConfig,
    name: *const c_char,
    value: *const c_char,
) {
    if let (Some(name), Some(value)) = (c_str(name), c_str(value)) {
        config.env(name.to_bytes(), value.to_bytes());
    }
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_inherit_env(config: &mut WasiConfig) {
    config.inherit_env();
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_inherit_stdio(config: &mut WasiConfig) {
    config.inherit_stdio();
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_set_stdin(config: &mut WasiConfig, bytes: &Vector<u8>) {
    config.stdin_bytes(bytes.as_slice());
}

fn path<'a>(path: *const c_char) -> Result<&'a Path, String> {
    let path = c_str(path).ok_or("the path is NULL")?;
    Ok(Path::new(OsStr::from_bytes(path.to_bytes())))
}

/// Does something with a path; whether it could.
fn with_path(text: *const c_char, body: impl FnOnce(&Path) -> Result<(), String>) -> bool {
    error::keep(path(text).and_then(body)).is_some()
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_stdin_file(
    config: &mut WasiConfig,
    path: *const c_char,
) -> bool {
    with_path(path, |path| config.stdin_file(path))
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_stdout_file(
    config: &mut WasiConfig,
    path: *const c_char,
) -> bool {
    with_path(path, |path| config.stdout_file(path))
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_stderr_file(
    config: &mut WasiConfig,
    path: *const c_char,
) -> bool {
    with_path(path, |path| config.stderr_file(path))
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_capture_stdout(config: &mut WasiConfig) {
    config.capture_stdout();
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_capture_stderr(config: &mut WasiConfig) {
    config.capture_stderr();
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_wasi_config_preopen_dir(
    config: &mut WasiConfig,
    host: *const c_char,
    guest: *const c_char,
    writable: bool,
) -> bool {
    with_path(host, |host| {
        let guest = c_str(guest).ok_or("the guest's name is NULL")?;
        let guest = guest.to_str().map_err(|error| error.to_string())?;
        config.preopen(host, guest, writable)
    })
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_store_set_wasi(
    store: &StoreHandle,
    config: Option<Box<WasiConfig>>,
) -> bool {
    let Some(config) = config else {
        error::set("there is no configuration");
        return false;
    };
    let installed = store.inner.with(|store| config.install(store));
    error::keep(installed).is_some()
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_store_take_stdout(store: &StoreHandle, out: &mut MaybeUninit<Vector<u8>>) {
    let bytes = store.inner.with(|store| backend::take_stdout(store));
    out.write(Vector::from_bytes(&bytes));
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_store_take_stderr(store: &StoreHandle, out: &mut MaybeUninit<Vector<u8>>) {
    let bytes = store.inner.with(|store| backend::take_stderr(store));
    out.write(Vector::from_bytes(&bytes));
}
