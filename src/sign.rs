//! `wasm-aot sign`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::{keys, sealing};

/// Sign compiled modules
///
/// The signature, of Ed25519 over the file's digest, goes to a place in the file that is there for
/// it, and replaces one that is there. A file whose digest is wrong is not signed. Files are
/// replaced as a whole; processes that have them open are not disturbed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  wasm-aot sign --key release.key app.so
  wasm-aot run --key release.key.pub app.so")]
pub(crate) struct Args {
    /// The secret key, as `wasm-aot keygen` or `openssl genpkey -algorithm ed25519` writes it
    #[arg(long, value_name = "KEY")]
    key: PathBuf,

    /// The compiled modules
    #[arg(value_name = "FILE.so", required = true)]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let key = keys::read_secret(&args.key)?;
    for file in &args.files {
        sealing::change(file, |artefact| sealing::sign(artefact, &key))?;
    }
    Ok(ExitCode::SUCCESS)
}
