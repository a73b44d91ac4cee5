//! What was checked is what runs, and who has to have signed it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use wasm_aot_abi::{self as abi, SIGNATURE_ED25519, Wire};
use wasm_aot_loader::{
    Imports, Instance, Module, OpenError, OpenOptions, PublicKey, Seal, Store, Verify,
};

use crate::support::{artefact, reseal};

const ALL: [Verify; 3] = [Verify::Full, Verify::Cached, Verify::TrustedPath];

fn options(verify: Verify) -> OpenOptions {
    OpenOptions::new().verify(verify)
}

/// Returns `n`, which is a byte of its code.
fn returning(n: u8) -> Vec<u8> {
    artefact(&format!(
        r#"(module (memory (export "memory") 1) (data (i32.const 0) "data")
          (func (export "f") (result i32) (i32.const {}))
          (func (export "g") (result i32) (i32.load8_u (i32.const 0))))"#,
        u32::from(n) * 0x0101_0101
    ))
}

/// Calls both functions in a new instance.
fn call(module: &Module) -> (u8, u8) {
    let mut store = Store::new();
    let instance = Instance::new(&mut store, module, &Imports::new()).unwrap();
    let mut call = |name| {
        let func = instance.get_typed_func::<(), i32>(&store, name).unwrap();
        func.call(&mut store, ()).unwrap() as u8
    };
    (call("f"), call("g"))
}

/// A folder with a file in it.
fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.so");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Where two files of the same length differ in their code.
fn difference(one: &[u8], other: &[u8]) -> usize {
    assert_eq!(one.len(), other.len());
    let start = crate::damage::descriptor(one);
    let metadata = abi::Descriptor::decode(&one[start..]).metadata_size as usize;
    (start + metadata..one.len())
        .find(|&at| one[at] != other[at])
        .unwrap()
}

fn sign(file: &mut [u8], key: &SigningKey) {
    let seal = Seal::read(file).unwrap();
    let mut fields = *seal.fields();
    fields.signature_algorithm = SIGNATURE_ED25519;
    fields.signer = key.verifying_key().to_bytes();
    fields.signature = key.sign(&fields.signed_message()).to_bytes();
    fields.encode(&mut file[seal.offset()..][..abi::Seal::SIZE]);
}

fn key(n: u8) -> (SigningKey, PublicKey) {
    let secret = SigningKey::from_bytes(&[n; 32]);
    let public = PublicKey::from_bytes(secret.verifying_key().to_bytes());
    (secret, public)
}

#[test]
fn a_sound_file_opens_whatever_is_checked() {
    let (_folder, path) = file(&returning(1));
    for verify in ALL {
        assert_eq!(call(&options(verify).open(&path).unwrap()), (1, b'd'));
        let module = options(verify).from_bytes(&returning(1)).unwrap();
        assert_eq!(call(&module), (1, b'd'));
    }
}

#[test]
fn every_byte_of_the_file_is_in_the_digest() {
    let bytes = returning(1);
    let (folder, path) = file(&bytes);
    let seal = Seal::read(&bytes).unwrap();
    // All of the first page, which the headers and the seal are in, then some.
    let places = (0..4096).chain((4096..bytes.len()).step_by(97));
    for at in places.chain([bytes.len() - 1]) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        let unsigned = seal.offset() + 4..seal.offset() + abi::Seal::SIZE;
        let result = Module::from_bytes(&changed);
        if unsigned.contains(&at) && !(seal.offset() + 8..seal.offset() + 40).contains(&at) {
            result.unwrap(); // Nobody asks about signatures.
        } else {
            result.expect_err("a change is noticed");
        }
    }
    // By file, one is as good as many.
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&path, &changed).unwrap();
    for verify in [Verify::Full, Verify::Cached] {
        let error = options(verify).open(&path).unwrap_err();
        assert!(matches!(error, OpenError::WrongDigest), "{error}");
    }
    options(Verify::TrustedPath).open(&path).unwrap();
    drop(folder);
}

#[test]
fn a_file_without_a_digest_is_refused_unless_nobody_asks() {
    let mut bytes = returning(1);
    let seal = Seal::read(&bytes).unwrap();
    bytes[seal.offset() - 12] ^= 1; // the type of the note
    assert!(matches!(
        Module::from_bytes(&bytes),
        Err(OpenError::NoDigest)
    ));
    options(Verify::TrustedPath).from_bytes(&bytes).unwrap();
    let mut bytes = returning(1);
    bytes[seal.offset()] = 2;
    let error = Module::from_bytes(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "its digest is of the unknown kind 2");
}

/// Profilers are told that it is from the file: that was mapped there for a moment.
#[test]
fn what_is_mapped_to_run_is_the_copy() {
    // No other test has a copy of it, with another name.
    let (_folder, path) = file(&returning(3));
    let executable = |name: &str| {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let mut lines = maps.lines();
        lines.any(|line| line.contains(" r-xp ") && line.contains(name))
    };
    let name = path.file_name().unwrap().to_str().unwrap();
    let copy = format!("/memfd:{name}");
    let path_name = path.to_str().unwrap();
    for round in 0..2 {
        let module = Module::open(&path).unwrap();
        assert_eq!(call(&module), (3, b'd'), "{round}");
        assert!(executable(&copy) && !executable(path_name));
    }
    let _module = options(Verify::TrustedPath).open(&path).unwrap();
    assert!(executable(path_name));
}

