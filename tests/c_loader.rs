//! `examples/c-loader` is a loader in plain C: it compiles without a warning, on
//! each machine, and runs what the compiler makes for it, under an emulator if it
//! is another one. So it does what the machine's linker makes of an object file. What
//! is not installed is skipped, visibly.

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{describe, installed, wasm_aot};
use tempfile::TempDir;

/// A machine: its name for `--target`, a C compiler for it, and what runs its
/// programs.
struct Machine {
    name: &'static str,
    compiler: &'static str,
    emulator: &'static [&'static str],
    /// Linkers, besides the usual one, as the C compiler calls them.
    linkers: &'static [&'static str],
}

const X86_64: Machine = Machine {
    name: "x86_64",
    compiler: "cc",
    emulator: &[],
    linkers: &["mold", "lld", "gold"],
};
const AARCH64: Machine = Machine {
    name: "aarch64",
    compiler: "aarch64-linux-gnu-gcc",
    emulator: &["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"],
    linkers: &[],
};
const RISCV64: Machine = Machine {
    name: "riscv64",
    compiler: "riscv64-linux-gnu-gcc",
    emulator: &["qemu-riscv64-static", "-L", "/usr/riscv64-linux-gnu"],
    linkers: &[],
};

#[test]
#[cfg(target_arch = "x86_64")]
fn x86_64_runs_programs_and_reports_traps() {
    check(&X86_64);
}

#[test]
fn aarch64_runs_programs_and_reports_traps() {
    check(&AARCH64);
}

#[test]
fn riscv64_runs_programs_and_reports_traps() {
    check(&RISCV64);
}

/// A fault of what it runs is an error for valgrind, so nothing traps here.
#[test]
#[cfg(target_arch = "x86_64")]
fn x86_64_runs_under_valgrind() {
    use common::VALGRIND;
    let scratch = tempfile::tempdir().unwrap();
    let Some(loader) = Loader::build(&X86_64, &scratch) else {
        return;
    };
    let module = scratch.path().join("module.wat");
    fs::write(&module, MODULE).unwrap();
    let artefact = loader.compile(&module);
    for (arguments, printed) in [
        (&["weigh", "-1", "2", "0.5", "0.25"][..], "0.875\n"),
        (&["indirect", "1", "20"], "400\n"),
        (&["peek", "65536"], "1852796776\n"),
        (&["grown"], "1\n3\n"),
    ] {
        let output = Command::new(VALGRIND[0])
            .args(&VALGRIND[1..])
            .arg(&loader.path)
            .arg(&artefact)
            .args(arguments)
            .output();
        let Some(output) = installed(VALGRIND[0], output) else {
            return;
        };
        assert!(output.status.success(), "{}", describe(&output));
        assert_eq!(String::from_utf8_lossy(&output.stdout), printed);
    }
}

#[test]
fn the_loader_has_less_than_500_lines() {
    let lines = ["abi.h", "loader.c"].map(|name| {
        let text = fs::read_to_string(folder().join(name)).unwrap();
        text.lines().count()
    });
    assert!(lines.iter().sum::<usize>() < 500, "{lines:?}");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/c-loader")
}

