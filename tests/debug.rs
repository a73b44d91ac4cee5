//! Debuggers and other tools of the system see the source of what is compiled with `-g`:
//! lines, functions, and what is inlined. The modules are those of `tests/debug`. A tool
//! that is not installed is skipped, visibly.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use common::{describe, installed, wasm_aot};

/// A module, compiled with its debug information.
fn artefact(name: &str, arguments: &[&str], file: &str) -> PathBuf {
    // Tests share files.
    static LOCK: Mutex<()> = Mutex::new(());
    let _lock = LOCK.lock().unwrap();
    let module = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/debug")
        .join(name);
    let artefact = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    let output = wasm_aot()
        .args(["compile", "-g"])
        .arg(module.with_extension("wasm"))
        .arg("-o")
        .arg(&artefact)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        describe(&output)
    );
    artefact
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What gdb prints when it runs the function `fail` of a module with these commands,
/// in English and without anybody's settings.
fn gdb(name: &str, file: &str, commands: &[&str]) -> Option<String> {
    gdb_with(name, &[], file, commands)
}

/// The same of a module that is compiled with these arguments.
fn gdb_with(name: &str, arguments: &[&str], file: &str, commands: &[&str]) -> Option<String> {
    let artefact = artefact(name, arguments, file);
    let run = format!("run run {} --invoke fail 3 < /dev/null", artefact.display());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/debug");
    let source = format!("set substitute-path /src {}", source.display());
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", "-iex", "set debuginfod enabled off"]);
    gdb.args([
        "-ex",
        "set width 0",
        "-ex",
        "set breakpoint pending on",
        "-ex",
        &source,
    ]);
    for command in commands {
        let command = if *command == "run" { &run } else { *command };
        gdb.args(["-ex", command]);
    }
    let output = gdb
        .arg(env!("CARGO_BIN_EXE_wasm-aot"))
        .env("LC_ALL", "C")
        .output();
    Some(text(&installed("gdb", output)?))
}

/// Asserts that lines with these texts are there, in this order.
#[track_caller]
fn assert_order(printed: &str, expected: &[&str]) {
    let mut lines = printed.lines();
    for text in expected {
        assert!(
            lines.any(|line| line.contains(text)),
            "no {text:?} in its place in\n{printed}"
        );
    }
}

#[test]
fn gdb_stops_at_functions_and_lines_and_steps() {
    for (name, file) in [("c4-O0", "step4.so"), ("c5-O0", "step5.so")] {
        let commands = [
            "break work",
            "break lines.c:22",
            "run",
            "next",
            "next",
            "next",
            "step",
        ];
        let Some(printed) = gdb(name, file, &commands) else {
            return;
        };
        assert_order(
            &printed,
            &[
                "work (point=<optimized out>, count=<optimized out>)",
                "int sum = 0;",
                "for (int i = 0; i < count; i++) {",
                "sum += twice(point->x);",
            ],
        );
    }
}

#[test]
fn gdb_shows_inlined_functions_where_code_traps() {
    for (name, file) in [("c4-O2", "trap4.so"), ("c5-O2", "trap5.so")] {
        let Some(printed) = gdb(name, file, &["run", "backtrace"]) else {
            return;
        };
        assert_order(
            &printed,
            &[
                "received signal",
                "return a / b;",
                "#0  0x",
                "#1  work (point=<optimized out>, count=<optimized out>) at lines.c:20",
                " in fail (count=<optimized out>) at lines.c:28",
                " main ()",
            ],
        );
        assert!(printed.contains("divide (a=<optimized out>, b=<optimized out>) at lines.c:13"));
        assert!(!printed.contains("corrupt stack"), "{printed}");
    }
}

#[test]
fn gdb_stops_in_rust() {
    let commands = [
        "break lines::fail",
        "break lines::work",
        "run",
        "continue",
        "backtrace 2",
    ];
    let Some(printed) = gdb("rust", "rust.so", &commands) else {
        return;
    };
    assert_order(
        &printed,
        &[
            "Breakpoint 1, lines::fail",
            "Breakpoint 2, ",
            "in lines::fail",
        ],
    );
}

#[test]
fn gdb_knows_types_and_their_sizes() {
    let commands = [
        "break work",
        "run",
        "ptype struct point",
        "print sizeof(struct point)",
        "print sizeof(point)",
    ];
    let Some(printed) = gdb("c4-O0", "types.so", &commands) else {
        return;
    };
    // Pointers are those of WebAssembly.
    assert_order(&printed, &["int x;", "struct point *next;", "= 12", "= 4"]);
}

