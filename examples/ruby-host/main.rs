//! A host that embeds a language: the Ruby interpreter of `ruby.wasm`, compiled
//! once, and started anew for each script. See `README.md` beside this file.
//!
//! `cargo run --release --example ruby-host -- ruby+stdlib.wasm [SCRIPT.rb...]`
mod abi;
mod ruby;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use wasm_aot_loader::Module;
use wasm_aot_wasi::WasiCtx;

use ruby::{Error, Ruby};

/// What is run if no scripts are named.
const SCRIPTS: &[(&str, &str)] = &[
    ("sort", include_str!("scripts/sort.rb")),
    ("hash", include_str!("scripts/hash.rb")),
    ("match", include_str!("scripts/match.rb")),
    ("rescue", include_str!("scripts/rescue.rb")),
    ("uncaught", include_str!("scripts/uncaught.rb")),
    ("syntax", include_str!("scripts/syntax.rb")),
    ("stdlib", include_str!("scripts/stdlib.rb")),
    ("javascript", include_str!("scripts/javascript.rb")),
];

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let wasm = arguments
        .next()
        .context("usage: ruby-host ruby+stdlib.wasm [SCRIPT.rb...]")?;
    let module = compiled(&wasm)?;
    let scripts: Vec<PathBuf> = arguments.collect();
    if scripts.is_empty() {
        for (name, code) in SCRIPTS {
            run(&module, name, code)?;
        }
        return converse(&module);
    }
    for path in scripts {
        let code = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        run(&module, &path.display().to_string(), &code)?;
    }
    Ok(())
}

/// Opens the artefact beside a module; makes it first if there is none, it is
/// older than the module, or it was made for another loader or machine.
fn compiled(wasm: &Path) -> anyhow::Result<Module> {
    let artefact = wasm.with_extension("so");
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
    let source = modified(wasm).with_context(|| wasm.display().to_string())?;
    if modified(&artefact).is_ok_and(|made| made >= source)
        && let Ok(module) = Module::open(&artefact)
    {
        return Ok(module);
    }
    eprintln!("compiling {}, once", wasm.display());
    let bytes = wasm_aot_compiler::compile(&fs::read(wasm)?, &Default::default())?;
    // Written beside and renamed, so that nobody ever opens a part of it.
    let folder = artefact.parent().filter(|folder| folder.is_dir());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(&bytes)?;
    file.persist(&artefact)?;
    Ok(Module::open(&artefact)?)
}

/// An interpreter that prints where we print, and sees nothing else of us.
fn start(module: &Module) -> anyhow::Result<Ruby> {
    let wasi = WasiCtx::builder().inherit_stdio().build()?;
    Ok(Ruby::new(module, wasi)?)
}

/// Runs a script in a new interpreter and shows what became of it.
fn run(module: &Module, name: &str, code: &str) -> anyhow::Result<()> {
    println!("== {name}");
    let mut ruby = start(module)?;
    let result = ruby
        .eval(code)
        .and_then(|value| ruby.call(&value, "inspect", &[]))
        .and_then(|value| ruby.text(&value));
    match result {
        Ok(value) => println!("=> {value}"),
        Err(Error::Raised(exception)) => {
            println!("uncaught: {exception}");
            println!("    from {}", exception.place);
        }
        Err(error) => println!("failed: {error}"),
    }
    Ok(())
}

/// Host and guest exchange values: text of the host goes into Ruby as data, a
/// block of Ruby is called, and its result is asked for its parts.
fn converse(module: &Module) -> anyhow::Result<()> {
    println!("== values");
    let mut ruby = start(module)?;
    let longest = ruby.eval("->(text, count) { text.split.uniq.max_by(count, &:size) }")?;
    let text = ruby.string("the \"quick\" #{brown} fox and the übermäßig faule Hund")?;
    let count = ruby.eval("3")?;
    let words = ruby.call(&longest, "call", &[&text, &count])?;
    let len = ruby.call(&words, "size", &[])?;
    println!("{} words:", ruby.text(&len)?);
    for _ in 0..3 {
        let word = ruby.call(&words, "shift", &[])?;
        println!("  {}", ruby.text(&word)?);
    }
    match ruby.call(&words, "fetch", &[&count]) {
        Err(Error::Raised(exception)) => println!("and then: {exception}"),
        other => println!("unexpected: {:?}", other.map(drop)),
    }
    let one = ruby.eval("words = 1")?;
    println!("the interpreter goes on: {}", ruby.text(&one)?);
    Ok(())
}
