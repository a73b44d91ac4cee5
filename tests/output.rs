//! What `compile` does to files: the output appears complete or not at all, an
//! older one survives every failure, and the same input gives the same bytes.

mod common;

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use common::{describe, wasm_aot};
use tempfile::TempDir;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/json/json.wasm");

/// A folder with `app.wasm`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(PROGRAM, folder.path().join("app.wasm")).unwrap();
    folder
}

fn compile(folder: &Path, arguments: &[&str]) -> Output {
    wasm_aot()
        .current_dir(folder)
        .arg("compile")
        .args(arguments)
        .output()
        .unwrap()
}

#[track_caller]
fn succeed(folder: &Path, arguments: &[&str]) {
    let output = compile(folder, arguments);
    assert!(output.status.success(), "{}", describe(&output));
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
}

/// Compiling fails with one line that contains `reason`.
#[track_caller]
fn fail(folder: &Path, arguments: &[&str], reason: &str) {
    check_failure(&compile(folder, arguments), reason);
}

#[track_caller]
fn check_failure(output: &Output, reason: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", describe(output));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.starts_with("error: ") && stderr.contains(reason),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().file_name().into())
        .collect();
    names.sort();
    names
}

#[test]
fn the_output_stands_beside_the_input_by_default() {
    let folder = folder();
    succeed(folder.path(), &["app.wasm"]);
    let artefact = folder.path().join("app.so");
    assert!(fs::read(&artefact).unwrap().starts_with(b"\x7fELF"));
    assert_eq!(
        names(folder.path()),
        [Path::new("app.so"), Path::new("app.wasm")]
    );
    let mode = fs::metadata(artefact).unwrap().mode();
    assert_eq!(mode & 0o600, 0o600);
    assert_eq!(mode & 0o111, 0);
}

