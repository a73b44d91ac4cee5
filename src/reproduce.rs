//! `wasm-aot reproduce`.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use object::{Object, ObjectSection, ObjectSymbol};
use wasm_aot_compiler::{Features, Options, names};
use wasm_aot_loader::{Description, Seal, abi};

use crate::args::JobsArg;
use crate::compile;
use crate::input::Input;
use crate::print;

/// Check that a compiled module is what the compiler makes of a module
///
/// Compiles the module again, with the options that are recorded in FILE.so, and compares byte by
/// byte; the signature aside, and the digest, which follows from the rest.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The exit status is 0 if both are the same, and 1 if they differ.

Examples:
  wasm-aot reproduce app.so app.wasm")]
pub(crate) struct Args {
    /// The compiled module
    #[arg(value_name = "FILE.so")]
    file: PathBuf,

    /// What it should have been made of, in binary or text format
    #[arg(value_name = "IN.{wasm,wat}")]
    input: PathBuf,

    #[command(flatten)]
    jobs: JobsArg,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.jobs.start()?;
    let (path, input) = (args.file.display(), args.input.display());
    let artefact = fs::read(&args.file).with_context(|| format!("cannot read {path}"))?;
    let recorded = Description::from_bytes(artefact.clone()).with_context(|| path.to_string())?;
    let wasm = Input::read(&args.input)?.wasm;

    let options = options(&recorded, &artefact, args).with_context(|| path.to_string())?;
    let again = wasm_aot_compiler::compile(&wasm, &options).with_context(|| input.to_string())?;
    let own = Description::from_bytes(again.clone())?;
    if own.source_hash() != recorded.source_hash() {
        bail!("{path} was not made of {input}, but of a module with another SHA-256");
    }
    if own.producer() != recorded.producer() {
        let (theirs, ours) = (recorded.producer(), own.producer());
        print::stderr(format_args!(
            "note: {path} was made by {theirs}, this is {ours}"
        ));
    }
    if own.cpu_features() != recorded.cpu_features() {
        print::stderr(format_args!(
            "note: {path} was made for `--cpu native` of another machine"
        ));
    }
    let (artefact, again) = (unsealed(artefact)?, unsealed(again)?);
    match difference(&artefact, &again) {
        None => {
            print::stdout(format!("{path} is what {input} is compiled to\n").as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Some(difference) => bail!("{path} differs from what {input} is compiled to: {difference}"),
    }
}

type Elf<'a> = object::read::elf::ElfFile64<'a>;

/// The options that an artefact was compiled with, as it says.
fn options(recorded: &Description, artefact: &[u8], args: &Args) -> anyhow::Result<Options> {
    /// What is recorded is a command line without its file.
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: compile::Args,
    }
    let fixed = ["compile", "--target", recorded.target()];
    let line = fixed
        .into_iter()
        .chain(recorded.options().split_whitespace())
        .map(Into::into)
        .chain(["--".into(), args.input.clone().into_os_string()]);
    let line = Line::try_parse_from(line)
        .with_context(|| format!("its options are unknown: {}", recorded.options()))?;
    let options = line.args.options(String::new());
    let file = Elf::parse(artefact)?;
    let mut keep_custom: Vec<_> = (recorded.custom_sections())
        .map(|section| section.name.to_owned())
        .collect();
    keep_custom.dedup();
    Ok(Options {
        features: Features::from_recorded(recorded.wasm_features()),
        name: name(recorded, &file)?,
        // Recorded only where it makes a difference to code.
        debug: options.debug || file.section_by_name(".debug_line").is_some(),
        keep_custom,
        ..options
    })
}

/// The name that it was given: that of the module if it has the prefix of the symbols,
/// which may then be the module's own name or not; else the prefix, and the name is the
/// module's own.
fn name(recorded: &Description, file: &Elf<'_>) -> anyhow::Result<String> {
    let suffix = names::descriptor_symbol("");
    let prefix = file.dynamic_symbols().find_map(|symbol| {
        let name = symbol.name().ok()?;
        name.strip_suffix(&suffix).map(str::to_owned)
    });
    let prefix = prefix.context("no symbol names its descriptor")?;
    ensure!(!prefix.is_empty(), "its symbols have no prefix");
    if names::identifier(recorded.name()) == prefix {
        return Ok(recorded.name().to_owned());
    }
    Ok(prefix)
}

/// A file with zeros for its digest and signature.
fn unsealed(mut artefact: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let seal = Seal::read(&artefact)?;
    artefact[seal.offset()..][abi::Seal::CLEARED].fill(0);
    Ok(artefact)
}

/// Where two files differ first.
fn difference(artefact: &[u8], again: &[u8]) -> Option<String> {
    let bytes = || artefact.iter().zip(again);
    let Some(first) = bytes().position(|(one, other)| one != other) else {
        let (size, expected) = (artefact.len(), again.len());
        return (size != expected).then(|| format!("it has {size} bytes instead of {expected}"));
    };
    let count = bytes().filter(|(one, other)| one != other).count();
    let section = section_at(artefact, first as u64).unwrap_or_else(|| "a header".to_owned());
    Some(format!(
        "{count} of {} bytes, the first at {first:#x} in {section}",
        artefact.len()
    ))
}

/// The section that is at an offset in a file.
fn section_at(file: &[u8], offset: u64) -> Option<String> {
    let file = Elf::parse(file).ok()?;
    let section = file.sections().find(|section| {
        let range = section.file_range();
        range.is_some_and(|(start, size)| (start..start + size).contains(&offset))
    })?;
    section.name().ok().map(str::to_owned)
}
