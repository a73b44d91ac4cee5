//! Keys, signatures and digests from the command line, where a transcript cannot show
//! them: files that change, permissions, and what other programs make of them.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{describe, installed, wasm_aot};
use tempfile::TempDir;
use wasm_aot_loader::Seal;

const WAT: &str = r#"(module (func $named (export "f") (result i32) (i32.const 7)))"#;

/// A folder with a module and its artefact.
fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("app.wat"), WAT).unwrap();
    succeed(&folder, &["compile", "app.wat"]);
    let artefact = folder.path().join("app.so");
    (folder, artefact)
}

fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = wasm_aot();
    command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn succeed(folder: &TempDir, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        describe(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The message of what must fail.
fn fail(folder: &TempDir, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{arguments:?}: {}",
        describe(&output)
    );
    String::from_utf8(output.stderr).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_for_their_owner_and_signatures_for_who_has_the_other_half() {
    let (folder, artefact) = folder();
    succeed(&folder, &["keygen", "-o", "one"]);
    succeed(&folder, &["keygen", "-o", "two"]);
    let path = |name: &str| folder.path().join(name);
    assert_eq!(mode(&path("one")), 0o600);
    assert_eq!(mode(&path("one.pub")) & 0o400, 0o400);
    assert_ne!(
        fs::read(path("one")).unwrap(),
        fs::read(path("two")).unwrap()
    );
    // What is there stays.
    let before = fs::read(path("one")).unwrap();
    fail(&folder, &["keygen", "-o", "one"]);
    assert_eq!(fs::read(path("one")).unwrap(), before);
    // Nor is half of a pair left behind.
    fs::write(path("three.pub"), "something else").unwrap();
    fail(&folder, &["keygen", "-o", "three"]);
    assert!(!path("three").exists());

    // Signing changes the seal and nothing else, not even permissions.
    let unsigned = fs::read(&artefact).unwrap();
    fs::set_permissions(&artefact, fs::Permissions::from_mode(0o750)).unwrap();
    succeed(&folder, &["sign", "--key", "one", "app.so"]);
    assert_eq!(mode(&artefact), 0o750);
    let signed = fs::read(&artefact).unwrap();
    let seal = Seal::read(&signed).unwrap();
    assert_eq!(signed.len(), unsigned.len());
    let changed: Vec<_> = (0..signed.len())
        .filter(|&at| signed[at] != unsigned[at])
        .collect();
    let room = seal.offset() + 4..seal.offset() + 136;
    assert!(!changed.is_empty() && changed.iter().all(|at| room.contains(at)));
    assert_eq!(
        succeed(
            &folder,
            &["run", "--key", "one.pub", "app.so", "--invoke", "f"]
        ),
        "7\n"
    );
    fail(
        &folder,
        &["run", "--key", "two.pub", "app.so", "--invoke", "f"],
    );
    // It is the same as when it is signed at once.
    succeed(
        &folder,
        &["compile", "app.wat", "--sign", "one", "-o", "at-once.so"],
    );
    assert_eq!(fs::read(path("at-once.so")).unwrap(), signed);
    succeed(&folder, &["sign", "--key", "two", "app.so", "at-once.so"]);
    succeed(
        &folder,
        &["verify", "--key", "two.pub", "app.so", "at-once.so"],
    );
}

#[test]
fn openssl_reads_keys_and_checks_signatures() {
    let (folder, artefact) = folder();
    succeed(&folder, &["keygen", "-o", "key"]);
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(&folder)
            .output();
        let output = installed("openssl", output)?;
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            describe(&output)
        );
        Some(output.stdout)
    };
    let Some(public) = openssl(&["pkey", "-in", "key", "-pubout"]) else {
        return;
    };
    assert_eq!(public, fs::read(folder.path().join("key.pub")).unwrap());
    succeed(&folder, &["sign", "--key", "key", "app.so"]);
    let artefact = fs::read(&artefact).unwrap();
    let seal = *Seal::read(&artefact).unwrap().fields();
    fs::write(folder.path().join("message"), seal.signed_message()).unwrap();
    fs::write(folder.path().join("signature"), seal.signature).unwrap();
    let verify = ["pkeyutl", "-verify", "-rawin", "-in", "message"];
    openssl(
        &[
            &verify[..],
            &["-pubin", "-inkey", "key.pub", "-sigfile", "signature"],
        ]
        .concat(),
    );
    // And the other way round.
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", "theirs"]);
    openssl(&["pkey", "-in", "theirs", "-pubout", "-out", "theirs.pub"]);
    succeed(&folder, &["sign", "--key", "theirs", "app.so"]);
    succeed(&folder, &["verify", "--key", "theirs.pub", "app.so"]);
}

