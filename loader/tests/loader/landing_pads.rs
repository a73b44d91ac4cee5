//! Landing pads for indirect branches, which code for AArch64 has: what a file says of
//! them, and that code which has none cannot be branched to.

use wasm_aot_compiler::{Cpu, Options, Target, compile};
use wasm_aot_loader::{Description, OpenError};

use crate::damage::EVERYTHING;

const PT_NULL: u32 = 0;
const PT_NOTE: u32 = 4;
const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
const PT_GNU_PROPERTY: u32 = 0x6474_e553;

fn compile_for(target: Target) -> Vec<u8> {
    let options = Options {
        cpu: Cpu::portable(target),
        ..Options::default()
    };
    compile(EVERYTHING.as_bytes(), &options).unwrap()
}

/// Where the program header of a type is.
fn program(bytes: &[u8], ty: u32) -> usize {
    let table = u64::from_le_bytes(bytes[32..40].try_into().unwrap()) as usize;
    (0..bytes[56] as usize)
        .map(|index| table + index * 56)
        .find(|&at| bytes[at..at + 4] == ty.to_le_bytes())
        .expect("there is one")
}

/// Changes the type of a program header.
fn retype(bytes: &mut [u8], from: u32, to: u32) {
    let at = program(bytes, from);
    bytes[at..at + 4].copy_from_slice(&to.to_le_bytes());
}

fn read(bytes: &[u8]) -> Result<bool, OpenError> {
    Ok(Description::from_bytes(bytes.to_vec())?.has_landing_pads())
}

#[test]
fn files_for_aarch64_say_that_there_are_landing_pads() {
    for target in [Target::X86_64Linux, Target::Aarch64Linux] {
        let has = target == Target::Aarch64Linux;
        assert_eq!(read(&compile_for(target)).unwrap(), has);
    }
    let mut without = compile_for(Target::Aarch64Linux);
    retype(&mut without, PT_GNU_PROPERTY, PT_NULL);
    assert!(!read(&without).unwrap());
}

#[test]
fn a_file_says_nothing_else_by_properties() {
    let original = compile_for(Target::Aarch64Linux);
    let refusal = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = original.clone();
        change(&mut bytes);
        read(&bytes).unwrap_err().to_string()
    };
    let header = program(&original, PT_GNU_PROPERTY);
    let word = |at: usize| u64::from_le_bytes(original[at..at + 8].try_into().unwrap());
    let (note, size) = (word(header + 8) as usize, word(header + 32) as usize);
    assert_eq!(size, 32);
    let other = "an artefact must not have a property other than landing pads";
    for at in note..note + size {
        for bit in 0..8 {
            let text = refusal(&|bytes| bytes[at] ^= 1 << bit);
            assert_eq!(text, other, "bit {bit} of byte {}", at - note);
        }
    }
    // Its alignment, address and size.
    assert_eq!(refusal(&|bytes| bytes[header + 48] = 4), other);
    assert_eq!(refusal(&|bytes| bytes[header + 16] ^= 4), other);
    let text = refusal(&|bytes| bytes[header + 18] = 0xff);
    assert_eq!(text, "damaged: a property is in no segment");
    assert_eq!(refusal(&|bytes| bytes[header + 40] = 24), other);
    let text = refusal(&|bytes| {
        let other = program(bytes, PT_GNU_EH_FRAME);
        bytes.copy_within(header..header + 56, other);
    });
    assert_eq!(text, other, "it is there twice");

    // No other machine knows of any.
    let mut other = compile_for(Target::X86_64Linux);
    retype(&mut other, PT_NOTE, PT_GNU_PROPERTY);
    let text = read(&other).unwrap_err().to_string();
    assert_eq!(
        text,
        "an artefact must not have a segment of type 0x6474e553"
    );
}

/// What the processor sees to.
#[cfg(target_arch = "aarch64")]
mod guarded {
    use std::path::Path;

    use wasm_aot_abi::{Descriptor, Slice, TrampolineKind, Wire};
    use wasm_aot_abi::{Function, Trampoline};
    use wasm_aot_loader::{Imports, Instance, Module, OpenOptions, Store, TypedFunc, Verify};

    use super::{PT_GNU_PROPERTY, PT_NULL, retype};
    use crate::damage::descriptor;
    use crate::support::{artefact, isolated_ok, reseal};

    const BTI_C: u32 = 0xd503_245f;
    const BTI_J: u32 = 0xd503_249f;
    const BTI_JC: u32 = 0xd503_24df;
    const NOP: u32 = 0xd503_201f;

