//! Deciding what a guest may see.

use crate::descriptor::{Access, Descriptor, OpenDir, OpenFile};
use crate::environ::Strings;
use crate::table::Table;
use crate::wait::Waiting;
use crate::{Clocks, Input, Output, Random, SystemClocks, SystemRandom, WasiCtx};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rustix::fd::OwnedFd;
use std::io;
use std::path::Path;

/// Descriptors a guest may have open at once, unless the builder says more.
const DEFAULT_MAX_DESCRIPTORS: usize = 1024;

/// Whether a guest may change what is beneath a preopened directory.
///
/// ```
/// use wasm_aot_wasi::{DirAccess, WasiCtx};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let data = tempfile::tempdir()?;
/// let ctx = WasiCtx::builder()
///     .preopen_dir(data.path(), "/data", DirAccess::ReadOnly)?
///     .build()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirAccess {
    /// Every change fails with `rofs`, as on a read-only file system.
    ReadOnly,
    /// Everything the process itself may do there.
    ReadWrite,
}

/// A configuration that cannot be shown to a guest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Arguments are NUL-terminated in the guest.
    #[error("argument {index} contains a NUL byte")]
    NulInArgument {
        /// Which one, from 0.
        index: usize,
    },
    /// Variables are NUL-terminated in the guest.
    #[error("environment variable `{name}` contains a NUL byte")]
    NulInVariable {
        /// The name, made printable.
        name: String,
    },
    /// A name is what precedes the first `=`.
    #[error("`{name}` cannot be the name of an environment variable")]
    BadVariableName {
        /// The name, made printable.
        name: String,
    },
    /// A guest's strings have to fit into 32-bit addresses.
    #[error("the arguments or the environment are larger than 4 GiB")]
    TooLarge,
}

/// Collects what a [`WasiCtx`] gives its guest.
///
/// Numbers are assigned as C libraries expect them: 0 to 2 are the standard
/// streams, then come the directories in the order they were added, from 3 on
/// and without a gap, then the sockets.
///
/// ```no_run
/// use wasm_aot_wasi::{DirAccess, Input, Output, WasiCtx};
///
/// let ctx = WasiCtx::builder()
///     .args(["prog", "--fast"])
///     .env("LANG", "C")
///     .inherit_stdio()
///     .preopen_dir("/srv/data", "/data", DirAccess::ReadOnly)?
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WasiCtxBuilder {
    args: Vec<Vec<u8>>,
    env: Vec<(Vec<u8>, Vec<u8>)>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    dirs: Vec<OpenDir>,
    sockets: Vec<OwnedFd>,
    clocks: Box<dyn Clocks>,
    random: Box<dyn Random>,
    max_descriptors: usize,
}

