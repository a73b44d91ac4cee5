//! `wasm-aot explore`.

mod disassembly;
mod page;
mod source;

use std::collections::HashMap;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use wasm_aot_compiler::{ExploredFunction, Options, clif_of, explore};
use wasm_aot_loader::Description;

use self::disassembly::Disassembler;
use self::page::{Code, Function, Page, Row, Section};
use self::source::Sources;
use crate::args::{CpuArg, DebugArg, FeaturesArg, JobsArg, LevelArg};
use crate::input::Source;
use crate::inspect;
use crate::output::{self, Output};

/// Show source, wasm, CLIF and machine code side by side, as a page for a browser
///
/// The page needs no other file; CLIF is the code generator's own code. What comes from the same operator has the same colour in all
/// columns and is found by clicking; a map shows the sizes of sections and functions. There is a
/// column of the source if the module has debug information (DWARF), with the text of files that
/// are where it says.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  wasm-aot explore app.wasm                        to app.html
  wasm-aot explore app.wasm -o page.html -O 0 --target aarch64
  wasm-aot explore large.wasm --function main --function 1234")]
pub(crate) struct Args {
    /// The module, in binary or text format
    #[arg(value_name = "IN.{wasm,wat}")]
    file: PathBuf,

    /// The file to write [default: IN as IN.html]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// A function to show, by its name or index (repeatable) [default: all, or the largest of
    /// more than 1 MiB of machine code]
    #[arg(long, value_name = "NAME")]
    function: Vec<String>,

    #[command(flatten)]
    level: LevelArg,
    #[command(flatten)]
    cpu: CpuArg,
    #[command(flatten)]
    features: FeaturesArg,
    #[command(flatten)]
    debug: DebugArg,
    #[command(flatten)]
    jobs: JobsArg,
}

/// As much machine code is in a page if nobody asks for certain functions, in bytes.
const MOST: usize = 1 << 20;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.jobs.start()?;
    let source = Source::open(&args.file)?;
    let target = match &args.output {
        Some(path) => path.clone(),
        None => args.file.with_extension("html"),
    };
    let mut out = Output::create(&target, &source)?;
    let Source::Whole(input) = source else {
        bail!("{} is not a file", args.file.display());
    };
    let name = args.file.file_stem().unwrap_or_default().to_string_lossy();
    let options = Options {
        level: args.level.level,
        codegen: args.level.codegen,
        cpu: args.cpu.get(),
        features: args.features.get(),
        debug: args.debug.debug,
        name: name.clone().into_owned(),
        ..Options::default()
    };
    let page = page(&input.wasm, &options, &args.function)
        .with_context(|| args.file.display().to_string())?;
    let failed = || format!("cannot write {}", target.display());
    out.writer()
        .write_all(page.html()?.as_bytes())
        .with_context(failed)?;
    output::commit(vec![out])?;
    Ok(ExitCode::SUCCESS)
}