    /// `run` goes by all kinds of indirect branches, to different places.
    const MODULE: &str = r#"(module
      (type $f (func (param i32) (result i32)))
      (import "h" "f" (func $f (type $f)))
      (table $t (export "t") 2 funcref)
      (elem (i32.const 0) func $tail $last)
      (func (export "run") (type $f) (call $switch (call $f (call $tails (local.get 0)))))
      (func $tails (type $f)
        (call_indirect $t (type $f) (local.get 0) (i32.const 0)))
      (func $tail (type $f)
        (return_call_indirect $t (type $f) (local.get 0) (i32.const 1)))
      (func $last (type $f) (i32.add (local.get 0) (i32.const 1)))
      (func $switch (type $f)
        (block $a (block $b (block $c (block $d
          (br_table $a $b $c $d (local.get 0)))
          (return (i32.const 10))) (return (i32.const 20))) (return (i32.const 30)))
        (i32.const 40)))"#;

    /// A kind of landing pads in an artefact: their offsets in the text, and what they are.
    type Pads = (&'static str, Vec<usize>, u32);

    fn pads(bytes: &[u8]) -> Vec<Pads> {
        let metadata = &bytes[descriptor(bytes)..];
        let header = Descriptor::decode(metadata);
        let functions: Vec<Function> = records(metadata, header.functions);
        let trampolines: Vec<Trampoline> = records(metadata, header.trampolines);
        let of_kind = |kind: TrampolineKind| {
            let all = trampolines.iter().filter(|one| one.kind == kind as u32);
            all.map(|one| one.code as usize).collect()
        };
        let text = text(bytes);
        let words = bytes[text..][..header.text_size as usize].as_chunks().0;
        let jumps = words.iter().enumerate();
        let jumps = jumps.filter(|(_, word)| u32::from_le_bytes(**word) == BTI_J);
        Vec::from([
            ("called", vec![functions[2].code as usize], BTI_JC),
            ("called at last", vec![functions[3].code as usize], BTI_JC),
            ("entered", vec![functions[0].code as usize], BTI_JC),
            ("entries", of_kind(TrampolineKind::Entry), BTI_C),
            ("exits", of_kind(TrampolineKind::Exit), BTI_JC),
            ("jumps", jumps.map(|(at, _)| at * 4).collect(), BTI_J),
        ])
    }

    fn records<T: Wire>(metadata: &[u8], slice: Slice) -> Vec<T> {
        let at = |index| slice.offset as usize + index as usize * T::SIZE;
        (0..slice.count)
            .map(|index| T::decode(&metadata[at(index)..]))
            .collect()
    }

    /// Where the text is in a file, by the header of its segment.
    fn text(bytes: &[u8]) -> usize {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        (0..bytes[56] as usize)
            .map(|index| word(32) + index * 56)
            .find(|&at| bytes[at..at + 8] == [1, 0, 0, 0, 5, 0, 0, 0])
            .map(|at| word(at + 8))
            .unwrap()
    }

    /// With `nop` where landing pads were, and a new digest.
    fn without(bytes: &[u8], (what, offsets, pad): &Pads) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        assert!(!offsets.is_empty(), "{what}");
        for offset in offsets {
            let at = text(&bytes) + offset;
            assert_eq!(bytes[at..at + 4], pad.to_le_bytes(), "{what}");
            bytes[at..at + 4].copy_from_slice(&NOP.to_le_bytes());
        }
        reseal(&mut bytes);
        bytes
    }

    fn open(bytes: &[u8], verify: Verify, folder: &Path) -> (Store, TypedFunc<i32, i32>) {
        let path = folder.join("module.so");
        // A file of its own: another may be open.
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, bytes).unwrap();
        let module = OpenOptions::new().verify(verify).open(&path).unwrap();
        instantiate(&module)
    }

    fn instantiate(module: &Module) -> (Store, TypedFunc<i32, i32>) {
        let mut imports = Imports::new();
        imports.func("h", "f", |n: i32| n - 1);
        let mut store = Store::new();
        let instance = Instance::new(&mut store, module, &imports).unwrap();
        let run = instance.get_typed_func(&store, "run").unwrap();
        (store, run)
    }

    /// The signal that a call ends the process with, if it does.
    fn signal((mut store, run): (Store, TypedFunc<i32, i32>)) -> Option<i32> {
        // SAFETY: this process has no other thread that does anything, and the new one
        // ends with what is called.
        match unsafe { libc::fork() } {
            0 => {
                let result = run.call(&mut store, 2);
                let right = matches!(result, Ok(20));
                std::process::exit(if right { 0 } else { 1 });
            }
            child => {
                let mut status = 0;
                // SAFETY: it is our child, and writes where we say.
                assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                if libc::WIFSIGNALED(status) {
                    return Some(libc::WTERMSIG(status));
                }
                assert_eq!(libc::WEXITSTATUS(status), 0, "it has run right");
                None
            }
        }
    }

    fn is_known_here() -> bool {
        /// In what the kernel tells of a processor: it has `bti`.
        const HWCAP2_BTI: u64 = 1 << 17;
        // SAFETY: it looks up a number.
        let known = unsafe { libc::getauxval(libc::AT_HWCAP2) } & HWCAP2_BTI != 0;
        if !known {
            eprintln!("skipped: this processor or system has no BTI");
        }
        known
    }

    #[test]
    fn branches_lead_to_landing_pads_and_nowhere_else() {
        let name = "landing_pads::guarded::branches_lead_to_landing_pads_and_nowhere_else";
        isolated_ok(name, || {
            if !is_known_here() {
                return;
            }
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            let original = artefact(MODULE);
            for verify in [Verify::Full, Verify::Cached, Verify::TrustedPath] {
                assert_eq!(signal(open(&original, verify, folder)), None);
                for pads in pads(&original) {
                    let changed = without(&original, &pads);
                    let ended = signal(open(&changed, verify, folder));
                    assert_eq!(ended, Some(libc::SIGILL), "{verify:?}, {}", pads.0);
                }
            }
            let changed = without(&original, &pads(&original)[0]);
            let ended = signal(instantiate(&Module::from_bytes(&changed).unwrap()));
            assert_eq!(ended, Some(libc::SIGILL));
        });
    }

    #[test]
    fn code_without_landing_pads_runs_as_ever() {
        let name = "landing_pads::guarded::code_without_landing_pads_runs_as_ever";
        isolated_ok(name, || {
            let folder = tempfile::tempdir().unwrap();
            let mut bytes = artefact(MODULE);
            for pads in pads(&bytes) {
                bytes = without(&bytes, &pads);
            }
            retype(&mut bytes, PT_GNU_PROPERTY, PT_NULL);
            reseal(&mut bytes);
            for verify in [Verify::Full, Verify::Cached, Verify::TrustedPath] {
                assert_eq!(signal(open(&bytes, verify, folder.path())), None);
            }
        });
    }
}
