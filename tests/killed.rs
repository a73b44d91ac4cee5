//! Compilations that are killed at any moment, and disks that are full at any size: an
//! older artefact is as it was or has been replaced as a whole, and a cache is as good as
//! before.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use common::{describe, wasm_aot};
use tempfile::TempDir;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/json/json.wasm");
/// What is made of it: several files, and a cache.
const COMPILE: [&str; 8] = [
    "compile",
    "app.wasm",
    "-o",
    "app.o",
    "--emit=obj",
    "--header=app.h",
    "--cache",
    "cache",
];
const OUTPUTS: [&str; 2] = ["app.o", "app.h"];
/// How many compilations are killed.
const KILLS: u32 = 40;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(PROGRAM, folder.path().join("app.wasm")).unwrap();
    folder
}

#[track_caller]
fn succeed(output: &Output) {
    assert!(output.status.success(), "{}", describe(output));
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn a_compilation_killed_at_any_moment_leaves_whole_files() {
    let (folder, reference) = (folder(), folder());
    // How long it takes, and what comes out, without a cache and with one.
    let mut times = Vec::new();
    for _ in 0..2 {
        let start = Instant::now();
        let output = wasm_aot().current_dir(&reference).args(COMPILE).output();
        succeed(&output.unwrap());
        times.push(start.elapsed());
    }
    let new = OUTPUTS.map(|name| read(reference.path(), name));
    let (mut killed, mut whole) = (0, 0);
    for nth in 0..KILLS {
        for name in OUTPUTS {
            fs::write(folder.path().join(name), "older").unwrap();
        }
        let full = &mut times[usize::from(nth >= KILLS / 2)];
        let mut child = wasm_aot()
            .current_dir(&folder)
            .args(COMPILE)
            .spawn()
            .unwrap();
        // All moments, and more of those near the end, when files are written.
        let part = match nth % 2 {
            0 => f64::from(nth % (KILLS / 2)) / f64::from(KILLS / 2),
            _ => 0.8 + 0.4 * f64::from(nth % (KILLS / 2)) / f64::from(KILLS / 2),
        };
        thread::sleep(full.mul_f64(part));
        child.kill().unwrap();
        let too_late = child.wait().unwrap().code().is_some();
        killed += u32::from(!too_late);
        // It takes less time than when others had more of the machine.
        if too_late && part < 0.9 {
            *full = full.mul_f64(0.8);
        }
        // The first file is given its place before the second one.
        let found = OUTPUTS.map(|name| read(folder.path(), name));
        for (found, new) in found.iter().zip(&new) {
            assert!(found == b"older" || found == new, "at {part} of the time");
        }
        whole += u32::from(found == new);
        for entry in fs::read_dir(&folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            // Between two system calls a file has a temporary name.
            let known = ["app.wasm", "app.o", "app.h", "cache"].contains(&&*name);
            assert!(known || name.ends_with(".wasm-aot-tmp"), "{name}");
        }
    }
    println!("{killed} of {KILLS} were killed, {whole} had replaced the files");
    assert!(killed > KILLS / 8);
    // The cache that all of them have used is of use.
    let output = wasm_aot().current_dir(&folder).args(COMPILE).output();
    succeed(&output.unwrap());
    assert_eq!(OUTPUTS.map(|name| read(folder.path(), name)), new);
}

/// Runs a compilation that can write no more than so many blocks of 512 bytes to a file.
fn compile_to_full_disk(folder: &Path, blocks: u64) -> Output {
    Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f $1; shift; exec \"$0\" \"$@\"",
        ])
        .arg(env!("CARGO_BIN_EXE_wasm-aot"))
        .arg(blocks.to_string())
        .args(COMPILE)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn a_disk_full_at_any_size_leaves_whole_files() {
    let folder = folder();
    let reference = tempfile::tempdir().unwrap();
    fs::copy(PROGRAM, reference.path().join("app.wasm")).unwrap();
    let output = wasm_aot().current_dir(&reference).args(COMPILE).output();
    succeed(&output.unwrap());
    let new = OUTPUTS.map(|name| read(reference.path(), name));
    let size = |bytes: &[u8]| (bytes.len() as u64).div_ceil(512);
    let (object, header) = (size(&new[0]), size(&new[1]));
    let cache = fs::read_dir(reference.path().join("cache")).unwrap();
    let cache: u64 = cache
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    let cache = cache.div_ceil(512);
    let sizes = [0, 1, header - 1, header, object / 2, object - 1];
    for blocks in sizes {
        for name in OUTPUTS {
            fs::write(folder.path().join(name), "older").unwrap();
        }
        let output = compile_to_full_disk(folder.path(), blocks);
        assert_eq!(output.status.code(), Some(1), "{}", describe(&output));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("File too large"), "{errors}");
        for name in OUTPUTS {
            assert_eq!(read(folder.path(), name), b"older", "{blocks} blocks");
        }
        let names = fs::read_dir(&folder).unwrap().count();
        assert!(names <= 4, "nothing else is left");
    }
    // Enough for the output and not for the cache: that is a warning at most.
    let _ = fs::remove_dir_all(folder.path().join("cache"));
    let enough = object.max(header);
    let output = compile_to_full_disk(folder.path(), enough);
    succeed(&output);
    assert_eq!(OUTPUTS.map(|name| read(folder.path(), name)), new);
    if cache > enough {
        let warned = String::from_utf8_lossy(&output.stderr);
        assert!(warned.contains("warning: "), "{warned}");
    }
    // What is left of it does no harm.
    let output = wasm_aot().current_dir(&folder).args(COMPILE).output();
    succeed(&output.unwrap());
    assert_eq!(OUTPUTS.map(|name| read(folder.path(), name)), new);
}

/// A cache in which every file was cut somewhere, as a system that crashes may do.
#[test]
fn a_cache_that_was_cut_off_is_of_use_as_far_as_it_goes() {
    let folder = folder();
    let compile = || {
        let output = wasm_aot().current_dir(&folder).args(COMPILE).output();
        succeed(&output.unwrap());
        read(folder.path(), "app.o")
    };
    let new = compile();
    let file = fs::read_dir(folder.path().join("cache")).unwrap().next();
    let file = file.unwrap().unwrap().path();
    let whole = fs::read(&file).unwrap();
    let mut reached = Duration::ZERO;
    for part in [0, 1, 10, 51, 52, 53, whole.len() / 2, whole.len() - 1] {
        let start = Instant::now();
        fs::write(&file, &whole[..part]).unwrap();
        assert!(compile() == new, "{part} bytes");
        assert!(fs::read(&file).unwrap() == whole, "it is whole again");
        reached = reached.max(start.elapsed());
    }
    println!("the slowest took {reached:?}");
}