fn page(wasm: &[u8], options: &Options, functions: &[String]) -> anyhow::Result<Page> {
    let mut artefact = Cursor::new(Vec::new());
    let explored = explore(wasm, options, &mut artefact)?;
    let artefact = artefact.into_inner();
    let sections = inspect::sections(&artefact)?;
    let description = Description::from_bytes(artefact)?;
    let name = |index: u32| description.function_name(index).unwrap_or_default();
    let shown = choose(&explored.functions, functions, name)?;

    let mut texts = texts(wasm, description.imported_functions())?;
    let mut intermediate: HashMap<u32, String> =
        clif_of(wasm, options, |index| shown.contains(&index))?
            .into_iter()
            .collect();
    let sources = Sources::read(wasm);
    let disassembler = Disassembler::new(options.cpu.target())?;
    let starts: HashMap<u64, u32> = (explored.functions.iter())
        .map(|function| (function.code.start as u64, function.index))
        .collect();
    let callee = |address: u64| Some(name(*starts.get(&address)?));
    let functions = explored.functions.iter().map(|function| {
        let index = function.index;
        let code = shown.contains(&index).then(|| {
            let wasm = texts.remove(&index).unwrap_or_default();
            let offsets = wasm.iter().flat_map(|row| row.offsets.iter().copied());
            let (source, colours) = sources.rows(offsets);
            let bytes = &explored.text[function.code.clone()];
            Code {
                source,
                colours,
                wasm,
                clif: clif_rows(&intermediate.remove(&index).unwrap_or_default()),
                machine: disassembler.rows(bytes, function, callee),
            }
        });
        Function {
            index,
            name: match name(index) {
                "" => format!("function {index}"),
                name => name.to_owned(),
            },
            size: function.code.len(),
            code,
        }
    });
    let functions = functions.collect();
    Ok(Page {
        name: options.name.clone(),
        target: description.target(),
        level: options.level.as_str(),
        sections: sections
            .into_iter()
            .map(|section| Section {
                name: section.name,
                size: section.size,
            })
            .collect(),
        functions,
    })
}

/// The indices of the functions to be shown.
fn choose<'a>(
    functions: &[ExploredFunction],
    wanted: &[String],
    name: impl Fn(u32) -> &'a str,
) -> anyhow::Result<Vec<u32>> {
    if wanted.is_empty() {
        let mut largest: Vec<&ExploredFunction> = functions.iter().collect();
        largest.sort_by_key(|function| std::cmp::Reverse(function.code.len()));
        let mut room = MOST;
        let fitting = largest.into_iter().take_while(|function| {
            let fits = function.code.len() <= room;
            room -= function.code.len().min(room);
            fits
        });
        return Ok(fitting.map(|function| function.index).collect());
    }
    let mut chosen = Vec::new();
    for wanted in wanted {
        let index: Option<u32> = wanted.parse().ok();
        let is = |function: &&ExploredFunction| {
            Some(function.index) == index || name(function.index) == wanted
        };
        let before = chosen.len();
        chosen.extend(functions.iter().filter(is).map(|function| function.index));
        if chosen.len() == before {
            bail!("no function that the module defines has the name or index {wanted}");
        }
    }
    Ok(chosen)
}

/// The text of each function that is defined, by its index.
fn texts(wasm: &[u8], imported: u32) -> anyhow::Result<HashMap<u32, Vec<Row>>> {
    let mut storage = String::new();
    let lines = wasmprinter::Config::new().offsets_and_lines(wasm, &mut storage)?;
    let mut texts: HashMap<u32, Vec<Row>> = HashMap::new();
    let (mut next, mut current) = (imported, None);
    for (offset, line) in lines {
        // Fields of the module are indented once.
        if line.starts_with("  (") {
            current = line.starts_with("  (func ").then_some(next);
            next += u32::from(current.is_some());
        }
        let Some(function) = current else {
            continue;
        };
        let line = line.strip_prefix("  ").unwrap_or(line).trim_end();
        let rows = texts.entry(function).or_default();
        // The offset of the first line is that of the body, which is no operator.
        let offset = offset.filter(|_| !rows.is_empty());
        rows.push(Row::at(offset.map(|offset| offset as u32), line));
    }
    Ok(texts)
}

/// Intermediate code: an instruction begins with the offset that it comes from, or with
/// the room for that.
fn clif_rows(text: &str) -> Vec<Row> {
    let row = |line: &str| {
        let (offset, rest) = match line.strip_prefix('@').and_then(|line| line.split_once(' ')) {
            Some((offset, rest)) => (u32::from_str_radix(offset, 16).ok(), rest),
            None => (None, line),
        };
        let rest = rest.trim_start();
        let outer = ["block", "function", "}"];
        let indent = match outer.iter().any(|start| rest.starts_with(start)) {
            true => "",
            false => "  ",
        };
        Row::at(offset, &format!("{indent}{rest}"))
    };
    text.lines().map(row).collect()
}
