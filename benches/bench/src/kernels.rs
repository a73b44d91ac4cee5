//! Builds our own programs: every C file in `benches/programs`.
//!
//! The command lines are those of `tests/corpus/build`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::measure;
use crate::program::{Group, Program};
use crate::sides::COUNTED_CPU;

const COMMON: &[&str] = &["-O3", "-DNDEBUG", "-ffp-contract=off"];
const WASM: &[&str] = &[
    "--target=wasm32-wasi",
    "-Wl,--strip-debug",
    "-Wl,--stack-first",
    "-Wl,-z,stack-size=1048576",
];
const SIMD: &[&str] = &["-msimd128"];

/// Builds those programs of `sources` whose names are `chosen` in the folder `out`, where
/// they are missing or older than their source; with `count` also those whose
/// instructions are counted.
pub(crate) fn build(
    sources: &Path,
    out: &Path,
    chosen: impl Fn(&str) -> bool,
    count: bool,
) -> Result<Vec<Program>> {
    std::fs::create_dir_all(out)?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(sources)
        .with_context(|| sources.display().to_string())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|suffix| suffix == "c"));
    files.sort();
    let mut programs = Vec::new();
    for source in files {
        let group = group(&source)?;
        let name = source.file_stem().unwrap_or_default().to_string_lossy();
        if group != Group::Start && !chosen(&name) {
            continue;
        }
        let make = |compiler: &str, suffix: &str, flags: &[&[&str]]| {
            let output = out.join(format!("{name}.{suffix}"));
            compile(compiler, &source, &output, flags).map(|()| output)
        };
        let natives = |cpu: &str| -> Result<BTreeMap<String, PathBuf>> {
            let march = format!("-march={cpu}");
            let compilers = ["clang", "gcc"].into_iter();
            let built = compilers.map(|compiler| {
                let file = make(compiler, &format!("{compiler}.{cpu}"), &[&[&march]])?;
                Ok((compiler.to_owned(), file))
            });
            built.collect()
        };
        let native = natives("native")?;
        let counted = if count {
            natives(COUNTED_CPU)?
        } else {
            BTreeMap::new()
        };
        let program = |name: String, group: Group, wasm: PathBuf| Program {
            name,
            group,
            wasm,
            natives: native.clone(),
            counted: counted.clone(),
            args: Vec::new(),
            short: vec!["1".to_owned()],
            stdin: "/dev/null".into(),
        };
        let wasm = make("clang", "wasm", &[WASM])?;
        programs.push(program(name.to_string(), group, wasm));
        if group == Group::Float {
            let wasm = make("clang", "simd.wasm", &[WASM, SIMD])?;
            programs.push(program(format!("{name}.simd"), Group::FloatSimd, wasm));
        }
    }
    Ok(programs)
}

/// The group that the first line of a source names.
fn group(source: &Path) -> Result<Group> {
    let text = std::fs::read_to_string(source)?;
    let line = text.lines().next().unwrap_or_default();
    let word = line
        .strip_prefix("// ")
        .and_then(|line| line.split_once(':'));
    match word.map(|(word, _)| word) {
        Some("integer") => Ok(Group::Integer),
        Some("float") => Ok(Group::Float),
        Some("start") => Ok(Group::Start),
        _ => bail!("{}: the first line names no group", source.display()),
    }
}

fn compile(compiler: &str, source: &Path, output: &Path, flags: &[&[&str]]) -> Result<()> {
    let header = source.with_file_name("kernel.h");
    let age = |file: &Path| file.metadata().and_then(|data| data.modified()).ok();
    if age(output) > age(source).max(age(&header)) {
        return Ok(());
    }
    let mut command = Command::new(compiler);
    command.args(COMMON).args(flags.concat());
    command.arg(source).arg("-o").arg(output).arg("-lm");
    measure::output(&mut command)
        .map_err(|reason| anyhow!("{compiler} {}: {reason}", source.display()))?;
    Ok(())
}