#[test]
fn a_file_rewritten_under_a_running_instance_changes_nothing() {
    let (old, new) = (returning(1), returning(2));
    let at = difference(&old, &new);
    let (_folder, path) = file(&old);
    let module = Module::open(&path).unwrap();
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
    let f = instance.get_typed_func::<(), i32>(&store, "f").unwrap();
    assert_eq!(f.call(&mut store, ()).unwrap() as u8, 1);
    let writer = File::options().write(true).open(&path).unwrap();
    writer.write_all_at(&new[at..], at as u64).unwrap();
    assert_eq!(f.call(&mut store, ()).unwrap() as u8, 1);
    // Nor can what is mapped be had and written to.
    assert_eq!(call(&module), (1, b'd'));
    assert!(matches!(Module::open(&path), Err(OpenError::WrongDigest)));
    // Not even by cutting it off, which would be the end of a process that maps it.
    writer.set_len(0).unwrap();
    assert_eq!(f.call(&mut store, ()).unwrap() as u8, 1);
    assert_eq!(call(&module), (1, b'd'));
    // As another sound file it opens, and both run.
    fs::write(&path, &new).unwrap();
    assert_eq!(call(&Module::open(&path).unwrap()), (2, b'd'));
    assert_eq!(call(&module), (1, b'd'));
}

/// The test above would pass if nothing could be changed.
#[test]
fn a_file_rewritten_under_a_trusted_path_does_change_what_runs() {
    let (old, new) = (returning(1), returning(2));
    let at = difference(&old, &new);
    let (_folder, path) = file(&old);
    let module = options(Verify::TrustedPath).open(&path).unwrap();
    assert_eq!(call(&module), (1, b'd'));
    let writer = File::options().write(true).open(&path).unwrap();
    writer.write_all_at(&new[at..], at as u64).unwrap();
    assert_eq!(call(&module), (2, b'd'));
}

/// Writes two files in turn, in place, while others open it: each that opens is one of
/// them, as a whole.
#[test]
fn a_file_that_is_being_rewritten_opens_as_what_was_checked_or_not_at_all() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let versions = [returning(1), returning(2)];
    let (_folder, path) = file(&versions[0]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let writer = File::options().write(true).open(&path).unwrap();
            for version in versions.iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                for (index, piece) in version.chunks(4096).enumerate() {
                    writer.write_all_at(piece, index as u64 * 4096).unwrap();
                }
                sleep(Duration::from_micros(200));
            }
        });
        let (mut opened, mut refused) = ([0; 2], 0);
        for _ in 0..20_000 {
            match Module::open(&path) {
                Ok(module) => match call(&module) {
                    (n @ 1..=2, b'd') => opened[usize::from(n) - 1] += 1,
                    other => panic!("{other:?}"),
                },
                Err(OpenError::WrongDigest) => refused += 1,
                Err(error) => panic!("{error}"),
            }
            if opened[0] > 50 && opened[1] > 50 && refused > 5 {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
        assert!(opened[0] > 0 && opened[1] > 0, "{opened:?} {refused}");
    });
}

#[test]
fn files_of_one_content_are_one_artefact_if_it_was_checked() {
    // No other test has a copy of it, with another name.
    let (_folder, path) = file(&returning(4));
    let (_other, copy) = file(&returning(4));
    let maps = || {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let lines = maps.lines().filter(|line| line.contains("only-here.so"));
        lines.filter(|line| line.contains("r-xp")).count()
    };
    let (path, copy) = (rename(&path), rename(&copy));
    let modules: Vec<_> = [&path, &copy, &path].map(Module::open).into();
    assert!(modules.iter().all(Result::is_ok));
    // While other tests map and unmap, the list is not read in one piece.
    let becomes = |count| (0..100).any(|_| maps() == count);
    assert!(becomes(1), "{}", maps());
    drop(modules);
    assert!(becomes(0), "{}", maps());
}

/// Gives a file the name that it can be found by in the maps.
fn rename(path: &Path) -> PathBuf {
    let renamed = path.with_file_name("only-here.so");
    fs::rename(path, &renamed).unwrap();
    renamed
}

#[test]
fn a_checked_file_is_remembered_until_it_changes() {
    let bytes = returning(1);
    let (_folder, path) = file(&bytes);
    let cached = options(Verify::Cached);
    // Long enough for a change to show in the times.
    sleep(Duration::from_millis(150));
    drop(cached.open(&path).unwrap());
    // Nothing tells whether it looked again; but what changes is noticed, even if the
    // time of the last write is put back.
    let times = fs::metadata(&path).unwrap().modified().unwrap();
    let writer = File::options().write(true).open(&path).unwrap();
    let last = bytes.len() as u64 - 1;
    writer.write_all_at(&[0x55], last).unwrap();
    writer.set_modified(times).unwrap();
    assert!(matches!(cached.open(&path), Err(OpenError::WrongDigest)));
    writer.write_all_at(&bytes[last as usize..], last).unwrap();
    assert_eq!(call(&cached.open(&path).unwrap()), (1, b'd'));
    // Another file of that name is another.
    let other = path.with_extension("other");
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&other, damaged).unwrap();
    fs::rename(&other, &path).unwrap();
    assert!(matches!(cached.open(&path), Err(OpenError::WrongDigest)));
}

