//! What functions are translated to: each file in `clif/` is a module with a
//! comment that says what must be visible, and below it what is. `BLESS=1` (or
//! `make bless`) rewrites what is below. What the name of a file begins with says how it
//! is compiled: `interruptible_`, `fuel_`, `unguarded_`.

use std::path::Path;
use std::{env, fs};

use wasm_aot_compiler::{Options, clif};

#[test]
fn functions_are_translated_as_expected() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clif");
    let bless = env::var_os("BLESS").is_some();
    let mut failures = Vec::new();
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let (module, _) = text.split_at(end_of_module(&text));
        let name = file.file_name().unwrap().to_string_lossy();
        let options = Options {
            interruptible: name.starts_with("interruptible_"),
            fuel: name.starts_with("fuel_"),
            spectre_guards: !name.starts_with("unguarded_"),
            signals: !name.starts_with("no_signals_"),
            ..Options::default()
        };
        let actual = clif(module.as_bytes(), &options)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let expected = format!("{module}\n{}", comment(&actual));
        if text == expected {
            continue;
        }
        if bless {
            fs::write(&file, expected).unwrap();
        } else {
            failures.push(format!("{}: expected\n{expected}", file.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Where the comment at the end of a file starts.
fn end_of_module(text: &str) -> usize {
    let mut offset = 0;
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        offset += line.len();
        if !line.starts_with(";;") && !line.trim().is_empty() {
            end = offset;
        }
    }
    end
}

/// Functions as comments, without what changes with every change of the module:
/// the offsets that instructions come from.
fn comment(functions: &str) -> String {
    let mut comment = String::new();
    for line in functions.trim_end().lines() {
        let line = match line.strip_prefix('@') {
            Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_hexdigit()),
            None => line,
        };
        let code = line.trim_start();
        let outermost = code.len() == line.len() || code.ends_with(':');
        let indent = if outermost { "" } else { "    " };
        comment.push_str(format!(";; {indent}{code}").trim_end());
        comment.push('\n');
    }
    comment
}