impl WasiCtxBuilder {
    /// See [`WasiCtx::builder`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            args: Vec::new(),
            env: Vec::new(),
            stdin: Input::null(),
            stdout: Output::null(),
            stderr: Output::null(),
            dirs: Vec::new(),
            sockets: Vec::new(),
            clocks: Box::new(SystemClocks),
            random: Box::new(SystemRandom),
            max_descriptors: DEFAULT_MAX_DESCRIPTORS,
        }
    }

    /// Adds an argument. The first one is the program's name.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<Vec<u8>>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<Vec<u8>>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable; a later value replaces an earlier one.
    #[must_use]
    pub fn env(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        let (name, value) = (name.into(), value.into());
        match self.env.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => self.env.push((name, value)),
        }
        self
    }

    /// Sets every variable of the process's own environment.
    #[must_use]
    pub fn inherit_env(self) -> Self {
        use std::os::unix::ffi::OsStringExt;
        std::env::vars_os().fold(self, |this, (name, value)| {
            this.env(name.into_vec(), value.into_vec())
        })
    }

    /// Connects standard input.
    #[must_use]
    pub fn stdin(mut self, input: Input) -> Self {
        self.stdin = input;
        self
    }

    /// Connects standard output.
    #[must_use]
    pub fn stdout(mut self, output: Output) -> Self {
        self.stdout = output;
        self
    }

    /// Connects standard error.
    #[must_use]
    pub fn stderr(mut self, output: Output) -> Self {
        self.stderr = output;
        self
    }

    /// Connects all three to the process's own.
    #[must_use]
    pub fn inherit_stdio(self) -> Self {
        self.stdin(Input::inherit())
            .stdout(Output::inherit())
            .stderr(Output::inherit())
    }

    /// Opens `host` and shows it to the guest as `guest`.
    ///
    /// # Errors
    /// Those of opening the directory.
    pub fn preopen_dir(
        self,
        host: impl AsRef<Path>,
        guest: impl Into<String>,
        access: DirAccess,
    ) -> io::Result<Self> {
        let dir = Dir::open_ambient_dir(host, ambient_authority())?;
        Ok(self.preopen(dir, guest, access))
    }

    /// Shows an open directory to the guest as `guest`.
    #[must_use]
    pub fn preopen(mut self, dir: Dir, guest: impl Into<String>, access: DirAccess) -> Self {
        self.dirs.push(OpenDir {
            dir,
            writable: access == DirAccess::ReadWrite,
            preopen: Some(guest.into().into()),
            cursor: None,
        });
        self
    }

    /// Adds a socket: a listener for `sock_accept`, or a connection. It is
    /// blocking or not as the host left it.
    #[must_use]
    pub fn socket(mut self, socket: impl Into<OwnedFd>) -> Self {
        self.sockets.push(socket.into());
        self
    }

    /// Replaces the system's clocks.
    #[must_use]
    pub fn clocks(mut self, clocks: impl Clocks + 'static) -> Self {
        self.clocks = Box::new(clocks);
        self
    }

    /// Replaces the system's randomness.
    #[must_use]
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Box::new(random);
        self
    }

    /// How many descriptors the guest may have open at once; 1024 unless set.
    #[must_use]
    pub fn max_descriptors(mut self, limit: usize) -> Self {
        self.max_descriptors = limit;
        self
    }

    /// Makes the context.
    ///
    /// # Errors
    /// If an argument or a variable cannot be represented in the guest.
    pub fn build(self) -> Result<WasiCtx, BuildError> {
        let args = arguments(self.args)?;
        let env = variables(self.env)?;
        let streams = [
            self.stdin.into_descriptor(),
            self.stdout.into_descriptor(rustix::stdio::stdout()),
            self.stderr.into_descriptor(rustix::stdio::stderr()),
        ];
        let sockets = self
            .sockets
            .into_iter()
            .map(|fd| OpenFile::supplied(fd, Access::BOTH));
        let descriptors = (streams.into_iter())
            .chain(self.dirs.into_iter().map(Descriptor::Dir))
            .chain(sockets.map(Descriptor::File))
            .collect();
        Ok(WasiCtx {
            args,
            env,
            table: Table::new(descriptors, self.max_descriptors),
            clocks: self.clocks,
            random: self.random,
            waiting: Waiting::Here,
        })
    }
}

impl Default for WasiCtxBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasiCtxBuilder")
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish_non_exhaustive()
    }
}

fn arguments(args: Vec<Vec<u8>>) -> Result<Strings, BuildError> {
    if let Some(index) = args.iter().position(|arg| arg.contains(&0)) {
        return Err(BuildError::NulInArgument { index });
    }
    Strings::new(args).ok_or(BuildError::TooLarge)
}

fn variables(env: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Strings, BuildError> {
    for (name, value) in &env {
        let printable = || String::from_utf8_lossy(name).into_owned();
        if name.is_empty() || name.contains(&b'=') {
            return Err(BuildError::BadVariableName { name: printable() });
        }
        if name.contains(&0) || value.contains(&0) {
            return Err(BuildError::NulInVariable { name: printable() });
        }
    }
    Strings::new(
        env.into_iter()
            .map(|(name, value)| [&name[..], b"=", &value].concat()),
    )
    .ok_or(BuildError::TooLarge)
}