/// Starts compiling standard input, a pipe, to `app.so`.
fn compile_stdin(folder: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_wasm-aot"))
        .current_dir(folder)
        .args(["compile", "-", "-o", "app.so"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_module_from_a_pipe_gives_the_same_bytes() {
    let folder = folder();
    succeed(folder.path(), &["app.wasm"]);
    let target = folder.path().join("app.so");
    let expected = fs::read(&target).unwrap();
    let module = fs::read(PROGRAM).unwrap();

    fs::remove_file(&target).unwrap();
    let mut child = compile_stdin(folder.path());
    let mut stdin = child.stdin.take().unwrap();
    for piece in module.chunks(1000) {
        stdin.write_all(piece).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", describe(&output));
    assert!(fs::read(&target).unwrap() == expected);

    // A pipe that has a name, and a file that comes as standard input.
    for command in [
        "mkfifo pipe && { cat app.wasm > pipe & } && \"$0\" compile pipe -o pipe.so --name app",
        "\"$0\" compile - -o pipe.so --name app < app.wasm",
    ] {
        let output = Command::new("sh")
            .args(["-c", command, env!("CARGO_BIN_EXE_wasm-aot")])
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", describe(&output));
        let artefact = folder.path().join("pipe.so");
        assert!(fs::read(&artefact).unwrap() == expected, "{command}");
        fs::remove_file(artefact).unwrap();
    }
}

#[test]
fn an_error_in_a_pipe_does_not_wait_for_its_end() {
    let folder = folder();
    let before = names(folder.path());
    let mut child = compile_stdin(folder.path());
    // A type section that ends in a form that does not exist. The pipe stays
    // open.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"\0asm\x01\0\0\0\x01\x02\x01\x11").unwrap();
    let output = child.wait_with_output().unwrap();
    check_failure(&output, "standard input: invalid module: ");
    assert_eq!(names(folder.path()), before);
    drop(stdin);
}

#[test]
fn standard_input_is_not_replaced() {
    let folder = folder();
    let output = Command::new("sh")
        .args(["-c", "\"$0\" compile - -o app.wasm < app.wasm"])
        .arg(env!("CARGO_BIN_EXE_wasm-aot"))
        .current_dir(&folder)
        .output()
        .unwrap();
    check_failure(&output, "the output would replace the input");
}

#[test]
fn an_older_output_is_replaced_and_not_written_into() {
    let folder = folder();
    let (target, link) = (folder.path().join("app.so"), folder.path().join("link"));
    fs::write(&target, "older").unwrap();
    fs::hard_link(&target, &link).unwrap();
    succeed(folder.path(), &["app.wasm"]);
    assert_eq!(fs::read(link).unwrap(), b"older");
    assert_ne!(fs::read(target).unwrap(), b"older");
}

#[test]
fn an_error_in_the_module_leaves_an_older_output_alone() {
    let folder = folder();
    fs::write(
        folder.path().join("bad.wat"),
        "(module (func (result i32)))",
    )
    .unwrap();
    fs::write(folder.path().join("bad.so"), "older").unwrap();
    let before = names(folder.path());
    fail(folder.path(), &["bad.wat"], "at offset 0x");
    assert_eq!(fs::read(folder.path().join("bad.so")).unwrap(), b"older");
    assert_eq!(names(folder.path()), before);
}

#[test]
fn a_full_disk_is_an_error() {
    let folder = folder();
    fail(
        folder.path(),
        &["app.wasm", "-o", "/dev/full"],
        "No space left on device",
    );
    assert!(!fs::metadata("/dev/full").unwrap().is_file());
}

/// A file size limit fails writes midway, as a disk that gets full.
#[test]
fn running_out_of_space_leaves_an_older_output_alone() {
    let folder = folder();
    fs::write(folder.path().join("app.so"), "older").unwrap();
    let before = names(folder.path());
    let output = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 8; exec \"$0\" compile app.wasm",
        ])
        .arg(env!("CARGO_BIN_EXE_wasm-aot"))
        .current_dir(&folder)
        .output()
        .unwrap();
    check_failure(&output, "File too large");
    assert_eq!(fs::read(folder.path().join("app.so")).unwrap(), b"older");
    assert_eq!(names(folder.path()), before);
}

#[test]
fn a_device_is_written_and_not_replaced() {
    let folder = folder();
    succeed(folder.path(), &["app.wasm", "-o", "/dev/null"]);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let folder = folder();
    fail(
        folder.path(),
        &["app.wasm", "-o", "no/app.so"],
        "No such file or directory",
    );
    fail(folder.path(), &["app.wasm", "-o", "."], "directory");
    fail(
        folder.path(),
        &["app.wasm", "-o", "app.wasm"],
        "replace the input",
    );
    fail(
        folder.path(),
        &["app.wasm", "-o", "/proc/app.so"],
        "cannot write /proc/app.so",
    );
}

#[test]
fn a_folder_without_write_permission_is_an_error() {
    let folder = folder();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("app.so"), "older").unwrap();
    fs::set_permissions(&inner, Permissions::from_mode(0o555)).unwrap();
    if fs::write(inner.join("probe"), "").is_ok() {
        fs::remove_file(inner.join("probe")).unwrap();
        // The test harness would hold back what eprintln! prints.
        let notice = "skipped: nothing is forbidden to root\n";
        io::stderr().write_all(notice.as_bytes()).unwrap();
        return;
    }
    fail(
        folder.path(),
        &["app.wasm", "-o", "inner/app.so"],
        "Permission denied",
    );
    assert_eq!(fs::read(inner.join("app.so")).unwrap(), b"older");
}

#[test]
fn a_killed_compilation_leaves_nothing_behind() {
    for signal in ["TERM", "INT", "KILL"] {
        let folder = folder();
        fs::write(folder.path().join("app.so"), "older").unwrap();
        fs::write(folder.path().join("large.wat"), large()).unwrap();
        let before = names(folder.path());
        let mut child = wasm_aot()
            .current_dir(&folder)
            .args(["compile", "large.wat", "-o", "app.so", "-j1"])
            .spawn()
            .unwrap();
        wait_for_temporary_file(child.id());
        let kill = Command::new("kill")
            .args([format!("-{signal}"), child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let status = child.wait().unwrap();
        assert!(status.signal().is_some(), "SIG{signal}: {status}");
        assert_eq!(names(folder.path()), before, "SIG{signal}");
        assert_eq!(fs::read(folder.path().join("app.so")).unwrap(), b"older");
    }
}

/// A module that takes seconds to compile.
fn large() -> String {
    let body =
        "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 3)) (local.get 0)))".repeat(200);
    let function = format!("(func (param i32) (result i32) {body} (local.get 0))");
    format!("(module {})", function.repeat(1000))
}

/// Waits until a process has opened a file that has no name, which is when it
/// has read its input.
fn wait_for_temporary_file(process: u32) {
    for _ in 0..3000 {
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
        let opened = descriptors
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .any(|target| {
                let target = target.to_string_lossy().into_owned();
                target.contains("(deleted)") || target.contains(".wasm-aot-tmp")
            });
        if opened {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("no temporary file was opened");
}

#[test]
fn the_bytes_depend_on_the_module_and_the_options_alone() {
    let (folder, other) = (folder(), folder());
    succeed(folder.path(), &["app.wasm", "-o", "1.so", "-j1"]);
    succeed(folder.path(), &["app.wasm", "-o", "2.so", "-j2"]);
    succeed(folder.path(), &["app.wasm", "-o", "again.so", "-j2"]);
    succeed(other.path(), &["app.wasm"]);
    let absolute = other.path().join("app.wasm");
    succeed(
        folder.path(),
        &[absolute.to_str().unwrap(), "-o", "other.so"],
    );

    let first = fs::read(folder.path().join("1.so")).unwrap();
    for name in ["2.so", "again.so", "other.so"] {
        assert!(
            fs::read(folder.path().join(name)).unwrap() == first,
            "{name}"
        );
    }
    assert!(fs::read(other.path().join("app.so")).unwrap() == first);
}

/// Rust programs ignore SIGPIPE; a Unix tool that nobody listens to any more is
/// ended by it.
#[test]
fn a_closed_standard_output_ends_the_process_by_sigpipe() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let output = wasm_aot()
        .args(["completions", "bash"])
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(13), "{}", describe(&output));
    assert!(output.stderr.is_empty());
}

#[test]
fn a_full_standard_output_is_an_error() {
    let full = fs::File::create("/dev/full").unwrap();
    let output = wasm_aot()
        .args(["completions", "bash"])
        .stdout(full)
        .output()
        .unwrap();
    check_failure(
        &output,
        "cannot write to standard output: No space left on device",
    );
}

#[test]
fn a_damaged_artefact_is_refused() {
    let folder = folder();
    succeed(folder.path(), &["app.wasm"]);
    let artefact = fs::read(folder.path().join("app.so")).unwrap();
    let run = |bytes: &[u8], command: &str| {
        fs::write(folder.path().join("bad.so"), bytes).unwrap();
        let output = wasm_aot()
            .current_dir(&folder)
            .args([command, "bad.so"])
            .output()
            .unwrap();
        check_failure(&output, "bad.so: ");
    };
    for length in [
        0,
        3,
        4,
        63,
        64,
        1000,
        artefact.len() / 2,
        artefact.len() - 1,
    ] {
        run(&artefact[..length], "run");
        run(&artefact[..length], "inspect");
    }
    run(b"(module)", "run");
}
