//! Why a module was not compiled.

use wasmparser::BinaryReaderError;

use crate::Feature;

/// Why a module was not compiled. One line each, naming the blame.
///
/// ```
/// use wasm_aot_compiler::{Error, compile};
///
/// match compile(b"(module (func (result i32)))", &Default::default()) {
///     Err(Error::Invalid { offset, message }) => println!("{message}, at {offset:#x}"),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a WebAssembly module in text format. The message has the
    /// line, the column and an excerpt.
    #[error("{0}")]
    Text(String),
    /// The module is malformed or invalid.
    #[error("invalid module: {message} at offset {offset:#x}")]
    Invalid {
        /// Byte offset in the module.
        offset: u64,
        /// The reason.
        message: String,
    },
    /// The module is valid with a feature that is switched off or that this
    /// version does not compile.
    #[error("{feature} at offset {offset:#x} is not {}", feature.absence())]
    Unsupported {
        /// The feature that the module needs.
        feature: Feature,
        /// Byte offset in the module of its first use.
        offset: u64,
    },
    /// The module uses vectors, and the processor has none.
    #[error(
        "simd at offset {offset:#x} needs vectors, which the processor has not: add {feature} to it"
    )]
    NoVectors {
        /// Byte offset in the module of the first use.
        offset: u64,
        /// What brings them, as in `--cpu`.
        feature: &'static str,
    },
    /// The module is valid but exceeds a limit of this compiler.
    #[error("{what} is too large: {size}, the limit is {limit}")]
    TooLarge {
        /// What exceeds the limit.
        what: &'static str,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The options ask for something that does not exist.
    #[error("{0}")]
    Options(String),
    /// The code generator refused a function. A defect of this compiler, or a
    /// function beyond its limits.
    #[error("cannot generate code for function {function}: {message}")]
    Codegen {
        /// Index of the function in the module.
        function: u32,
        /// What the code generator says.
        message: String,
    },
    /// The code generator refused the module. A defect of this compiler, or a module
    /// beyond its limits.
    #[error("cannot generate code: {message}")]
    Generator {
        /// What the code generator says.
        message: String,
    },
    /// The same for the code between WebAssembly and C: a type with too many
    /// parameters or results.
    #[error("cannot generate a trampoline: {message}")]
    Trampoline {
        /// What the code generator says.
        message: String,
    },
    /// The module could not be read.
    #[error("cannot read the module")]
    Read(#[source] std::io::Error),
    /// The artefact could not be written.
    #[error(transparent)]
    Write(#[from] crate::writer::Error),
}

/// The compiler's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What the code generator says of function `function`.
    pub(crate) fn codegen(function: u32, message: String) -> Error {
        Error::Codegen { function, message }
    }
}

impl From<BinaryReaderError> for Error {
    fn from(error: BinaryReaderError) -> Error {
        Error::Invalid {
            offset: error.offset(),
            message: error.message().to_owned(),
        }
    }
}