#[test]
fn gdb_prints_variables_of_what_is_not_optimised() {
    for (name, file) in [("c4-O0", "variables4.so"), ("c5-O0", "variables5.so")] {
        let commands = [
            "break lines.c:20",
            "run",
            "info args",
            "info locals",
            "next",
            "next",
            "print sum",
            "up",
            "print point",
            "print point.y",
        ];
        let Some(printed) = gdb_with(name, &["-O0"], file, &commands) else {
            return;
        };
        let expected = [
            "count = 3",
            "i = 0",
            "sum = 6",
            "= 13",
            "fail (count=3)",
            "= {x = 3, y = 7, next = 0x0}",
            "= 7",
        ];
        assert_order(&printed, &expected);
    }
}

/// The offset of the one instruction that divides in the function `work`, and a
/// disassembly of that function with lines.
fn division(artefact: &Path) -> Option<(String, String)> {
    let arguments = ["-dl", "--no-show-raw-insn", "--disassemble=work"];
    let output = Command::new("objdump")
        .args(arguments)
        .arg(artefact)
        .output();
    let printed = text(&installed("objdump", output)?);
    let line = printed.lines().find(|line| line.contains("idiv"));
    let offset = line
        .and_then(|line| line.split_once(':'))
        .expect("it divides")
        .0;
    Some((offset.trim().to_owned(), printed))
}

#[test]
#[cfg(target_arch = "x86_64")]
fn disassemblers_and_profilers_find_lines() {
    let artefact = artefact("c5-O2", &[], "lines.so");
    let Some((offset, printed)) = division(&artefact) else {
        return;
    };
    assert_order(
        &printed,
        &["/src/lines.c:16", "divide():", "/src/lines.c:13", "idiv"],
    );
    let output = Command::new("addr2line")
        .args(["-f", "-i", "-e"])
        .arg(&artefact)
        .arg(&offset)
        .output();
    let Some(output) = installed("addr2line", output) else {
        return;
    };
    let printed = text(&output);
    let lines: Vec<&str> = printed.lines().collect();
    // Linkers of line tables add what they know besides.
    assert!(lines[1].starts_with("/src/lines.c:13"), "{printed}");
    assert!(lines[3].starts_with("/src/lines.c:20"), "{printed}");
    assert_eq!((lines[0], lines[2]), ("divide", "work"));
}

#[test]
fn nothing_complains_about_the_debug_information() {
    for (name, file) in [
        ("c4-O2", "check4.so"),
        ("c5-O2", "check5.so"),
        ("rust", "check.so"),
    ] {
        for emit in ["so", "obj"] {
            let artefact = artefact(name, &["--emit", emit], file);
            let output = Command::new("readelf")
                .args(["--debug-dump=info,abbrev,rawline,decodedline,Ranges"])
                .arg(&artefact)
                .env("LC_ALL", "C")
                .output();
            let Some(output) = installed("readelf", output) else {
                return;
            };
            assert!(
                output.status.success() && output.stderr.is_empty(),
                "{}",
                describe(&output)
            );
        }
    }
}

/// A program of C with the object file of a module in it. It calls a function that
/// needs no instance.
#[cfg(target_arch = "x86_64")]
fn linked(folder: &Path) -> Option<PathBuf> {
    let object = artefact("c5-O2", &["--emit", "obj", "--name", "app"], "lines.o");
    let (main, program) = (folder.join("main.c"), folder.join("program"));
    let source = "unsigned app_add(void *instance, int a, int b, int *sum);\n\
        int main(void) { int sum; return app_add(0, 1, -2, &sum) + sum; }\n";
    fs::write(&main, source).unwrap();
    let output = Command::new("cc")
        .arg("-g")
        .args([&main, &object])
        .arg("-o")
        .arg(&program)
        .output();
    let output = installed("cc", output)?;
    assert!(output.status.success(), "{}", describe(&output));
    Some(program)
}

#[test]
#[cfg(target_arch = "x86_64")]
fn object_files_bring_their_lines_into_programs() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = linked(folder.path()) else {
        return;
    };
    let Some((offset, _)) = division(&program) else {
        return;
    };
    let line = format!("info line *0x{offset}");
    let output = Command::new("gdb")
        .args(["-nx", "-batch", "-ex", &line, "-ex", "info line main"])
        .args(["-ex", "info scope work"])
        .arg(&program)
        .env("LC_ALL", "C")
        .output();
    let Some(output) = installed("gdb", output) else {
        return;
    };
    let expected = ["Line 13 of \"lines.c\"", "main.c", "Symbol point"];
    assert_order(&text(&output), &expected);
}