/// What the machine's processors have in common is enough for all of this.
fn check(machine: &Machine) {
    let scratch = tempfile::tempdir().unwrap();
    let Some(loader) = Loader::build(machine, &scratch) else {
        return;
    };

    let (program, expected) = ("examples/forth/forth.wasm", "examples/forth/stdout");
    let artefact = loader.compile(&root().join(program));
    let mut command = loader.command(&artefact, &[]);
    command.stdin(File::open(root().join("examples/forth/stdin")).unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", describe(&output));
    assert!(output.stdout == fs::read(root().join(expected)).unwrap());

    let module = scratch.path().join("module.wat");
    fs::write(&module, MODULE).unwrap();
    check_module(&loader, &loader.compile(&module));
    check_module(&loader, &loader.link(&module, &[]));
    for linker in machine.linkers {
        let tool = format!("ld.{linker}");
        let version = Command::new(&tool).arg("--version").output();
        if installed(&tool, version).is_some() {
            let linker = format!("-fuse-ld={linker}");
            check_module(&loader, &loader.link(&module, &[&linker]));
        }
    }
}

/// Functions of [`MODULE`] in an artefact do what they should.
fn check_module(loader: &Loader<'_>, artefact: &Path) {
    for (arguments, printed) in [
        (&["gcd", "1071", "462"][..], "21\n"),
        (&["weigh", "-1", "2", "0.5", "0.25"], "0.875\n"),
        (&["indirect", "0", "20"], "40\n"),
        (&["indirect", "1", "20"], "400\n"),
        (&["peek", "65536"], "1852796776\n"),
        (&["grown"], "1\n3\n"),
        (&["floor", "-2.5"], "-3\n"),
        (&["divide", "-9", "2"], "-4\n"),
    ] {
        let output = loader.run(artefact, arguments);
        assert!(output.status.success(), "{}", describe(&output));
        assert_eq!(String::from_utf8_lossy(&output.stdout), printed);
    }
    for (arguments, message) in [
        (&["peek", "131072"][..], "trap 2\n"),
        (&["indirect", "2", "20"], "trap 6\n"),
        (&["indirect", "4", "20"], "trap 5\n"),
        (&["indirect", "3", "20"], "trap 7\n"),
        (&["divide", "1", "0"], "trap 9\n"),
        (&["divide", "-2147483648", "-1"], "trap 8\n"),
        (&["endless"], "trap 1\n"),
        (&["unreachable"], "trap 11\n"),
    ] {
        let output = loader.run(artefact, arguments);
        assert_eq!(output.status.code(), Some(134), "{}", describe(&output));
        assert_eq!(String::from_utf8_lossy(&output.stderr), message);
    }
}

const MODULE: &str = r#"
(module
  (type $unary (func (param i32) (result i32)))
  (memory 2 4)
  (data (i32.const 65536) "hoon")
  (table 4 4 funcref)
  (elem (i32.const 0) $double $square)
  (elem (i32.const 3) $endless)
  (global $two (mut i32) (i32.const 2))
  (func $double (type $unary) (i32.mul (local.get 0) (global.get $two)))
  (func $square (type $unary) (i32.mul (local.get 0) (local.get 0)))
  (func (export "gcd") (param $a i32) (param $b i32) (result i32)
    (loop $again (result i32)
      (if (result i32) (i32.eqz (local.get $b))
        (then (local.get $a))
        (else
          (local.get $b)
          (local.set $b (i32.rem_u (local.get $a) (local.get $b)))
          (local.set $a)
          (br $again)))))
  (func (export "weigh") (param i32 i64 f32 f64) (result f64)
    (f64.add
      (f64.mul (f64.convert_i32_s (local.get 0)) (f64.promote_f32 (local.get 2)))
      (f64.mul (f64.convert_i64_s (local.get 1)) (local.get 3)))
    (f64.const 0.875) (f64.add))
  (func (export "indirect") (param i32 i32) (result i32)
    (call_indirect (type $unary) (local.get 1) (local.get 0)))
  (func (export "peek") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "grown") (result i32 i32)
    (drop (memory.grow (i32.const 1)))
    (i32.eq (memory.grow (i32.const 9)) (i32.const -1)) (memory.size))
  (func (export "floor") (param f64) (result f64) (f64.floor (local.get 0)))
  (func (export "divide") (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1)))
  (func $endless (export "endless") (call $endless) (call $endless))
  (func (export "unreachable") (unreachable)))
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The loader for a machine, compiled.
struct Loader<'a> {
    machine: &'a Machine,
    path: PathBuf,
    scratch: &'a TempDir,
}

impl<'a> Loader<'a> {
    fn build(machine: &'a Machine, scratch: &'a TempDir) -> Option<Loader<'a>> {
        if let Some(emulator) = machine.emulator.first() {
            installed(emulator, Command::new(emulator).arg("--version").output())?;
        }
        let path = scratch.path().join("loader");
        let output = Command::new(machine.compiler)
            .args([
                "-std=c99",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-pedantic",
                "-O1",
            ])
            .args(["loader.c", "wasi.c", "-ldl", "-o"])
            .arg(&path)
            .current_dir(folder())
            .output();
        let output = installed(machine.compiler, output)?;
        assert!(output.status.success(), "{}", describe(&output));
        Some(Loader {
            machine,
            path,
            scratch,
        })
    }

    fn compile(&self, source: &Path) -> PathBuf {
        let artefact = self.scratch.path().join("module.so");
        let output = wasm_aot()
            .args(["compile", "--target", self.machine.name])
            .arg(source)
            .arg("-o")
            .arg(&artefact)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", describe(&output));
        artefact
    }

    /// An artefact that the machine's linker makes of an object file.
    fn link(&self, source: &Path, arguments: &[&str]) -> PathBuf {
        let [object, artefact] =
            ["module.o", "linked.so"].map(|name| self.scratch.path().join(name));
        let output = wasm_aot()
            .args(["compile", "--emit", "obj", "--name", "module"])
            .args(["--target", self.machine.name])
            .arg(source)
            .arg("-o")
            .arg(&object)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", describe(&output));
        let output = Command::new(self.machine.compiler)
            .args(["-shared", "-nostdlib"])
            // By which the loader finds the one module of a file.
            .arg("-Wl,--defsym=wasm_aot_module=module_Zmodule")
            .args(arguments)
            .arg(&object)
            .arg("-o")
            .arg(&artefact)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", describe(&output));
        artefact
    }

    fn command(&self, artefact: &Path, arguments: &[&str]) -> Command {
        let mut words = self.machine.emulator.to_vec();
        words.push(self.path.to_str().unwrap());
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(artefact).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, artefact: &Path, arguments: &[&str]) -> Output {
        self.command(artefact, arguments).output().unwrap()
    }
}
