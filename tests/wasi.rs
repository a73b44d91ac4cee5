//! The conformance suite of WASI preview 1, if it is there: modules with a JSON
//! file each that says how to run them and what must come out. It is looked for
//! in `$WASI_TESTSUITE`, else in `../shared/wasi-testsuite`.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;

use common::{describe, no_signals, wasm_aot};

/// How to run a module and what must come out.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Specification {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    /// Directories of the test's folder, preopened under the same name.
    dirs: Vec<String>,
    /// Directory that is preopened as `/`.
    root: Option<String>,
    exit_code: i32,
    stdout: Option<String>,
    stderr: Option<String>,
}

fn main() -> ExitCode {
    let suite = match std::env::var_os("WASI_TESTSUITE") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/wasi-testsuite"),
    };
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    match fs::read_dir(&suite) {
        Ok(folders) => {
            for folder in folders {
                add_tests(&folder.expect("the suite can be read").path(), &mut trials);
            }
            assert!(!trials.is_empty(), "no modules in {}", suite.display());
        }
        Err(error) => {
            println!("the WASI suite is absent: {}: {error}", suite.display());
            trials.push(Trial::test("absent", || Ok(())).with_ignored_flag(true));
        }
    }
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Adds a test for each module of a folder.
fn add_tests(folder: &Path, trials: &mut Vec<Trial>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return; // a file beside the folders
    };
    for entry in entries {
        let module = entry.expect("the suite can be read").path();
        if module
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let (language, name) = (folder.file_name().unwrap(), module.file_stem().unwrap());
            let name = format!("{}/{}", language.display(), name.display());
            trials.push(Trial::test(name, move || run(&module)));
        }
    }
}

fn run(module: &Path) -> Result<(), Failed> {
    let specification = module.with_extension("json");
    let Specification {
        args,
        env,
        dirs,
        root,
        exit_code,
        stdout,
        stderr,
    } = match specification.exists() {
        true => serde_json::from_str(&fs::read_to_string(specification)?)?,
        false => Specification::default(),
    };

    // Tests change the files of their folder, and leave some.
    let scratch = tempfile::tempdir()?;
    let leftover = |path: &Path| path.extension().is_some_and(|it| it == "cleanup");
    let is_module = |path: &Path| path.extension().is_some_and(|it| it == "wasm");
    let folder = module.parent().ok_or("a module is in a folder")?;
    copy(folder, scratch.path(), &|path| {
        !leftover(path) && !is_module(path)
    })?;

    let mut command = wasm_aot();
    command.arg("run").args(no_signals()).current_dir(&scratch);
    for (name, value) in env {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    for dir in dirs {
        command.arg("--dir").arg(dir);
    }
    if let Some(root) = root {
        command.arg("--dir").arg(format!("{root}::/"));
    }
    // Compiled beforehand where another code generator is wanted.
    let build = tempfile::tempdir()?;
    let artefact = build.path().join("module.so");
    let program = match std::env::var("WASM_AOT_TEST_CODEGEN") {
        Ok(codegen) => {
            let mut compile = wasm_aot();
            compile.args(["compile", "--codegen", &codegen]);
            compile.args(no_signals()).arg(module);
            let compiled = compile.arg("-o").arg(&artefact).output()?;
            if !compiled.status.success() {
                return Err(describe(&compiled).into());
            }
            artefact.as_path()
        }
        Err(_) => module,
    };
    let output = command.arg(program).arg("--").args(args).output()?;

    let same = |expected: Option<String>, found: &[u8]| {
        expected.is_none_or(|expected| expected.as_bytes() == found)
    };
    let passed = output.status.code() == Some(exit_code)
        && same(stdout, &output.stdout)
        && same(stderr, &output.stderr);
    match passed {
        true => Ok(()),
        false => Err(format!("expected exit status {exit_code}, {}", describe(&output)).into()),
    }
}

/// Copies a folder with all that `wanted` says yes to.
fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let ty = entry.file_type()?;
        if !wanted(&source) {
            continue;
        }
        if ty.is_dir() {
            copy(&source, &target, wanted)?;
        } else if ty.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, target)?;
        } else {
            fs::copy(&source, target)?;
        }
    }
    Ok(())
}
