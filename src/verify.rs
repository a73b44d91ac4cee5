//! `wasm-aot verify`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use wasm_aot_loader::{Description, PublicKey, Seal};

use crate::keys::KeysArg;
use crate::print;

/// Check that compiled modules are as the compiler wrote them, and who has signed them
///
/// Checks the digest and everything that is checked when they are opened, for whatever machine
/// they are; with --key, also that one of these keys has signed them. Nothing of them is run.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The exit status is 0 if all of them are sound.

Examples:
  wasm-aot verify app.so
  wasm-aot verify --key release.key.pub --key older.key.pub plugins/*.so")]
pub(crate) struct Args {
    #[command(flatten)]
    keys: KeysArg,

    /// The compiled modules
    #[arg(value_name = "FILE.so", required = true)]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let keys = args.keys.read()?;
    let mut status = ExitCode::SUCCESS;
    for path in &args.files {
        match verify(path, keys.as_deref()) {
            Ok(text) => print::stdout(format!("{}: {text}\n", path.display()).as_bytes())?,
            Err(error) => {
                print::error(&error);
                status = ExitCode::FAILURE;
            }
        }
    }
    Ok(status)
}

/// Says what is right about a file.
fn verify(path: &Path, keys: Option<&[PublicKey]>) -> anyhow::Result<String> {
    let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let check = || {
        let seal = Seal::read(&file)?;
        seal.check_digest(&file)?;
        let text = match keys {
            Some(keys) => {
                seal.check_signer(keys)?;
                format!("signed by {}", PublicKey::from_bytes(seal.fields().signer))
            }
            None => "the digest is right".to_owned(),
        };
        Description::from_bytes(file)?;
        Ok(text)
    };
    check().map_err(|error: wasm_aot_loader::OpenError| {
        anyhow::Error::new(error).context(path.display().to_string())
    })
}