#[test]
fn a_stripped_artefact_has_to_be_sealed_again() {
    let (folder, artefact) = folder();
    succeed(&folder, &["keygen", "-o", "key"]);
    succeed(&folder, &["sign", "--key", "key", "app.so"]);
    let output = Command::new("strip").arg(&artefact).output();
    if installed("strip", output).is_none() {
        return;
    }
    let wrong = "error: app.so: its digest is wrong: the file is damaged, or a tool (strip, \
                 objcopy) has changed it since it was compiled\n";
    for command in [
        &["run", "--invoke", "f", "app.so"][..],
        &["run", "--verify", "cached", "--invoke", "f", "app.so"],
        &["verify", "app.so"],
        &["sign", "--key", "key", "app.so"],
    ] {
        assert_eq!(fail(&folder, command), wrong, "{command:?}");
    }
    let trusted = ["run", "--verify", "trusted", "--invoke", "f", "app.so"];
    assert_eq!(succeed(&folder, &trusted), "7\n");
    assert!(succeed(&folder, &["inspect", "app.so"]).contains(" (WRONG)\n"));
    succeed(&folder, &["seal", "app.so"]);
    assert_eq!(succeed(&folder, &["run", "--invoke", "f", "app.so"]), "7\n");
    // It is no longer what was signed, nor what the compiler wrote.
    let text = fail(&folder, &["verify", "--key", "key.pub", "app.so"]);
    assert_eq!(text, "error: app.so: it is not signed\n");
    let text = fail(&folder, &["reproduce", "app.so", "app.wat"]);
    assert!(
        text.contains("app.so differs from what app.wat is compiled to"),
        "{text}"
    );
}

#[test]
fn a_byte_of_code_that_was_changed_is_found_by_compiling_again() {
    let (folder, artefact) = folder();
    let mut bytes = fs::read(&artefact).unwrap();
    // The 7 that the function returns.
    let code = bytes.len() - bytes.iter().rev().position(|&byte| byte == 0xb8).unwrap();
    assert_eq!(bytes[code], 7);
    bytes[code] = 8;
    fs::write(&artefact, &bytes).unwrap();
    succeed(&folder, &["seal", "app.so"]);
    assert_eq!(succeed(&folder, &["run", "--invoke", "f", "app.so"]), "8\n");
    let text = fail(&folder, &["reproduce", "app.so", "app.wat"]);
    // The build id is that of what the compiler wrote.
    assert!(text.contains(": 1 of "), "{text}");
    assert!(text.ends_with(" in .text\n"), "{text}");
}

#[test]
fn a_module_from_another_compiler_is_said_to_be() {
    let (folder, artefact) = folder();
    let mut bytes = fs::read(&artefact).unwrap();
    let version = concat!("wasm-aot ", env!("CARGO_PKG_VERSION"), " cranelift");
    let at = (bytes.windows(version.len())).position(|window| window == version.as_bytes());
    bytes[at.unwrap() + 9] = b'9';
    fs::write(&artefact, &bytes).unwrap();
    succeed(&folder, &["seal", "app.so"]);
    let text = fail(&folder, &["reproduce", "app.so", "app.wat"]);
    assert!(
        text.contains("note: app.so was made by wasm-aot 9."),
        "{text}"
    );
}
