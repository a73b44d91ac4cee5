//! Printing, as a Unix tool does it.

use std::io::{self, Write};

use anyhow::Context;

/// Writes to standard output. If nobody reads it any more, the process ends as
/// by `SIGPIPE`, which Rust programs start with ignored.
pub(crate) fn stdout(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let result = out.write_all(bytes).and_then(|()| out.flush());
    if let Err(error) = &result
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        // Fails only for signals whose default is to do nothing.
        let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGPIPE);
    }
    result.context("cannot write to standard output")
}

/// Writes to standard error. If that fails, there is nobody left to tell.
pub(crate) fn stderr(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Reports what does no harm to the result.
pub(crate) fn warning(message: &str) {
    stderr(format_args!("warning: {message}"));
}

/// Reports an error with its causes, on one line unless it quotes source text.
pub(crate) fn error(error: &anyhow::Error) {
    stderr(format_args!("error: {error:#}"));
}
