//! Opening artefacts, and refusing what is none.

use std::fs;
use std::path::Path;

use wasm_aot_abi::{CpuFeatures, Descriptor, System, Target, Wire};
use wasm_aot_compiler::{Cpu, Emit, Options, compile};
use wasm_aot_loader::{Description, Imports, Instance, Module, OpenError, Store};

use crate::support::{artefact, open_changed};

fn returning(n: i32) -> Vec<u8> {
    artefact(&format!(
        r#"(module (func (export "f") (result i32) (i32.const {n})))"#
    ))
}

fn call(module: &Module) -> i32 {
    let mut store = Store::new();
    let instance = Instance::new(&mut store, module, &Imports::new()).unwrap();
    let func = instance.get_typed_func::<(), i32>(&store, "f").unwrap();
    func.call(&mut store, ()).unwrap()
}

/// Writes a file beside its target and renames it, as the compiler does.
fn replace(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, bytes).unwrap();
    fs::rename(&new, path).unwrap();
}

#[test]
fn a_replaced_file_gives_the_new_code() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("replaced.so");
    let mut modules = Vec::new();
    for n in 0..5 {
        replace(&path, &returning(n));
        modules.push(Module::open(&path).unwrap());
        // All of those that are open keep theirs.
        for (expected, module) in (0..).zip(&modules) {
            assert_eq!(call(module), expected);
        }
    }
    modules.clear();
    assert_eq!(call(&Module::open(&path).unwrap()), 4);
}

#[test]
fn files_of_one_name_in_different_directories_are_different() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let open = |(index, dir): (usize, &tempfile::TempDir)| {
        let path = dir.path().join("same.so");
        fs::write(&path, returning(index as i32)).unwrap();
        Module::open(&path).unwrap()
    };
    let modules: Vec<_> = dirs.iter().enumerate().map(open).collect();
    assert_eq!(call(&modules[0]), 0);
    assert_eq!(call(&modules[1]), 1);
}

#[test]
fn a_file_can_be_removed_while_it_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("removed.so");
    fs::write(&path, returning(1)).unwrap();
    let module = Module::open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(call(&module), 1);
    fs::write(&path, returning(2)).unwrap();
    assert_eq!(call(&Module::open(&path).unwrap()), 2);
    assert_eq!(call(&module), 1);
}

#[test]
fn links_to_a_file_lead_to_the_same_code() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("original.so");
    fs::write(&path, returning(1)).unwrap();
    let (hard, soft) = (dir.path().join("hard.so"), dir.path().join("soft.so"));
    fs::hard_link(&path, &hard).unwrap();
    std::os::unix::fs::symlink(&path, &soft).unwrap();
    let modules = [&path, &hard, &soft].map(|path| Module::open(path).unwrap());
    assert!(modules.iter().all(|module| call(module) == 1));
    replace(&hard, &returning(2));
    assert_eq!(call(&Module::open(&hard).unwrap()), 2);
    assert_eq!(call(&Module::open(&path).unwrap()), 1);
    drop(modules);
    assert_eq!(call(&Module::open(&hard).unwrap()), 2);
}

#[test]
fn a_name_that_another_part_of_the_process_has_loaded_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("foreign.so");
    fs::write(&path, returning(1)).unwrap();
    // SAFETY: artefacts have no constructors.
    let loaded = unsafe { libloading::Library::new(&path).unwrap() };
    assert_eq!(call(&Module::open(&path).unwrap()), 1);
    replace(&path, &returning(2));
    assert_eq!(call(&Module::open(&path).unwrap()), 2);
    loaded.close().unwrap();
    assert_eq!(call(&Module::open(&path).unwrap()), 2);
}

#[test]
fn paths_may_be_relative_and_not_unicode() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir_in(".").unwrap();
    let name = std::ffi::OsStr::from_bytes(b"odd \xff name.so");
    let path = dir.path().join(name);
    fs::write(&path, returning(3)).unwrap();
    let path = path
        .strip_prefix(std::env::current_dir().unwrap())
        .unwrap_or(&path);
    assert_eq!(call(&Module::open(path).unwrap()), 3);
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.so");
    let text = |path: &Path| {
        let error = Module::open(path).unwrap_err();
        assert!(matches!(error, OpenError::Read { .. }), "{error:?}");
        assert!(std::error::Error::source(&error).is_some());
        error.to_string()
    };
    assert_eq!(text(&missing), format!("cannot read {}", missing.display()));
    text(dir.path());
}

fn error(bytes: &[u8]) -> OpenError {
    open_changed(bytes).expect_err("it is no artefact of this host")
}

#[test]
fn files_that_are_no_artefacts_are_told_so() {
    assert!(matches!(error(b""), OpenError::NotElf));
    assert!(matches!(error(b"\0asm\x01\0\0\0"), OpenError::NotElf));
    assert!(matches!(error(b"#!/bin/sh\n"), OpenError::NotElf));
    assert!(matches!(error(b"!<arch>\n/"), OpenError::NotSharedObject));
    let library = error(b"MZ\x90\0\x03\0\0\0").to_string();
    assert!(
        library.starts_with("made for x86_64-pc-windows-gnu, but"),
        "{library}"
    );
    assert!(matches!(error(b"\x7fELF"), OpenError::Truncated { .. }));
    // This very program: an executable with much that an artefact has not.
    let this = fs::read(std::env::current_exe().unwrap()).unwrap();
    let this = error(&this).to_string();
    assert!(this.starts_with("an artefact must not have"), "{this}");
}

