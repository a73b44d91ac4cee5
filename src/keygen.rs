//! `wasm-aot keygen`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::keys;

/// Make a key to sign compiled modules with
///
/// Writes the secret key to KEY, for its owner alone to read, and the public key to KEY.pub: both
/// in PEM, of Ed25519. Neither may be there already.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  wasm-aot keygen -o release.key
  wasm-aot compile app.wasm --sign release.key
  wasm-aot verify --key release.key.pub app.so
  openssl pkey -in release.key -pubout          the same public key")]
pub(crate) struct Args {
    /// The file to write the secret key to
    #[arg(short, long, value_name = "KEY")]
    output: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let key = keys::generate()?;
    let mut public = args.output.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    write(&args.output, &keys::secret_text(&key)?, 0o600)?;
    let written = write(&public, &keys::public_text(&key)?, 0o644);
    if written.is_err() {
        // Nobody knows what it would be good for.
        let _ = fs::remove_file(&args.output);
    }
    written?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that is not there yet.
fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}