#[test]
fn a_file_that_was_not_checked_is_not_shared_with_who_wants_it_checked() {
    let mut bytes = returning(1);
    *bytes.last_mut().unwrap() ^= 1;
    let (_folder, path) = file(&bytes);
    let _trusted = options(Verify::TrustedPath).open(&path).unwrap();
    for verify in [Verify::Full, Verify::Cached] {
        let error = options(verify).open(&path).unwrap_err();
        assert!(matches!(error, OpenError::WrongDigest), "{error}");
    }
    *bytes.last_mut().unwrap() ^= 1;
    let (_folder, path) = file(&bytes);
    let modules = ALL.map(|verify| options(verify).open(&path).unwrap());
    assert!(modules.iter().all(|module| call(module) == (1, b'd')));
}

#[cfg(feature = "signatures")]
#[test]
fn a_signature_is_asked_for_once_there_are_keys() {
    let (secret, public) = key(1);
    let (stranger, strange) = key(2);
    let (_folder, path) = file(&returning(1));
    let mut signed = returning(1);
    sign(&mut signed, &secret);
    let (_folder2, signed_path) = file(&signed);
    sleep(Duration::from_millis(150));
    for verify in [Verify::Full, Verify::Cached, Verify::Cached] {
        let trusting = |keys: &[PublicKey]| options(verify).trusted_keys(keys.iter().copied());
        let error = trusting(&[public]).open(&path).unwrap_err();
        assert!(matches!(error, OpenError::NotSigned), "{error}");
        for keys in [&[public][..], &[strange, public]] {
            assert_eq!(call(&trusting(keys).open(&signed_path).unwrap()), (1, b'd'));
        }
        for keys in [&[][..], &[strange]] {
            let error = trusting(keys).open(&signed_path).unwrap_err();
            assert!(matches!(error, OpenError::UnknownSigner(key) if key == public));
        }
        // Who asks for none takes any.
        options(verify).open(&signed_path).unwrap();
    }
    // The same, in memory.
    let trusting = OpenOptions::new().trusted_keys([public]);
    trusting.from_bytes(&signed).unwrap();
    let at = Seal::read(&signed).unwrap().offset();
    // A signature by another under this name, one of another file, and damage.
    let mut forged = returning(1);
    sign(&mut forged, &stranger);
    forged[at + 40..at + 72].copy_from_slice(public.as_bytes());
    let mut other = returning(2);
    other[at + 4..at + 8].copy_from_slice(&signed[at + 4..at + 8]);
    other[at + 40..at + 136].copy_from_slice(&signed[at + 40..at + 136]);
    let mut damaged = signed.clone();
    damaged[at + 135] ^= 1;
    for file in [forged, other, damaged] {
        let error = trusting.from_bytes(&file).unwrap_err();
        assert!(matches!(error, OpenError::WrongSignature), "{error}");
    }
    // A changed file with its digest put right is no longer what was signed.
    let mut changed = signed.clone();
    *changed.last_mut().unwrap() ^= 1;
    let error = trusting.from_bytes(&changed).unwrap_err();
    assert!(matches!(error, OpenError::WrongDigest), "{error}");
    reseal(&mut changed);
    let error = trusting.from_bytes(&changed).unwrap_err();
    assert!(matches!(error, OpenError::WrongSignature), "{error}");
    let mut unknown = signed;
    unknown[at + 4] = 9;
    let error = trusting.from_bytes(&unknown).unwrap_err();
    assert_eq!(error.to_string(), "not supported: signatures of the kind 9");
}

/// As a signature that is right for many messages, by a key that is no number.
#[cfg(feature = "signatures")]
#[test]
fn keys_of_a_small_order_sign_nothing() {
    let mut bytes = returning(1);
    let at = Seal::read(&bytes).unwrap().offset();
    let mut point = [0; 32];
    point[0] = 1;
    bytes[at + 4] = 1;
    bytes[at + 40..at + 72].copy_from_slice(&point);
    bytes[at + 72..at + 104].copy_from_slice(&point);
    let trusting = OpenOptions::new().trusted_keys([PublicKey::from_bytes(point)]);
    let error = trusting.from_bytes(&bytes).unwrap_err();
    assert!(matches!(error, OpenError::WrongSignature), "{error}");
}

#[test]
fn signatures_without_a_digest_are_refused() {
    let options = options(Verify::TrustedPath).trusted_keys([key(1).1]);
    let error = options.from_bytes(&returning(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not supported: signatures without a check of the digest"
    );
}