/// An artefact, a place in it, and what is written there.
fn patched(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut artefact = returning(0);
    artefact[at..at + bytes.len()].copy_from_slice(bytes);
    artefact
}

/// Where the descriptor is in the file.
fn descriptor() -> usize {
    let artefact = returning(0);
    let magic = wasm_aot_abi::MAGIC;
    artefact
        .windows(8)
        .position(|window| window == magic)
        .unwrap()
}

/// An artefact whose descriptor was changed.
fn with_descriptor(change: impl FnOnce(&mut Descriptor)) -> Vec<u8> {
    let at = descriptor();
    let artefact = returning(0);
    let mut fields = Descriptor::decode(&artefact[at..]);
    change(&mut fields);
    let mut bytes = vec![0; Descriptor::SIZE];
    fields.encode(&mut bytes);
    patched(at, &bytes)
}

#[test]
fn artefacts_for_other_machines_are_named() {
    /// `e_machine`.
    const MACHINE: usize = 18;
    for target in Target::ALL {
        if Target::HOST == Some(target) {
            continue;
        }
        let text = error(&artefact_for(target)).to_string();
        assert!(
            text.starts_with(&format!("made for {target}, but this host is")),
            "{text}"
        );
    }
    let text = error(&patched(MACHINE, &22u16.to_le_bytes())).to_string();
    assert!(text.starts_with("made for machine 22,"), "{text}");
    let text = error(&with_descriptor(|fields| fields.target = 9)).to_string();
    assert!(text.starts_with("made for target 9,"), "{text}");
    assert!(matches!(
        error(&patched(4, &[1])),
        OpenError::NotSharedObject
    ));
    assert!(matches!(
        error(&patched(5, &[2])),
        OpenError::NotSharedObject
    ));
    assert!(matches!(
        error(&patched(16, &[2])),
        OpenError::NotSharedObject
    ));
}

#[test]
fn artefacts_for_other_machines_can_be_described() {
    let linux = |target: &Target| target.system() == System::Linux;
    for target in Target::ALL.into_iter().filter(linux) {
        let description = Description::from_bytes(artefact_for(target)).unwrap();
        assert_eq!(description.target(), target.triple());
        let exports: Vec<_> = description.exports().map(|export| export.name).collect();
        assert_eq!(exports, ["f"]);
    }
}

/// An artefact for a machine: where there are no shared objects, an object file.
fn artefact_for(target: Target) -> Vec<u8> {
    let options = Options {
        cpu: Cpu::portable(target),
        emit: match target.system() {
            System::Linux => Emit::SharedObject,
            _ => Emit::Object,
        },
        ..Options::default()
    };
    compile(br#"(module (func (export "f")))"#, &options).unwrap()
}

#[test]
fn other_versions_of_the_abi_are_refused() {
    let text = error(&with_descriptor(|fields| fields.abi_major = 7)).to_string();
    let (major, minor) = (wasm_aot_abi::ABI_MAJOR, wasm_aot_abi::ABI_MINOR);
    assert_eq!(
        text,
        format!("made for version 7.{minor} of the ABI, but this loader has {major}.{minor}")
    );
    let newer = error(&with_descriptor(|fields| fields.abi_minor += 1));
    assert!(matches!(newer, OpenError::AbiVersion { found, .. } if found == (major, minor + 1)));
}

#[test]
fn unknown_requirements_are_named() {
    let text = error(&with_descriptor(|fields| fields.required |= 1 << 40)).to_string();
    assert_eq!(text, "needs what this loader does not know: bit 40");
    // A hint may be ignored.
    open_changed(&with_descriptor(|fields| fields.optional = 1 << 40)).unwrap();
}

#[test]
fn missing_cpu_features_are_named() {
    let text = error(&with_descriptor(|fields| fields.cpu_features |= 1 << 63)).to_string();
    assert_eq!(text, "needs CPU features that are missing here: bit 63");
    let foreign = match cfg!(target_arch = "x86_64") {
        true => (CpuFeatures::LSE, "lse"),
        false => (CpuFeatures::SSE41, "sse4.1"),
    };
    let text = error(&with_descriptor(|fields| {
        fields.cpu_features |= foreign.0.0
    }))
    .to_string();
    assert_eq!(
        text,
        format!("needs CPU features that are missing here: {}", foreign.1)
    );
}

#[test]
fn unknown_calling_conventions_are_refused() {
    let text = error(&with_descriptor(|fields| fields.convention = 99)).to_string();
    assert_eq!(text, "its code has the unknown calling convention 99");
}

#[test]
fn a_shared_object_without_a_descriptor_is_no_artefact() {
    let mut artefact = returning(0);
    let name = b"wasm_aot_module\0";
    let at = artefact
        .windows(name.len())
        .position(|window| window == name)
        .unwrap();
    artefact[at] = b'W';
    assert!(matches!(error(&artefact), OpenError::NotArtefact));
}