/// Valgrind reads debug information of files with something writable in them alone:
/// of programs, not of artefacts.
#[test]
#[cfg(target_arch = "x86_64")]
fn valgrind_counts_by_lines_in_programs() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = linked(folder.path()) else {
        return;
    };
    let counts = folder.path().join("counts");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--dump-line=yes"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(&program)
        .output();
    let Some(output) = installed("valgrind", output) else {
        return;
    };
    assert_eq!(output.status.code(), Some(0), "{}", describe(&output));
    let counts = fs::read_to_string(counts).unwrap();
    let expected = [") /src/lines.c"];
    assert_order(&counts, &expected);
}

/// Although what runs is a copy without a name.
#[test]
fn perf_knows_functions_and_lines_without_any_option() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("spin.wat"), SPIN).unwrap();
    let output = wasm_aot()
        .args(["compile", "spin.wat", "-o", "spin.so"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", describe(&output));
    let perf = |arguments: &[&str]| {
        let mut perf = Command::new("perf");
        // Where it keeps copies of what it has seen.
        perf.env("HOME", folder.path()).current_dir(&folder);
        installed("perf", perf.args(arguments).output())
    };
    let program = env!("CARGO_BIN_EXE_wasm-aot");
    let record = ["record", "--quiet", "--event", "cpu-clock", program];
    let run = ["run", "spin.so", "--invoke", "spin", "100000000"];
    let Some(output) = perf(&[&record[..], &run].concat()) else {
        return;
    };
    if !path("perf.data").exists() {
        // The kernel may not let us.
        eprintln!("skipped: {}", describe(&output));
        return;
    }
    let report = perf(&["report", "--stdio", "--sort", "dso,symbol"]).unwrap();
    let report = text(&report);
    let top = report.lines().find(|line| line.contains('%')).unwrap();
    assert!(
        top.contains("spin.so") && top.ends_with("[.] turn"),
        "{report}"
    );
    let annotated = text(&perf(&["annotate", "--stdio", "turn"]).unwrap());
    assert!(annotated.contains("turn"), "{annotated}");
}

const SPIN: &str = r#"
(module
  (func $turn (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 1103515245)) (local.get 0)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "spin") (param i32) (result i32) (call $turn (local.get 0))))
"#;

/// The loader reserves gigabytes for a memory, of which nothing is there.
#[test]
fn a_core_dump_has_what_a_memory_uses_and_no_more() {
    let artefact = artefact("c5-O2", &[], "core.so");
    let folder = tempfile::tempdir().unwrap();
    let core = folder.path().join("core");
    let run = format!(
        "run run --verify trusted {} --invoke fail 3 < /dev/null",
        artefact.display()
    );
    let generate = format!("generate-core-file {}", core.display());
    let gdb = |arguments: &[&str]| {
        let output = Command::new("gdb")
            .args(["-nx", "-batch", "-iex", "set debuginfod enabled off"])
            .args(arguments)
            .env("LC_ALL", "C")
            .output();
        Some(text(&installed("gdb", output)?))
    };
    let program = env!("CARGO_BIN_EXE_wasm-aot");
    let Some(printed) = gdb(&["-ex", &run, "-ex", &generate, program]) else {
        return;
    };
    let size = fs::metadata(&core).map(|file| file.len());
    let size = size.unwrap_or_else(|error| panic!("{error}: {printed}"));
    assert!(size < 1 << 30, "{size} bytes");
    let core = core.to_str().unwrap();
    let printed = gdb(&["-ex", "backtrace", program, core]).expect("it is installed");
    let expected = [
        "divide (a=<optimized out>",
        "work (point=<optimized out>",
        "fail (count=<optimized out>) at",
    ];
    assert_order(&printed, &expected);
}

/// Of a program that a module is linked into.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_core_dump_has_symbols() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = linked(folder.path()) else {
        return;
    };
    let core = folder.path().join("core");
    let gdb = |commands: &[&str], core: Option<&Path>| {
        let mut gdb = Command::new("gdb");
        gdb.args(["-nx", "-batch", "-iex", "set debuginfod enabled off"]);
        for command in commands {
            gdb.args(["-ex", command]);
        }
        let output = gdb.arg(&program).args(core).env("LC_ALL", "C").output();
        Some(text(&installed("gdb", output)?))
    };
    let generate = format!("generate-core-file {}", core.display());
    if gdb(&["break app_add", "run", &generate], None).is_none() {
        return;
    }
    let printed = gdb(&["backtrace"], Some(&core)).expect("it is installed");
    let expected = [
        "add (a=<optimized out>, b=<optimized out>) at lines.c:3",
        "main () at ",
    ];
    assert_order(&printed, &expected);
}

#[test]
fn what_has_debug_information_is_reproduced_with_it() {
    for level in ["-O0", "-O2"] {
        let artefact = artefact("c5-O2", &[level], &format!("reproduced{level}.so"));
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/debug/c5-O2.wasm");
        let mut command = wasm_aot();
        command.arg("reproduce").arg(artefact).arg(module);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", describe(&output));
    }
}
