//! Damaged artefacts: whatever is wrong with one, opening it is an error or
//! harmless, never a crash.

use wasm_aot_abi::{
    ConstKind, Descriptor, ExternType, FuncType, Global, HeapType, MAGIC, Required, Slice, SubType,
    ValType, Wire,
};
use wasm_aot_loader::{Module, OpenError};

use crate::support::{artefact, open_changed, options};

/// With at least one record of each kind.
pub(crate) const EVERYTHING: &str = r#"(module $everything
  (import "h" "f" (func $f (param i32) (result i32)))
  (import "h" "t" (table $imported 1 funcref))
  (import "h" "m" (memory $m 1))
  (import "h" "g" (global $g i32))
  (import "h" "e" (tag $e (param i32)))
  (tag $tag (export "tag") (param i64))
  (global $own (export "own") (mut i64) (i64.const 1))
  (global (export "v") v128 (v128.const i64x2 1 2))
  (global (export "r") funcref (ref.func $two))
  (global (export "sum") i32 (i32.add (global.get $g) (i32.const 1)))
  (table $t (export "table") 4 8 funcref)
  (table $constant 2 2 funcref)
  (table (export "x") 1 externref)
  (elem (table $t) (global.get $g) func $one $two)
  (elem (table $constant) (i32.const 0) func $one $two)
  (elem $passive funcref (ref.func $one) (ref.null func))
  (elem declare func $two)
  (data (i32.const 8) "active")
  (data $later "passive")
  (export "again" (func $f))
  (func $one (export "one") (result i32) (call $f (i32.const 1)))
  (func $two (export "two") (result i32)
    (memory.init $later (i32.const 0) (i32.const 0) (i32.const 1))
    (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 1))
    (call_indirect $constant (result i32) (i32.const 0)))
  (func $try (param exnref) (result i64)
    (block $all
      (block $caught (result i64)
        (try_table (catch $tag $caught) (catch_all $all)
          (call $main) (throw_ref (local.get 0)))
        i64.const 0)
      return)
    i64.const 1)
  (func $more
    (block $caught (result i32)
      (try_table (catch $e $caught) (call $main))
      i32.const 0)
    drop)
  (func $main) (start $main))"#;

/// With types that refer to each other.
pub(crate) const TYPED: &str = r#"(module
  (rec (type $a (sub (func (param (ref null $b)) (result funcref))))
    (type $b (func (param (ref $a)))))
  (type $c (sub $a (func (param funcref) (result (ref $b)))))
  (import "h" "g" (global $g (ref $c)))
  (import "h" "f" (func $f (type $c)))
  (global (export "a") (ref $a) (ref.func $f))
  (global (export "n") (ref null extern) (ref.null noextern))
  (table (export "t") 2 (ref $a) (global.get $g))
  (elem (i32.const 0) (ref $c) (ref.func $f) (global.get $g))
  (func (export "run") (param (ref $a)) (call_ref $a (ref.null $b) (local.get 0)) drop))"#;

/// With a memory of its own, and so an image.
pub(crate) const IMAGE: &str = r#"(module (memory (export "memory") 2)
  (data (i32.const 0) "image") (func (export "f") (i32.store (i32.const 0) (i32.const 1))))"#;

pub(crate) fn descriptor(artefact: &[u8]) -> usize {
    artefact
        .windows(8)
        .position(|window| window == MAGIC)
        .unwrap()
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for wat in [EVERYTHING, IMAGE] {
        let bytes = artefact(wat);
        let mapped = mapped_end(&bytes);
        assert!(mapped > 4096);
        // Every length in the headers and the metadata, then in larger steps.
        let lengths = (0..8192.min(mapped)).chain((8192..bytes.len()).step_by(509));
        for length in lengths.chain([mapped - 1, mapped, bytes.len() - 1]) {
            match Module::from_bytes(&bytes[..length]) {
                Err(OpenError::NotElf) => assert!(length < 4),
                Err(OpenError::Truncated { .. }) => {}
                other => panic!("cut to {length} bytes: {other:?}"),
            }
        }
        Module::from_bytes(&bytes).unwrap();
    }
}

/// The end of the last segment in the file.
pub(crate) fn mapped_end(bytes: &[u8]) -> usize {
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let (table, count) = (word(32), bytes[56] as usize);
    let programs = (0..count).map(|index| table + index * 56);
    let loads = programs.filter(|&at| bytes[at..at + 4] == 1u32.to_le_bytes());
    loads.map(|at| word(at + 8) + word(at + 32)).max().unwrap()
}

/// Opens, and looks at everything that can be seen.
fn inspect(bytes: &[u8]) -> Result<(), OpenError> {
    let module = open_changed(bytes)?;
    let _ = (module.name(), module.producer(), module.options());
    let _: Vec<_> = module.imports().collect();
    let _: Vec<_> = module.exports().collect();
    let _: Vec<_> = module.custom_sections().collect();
    let _: Vec<_> = module.function_names().collect();
    let _ = module.function_name(3);
    Ok(())
}

#[test]
fn every_flipped_bit_of_the_headers_and_the_metadata_is_refused_or_harmless() {
    for wat in [EVERYTHING, TYPED, IMAGE] {
        let mut bytes = artefact(wat);
        let start = descriptor(&bytes);
        let fields = Descriptor::decode(&bytes[start..]);
        let end = start + fields.metadata_size as usize;
        let (mut refused, mut accepted) = (0, 0);
        for at in 0..end {
            // The headers are the dynamic linker's, too: every bit.
            let all = if at < 1024 { 0..8 } else { at % 8..at % 8 + 1 };
            for bit in all {
                bytes[at] ^= 1 << bit;
                match inspect(&bytes) {
                    Ok(()) => accepted += 1,
                    Err(OpenError::DynamicLinker(error)) => {
                        panic!("bit {bit} of byte {at:#x} got to the dynamic linker: {error:?}")
                    }
                    Err(_) => refused += 1,
                }
                bytes[at] ^= 1 << bit;
            }
        }
        // Names, constants, hashes and the like can be anything.
        assert!(refused > 500, "{refused} refused, {accepted} accepted");
    }
}

/// Every word of the descriptor with values that are easily wrong.
#[test]
fn impossible_offsets_and_counts_are_refused() {
    let mut bytes = artefact(EVERYTHING);
    let start = descriptor(&bytes);
    for at in (start + 16..start + Descriptor::SIZE - 32).step_by(4) {
        let saved: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
        for value in [u32::MAX, u32::MAX - 1, 1 << 31, 0x7fff_ffff, 1 << 16] {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            let _ = inspect(&bytes);
        }
        bytes[at..at + 4].copy_from_slice(&saved);
    }
    inspect(&bytes).unwrap();
}

#[test]
fn types_refer_to_what_is_before_them_and_match_what_they_are_declared_as() {
    let bytes = artefact(TYPED);
    let start = descriptor(&bytes);
    let refused = |at: &dyn Fn(&Descriptor, &[u8]) -> u32, value: u32| {
        let mut bytes = bytes.clone();
        let fields = Descriptor::decode(&bytes[start..]);
        let at = start + at(&fields, &bytes[start..]) as usize;
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        open_changed(&bytes).unwrap_err().to_string()
    };
    let subtype = |ty: u32, word: u32| {
        move |fields: &Descriptor, _: &[u8]| {
            fields.subtypes.offset + ty * SubType::SIZE as u32 + 4 * word
        }
    };
    let params = |ty: u32| {
        move |fields: &Descriptor, metadata: &[u8]| {
            let at = fields.types.offset + ty * FuncType::SIZE as u32;
            FuncType::decode(&metadata[at as usize..]).params.offset
        }
    };
    let text = refused(&subtype(0, 0), 1);
    assert_eq!(text, "damaged: type 0: its group is wrong");
    assert_eq!(
        refused(&subtype(2, 0), 1),
        "damaged: type 2: its group is wrong"
    );
    let text = refused(&subtype(2, 1), 2);
    assert_eq!(text, "damaged: type 2: its supertype is not before it");
    let text = refused(&subtype(2, 1), 1);
    assert_eq!(text, "damaged: type 2: its supertype is final");
    let text = refused(&subtype(0, 2), 0);
    assert_eq!(text, "damaged: type 2: its supertype is final");
    let text = refused(&subtype(0, 2), 4);
    assert_eq!(text, "damaged: type 0: its flags are unknown");
    assert_eq!(
        refused(&subtype(1, 3), 1),
        "not supported: type 1 is garbage-collected"
    );
    // The first type may refer to the second, but not to the third.
    let third = ValType::reference(true, HeapType::Function, 2).0;
    let text = refused(&params(0), third);
    assert_eq!(text, "damaged: type 0: a value type is unknown");
    let text = refused(&params(2), ValType::EXTERNREF.0);
    assert_eq!(text, "damaged: type 2: it is not like its supertype");
    // What the first global holds is a function.
    let object = ValType::reference(false, HeapType::Extern, 0).0;
    let text = refused(&|fields, _| fields.globals.offset, object);
    assert_eq!(text, "damaged: global 0: a constant expression is wrong");
}

#[test]
fn messages_name_the_damaged_record() {
    let bytes = artefact(EVERYTHING);
    let start = descriptor(&bytes);
    let damage = |change: &dyn Fn(&Descriptor, &mut [u8])| {
        let mut bytes = bytes.clone();
        let fields = Descriptor::decode(&bytes[start..]);
        change(&fields, &mut bytes[start..]);
        open_changed(&bytes).unwrap_err().to_string()
    };
    let set = |metadata: &mut [u8], at: u32, value: u32| {
        metadata[at as usize..at as usize + 4].copy_from_slice(&value.to_le_bytes());
    };
    // The module's name, the first word of an import.
    let text = damage(&|fields, metadata| set(metadata, fields.imports.offset, u32::MAX));
    assert_eq!(
        text,
        "damaged: the namespace of an import: it ends behind the metadata"
    );
    // The second function's code.
    let text = damage(&|fields, metadata| set(metadata, fields.functions.offset + 20, 0));
    assert_eq!(text, "damaged: function 1: it overlaps the one before");
    let text = damage(&|fields, metadata| set(metadata, fields.functions.offset + 8, 1000));
    assert_eq!(text, "damaged: function 0: its type does not exist");
    let text = damage(&|fields, metadata| set(metadata, fields.exports.offset + 8, 17));
    assert_eq!(text, "damaged: export 0: the number 17 stands for nothing");
    let text = damage(&|fields, metadata| set(metadata, fields.elements.offset, 77));
    assert_eq!(
        text,
        "damaged: element segment 0: the number 77 stands for nothing"
    );
    // The fourth global's sum, with a step less and with one that is no step.
    let sum = |fields: &Descriptor| fields.globals.offset + 3 * Global::SIZE as u32 + 12;
    let text = damage(&|fields, metadata| set(metadata, sum(fields) + 12, 2));
    let wrong = "damaged: global 3: a constant expression is wrong";
    assert_eq!(text, wrong);
    let text = damage(&|fields, metadata| {
        let steps = Slice::decode(&metadata[sum(fields) as usize + 8..]);
        set(metadata, steps.offset, ConstKind::I32Add as u32);
    });
    assert_eq!(text, wrong);
    // The second guarded call of $try, the one of $more, and a handler.
    let call = |fields: &Descriptor, nth: u32| fields.guarded_calls.offset + nth * 20;
    let handler = |fields: &Descriptor, nth: u32| fields.handlers.offset + nth * 12;
    for (nth, field, value, problem) in [
        (1, 0, 0, "it is not in order"),
        (2, 0, u32::MAX, "it is in no function"),
        (0, 4, u32::MAX, "its frame is impossible"),
        (0, 4, 0, "its frame is impossible"),
        (0, 8, 4, "its frame is impossible"),
        (0, 8, 1 << 26, "its frame is impossible"),
        (1, 12, u32::MAX, "its handlers do not exist"),
        (1, 12, 2, "its handlers do not exist"),
        (2, 16, 0, "its handlers do not exist"),
        (2, 12, 0, "a handler is in another function"),
    ] {
        let text = damage(&|fields, metadata| set(metadata, call(fields, nth) + field, value));
        assert_eq!(text, format!("damaged: guarded call {nth}: {problem}"));
    }
    let text = damage(&|fields, metadata| set(metadata, handler(fields, 0) + 4, 2));
    assert_eq!(text, "damaged: handler 0: its tag does not exist");
    let text = damage(&|fields, metadata| set(metadata, handler(fields, 1) + 8, 2));
    assert_eq!(text, "damaged: handler 1: what it keeps is unknown");
    let text = damage(&|fields, metadata| set(metadata, handler(fields, 1), u32::MAX));
    let elsewhere = "damaged: guarded call 0: a handler is in another function";
    assert_eq!(text, elsewhere);
    // The first type has results.
    let text = damage(&|fields, metadata| set(metadata, fields.tags.offset, 0));
    assert_eq!(text, "damaged: tag 0: its type has results");
    let text = damage(&|fields, metadata| set(metadata, fields.tags.offset + 4, 0));
    assert_eq!(text, "damaged: tag 0: its place in the vmctx is wrong");
    let text = damage(&|fields, metadata| set(metadata, fields.trampolines.offset + 8, u32::MAX));
    assert_eq!(text, "damaged: trampoline 0: its code is not in the text");
}

#[test]
fn a_shared_memory_needs_a_maximum_and_a_loader_that_knows_it() {
    let bytes = artefact("(module (memory 1 2 shared) (func (export \"f\") (nop)))");
    let start = descriptor(&bytes);
    let fields = Descriptor::decode(&bytes[start..]);
    assert_eq!(
        Required(fields.required),
        traps().with(Required::SHARED_MEMORIES)
    );
    let refusal = |at: usize, value: u32| {
        let mut bytes = bytes.clone();
        bytes[start + at..start + at + 4].copy_from_slice(&value.to_le_bytes());
        open_changed(&bytes).unwrap_err().to_string()
    };
    let flags = fields.memories.offset as usize + std::mem::offset_of!(ExternType, flags);
    assert_eq!(
        refusal(flags, ExternType::SHARED),
        "damaged: memory 0: it is shared and has no maximum"
    );
    let required = std::mem::offset_of!(Descriptor, required);
    assert_eq!(
        refusal(required, traps().0 as u32),
        "damaged: memory 0: it is shared, which the artefact does not require"
    );
}

#[test]
fn atomic_instructions_alone_need_nothing_of_a_loader() {
    let required = |wat: &str| {
        let bytes = artefact(wat);
        let fields = Descriptor::decode(&bytes[descriptor(&bytes)..]);
        Required(fields.required)
    };
    let wat = |operator: &str| format!("(module (memory 1) (func (drop {operator})))");
    let add = wat("(i32.atomic.rmw.add (i32.const 0) (i32.const 1))");
    assert_eq!(required(&add), traps());
    let wait = wat("(memory.atomic.wait32 (i32.const 0) (i32.const 1) (i64.const 0))");
    assert_eq!(required(&wait), traps().with(Required::SHARED_MEMORIES));
}

/// What every artefact of [`artefact`] requires.
fn traps() -> Required {
    match options().signals {
        true => Required::FAULTS,
        false => Required::TRAP_CALLS,
    }
}

/// Else who follows them might not get to an end.
#[test]
#[cfg(target_arch = "x86_64")]
fn inlined_calls_are_in_their_function_behind_what_is_inlined() {
    use crate::mutations::INLINED;
    use wasm_aot_abi::{Inlined, NONE};

    let start = descriptor(INLINED);
    let fields = Descriptor::decode(&INLINED[start..]);
    let at = |index: usize| start + fields.inlined.offset as usize + index * Inlined::SIZE;
    let record = |index| Inlined::decode(&INLINED[at(index)..]);
    let count = fields.inlined.count as usize;
    let opens = |index, inlined: Inlined| {
        let mut bytes = INLINED.to_vec();
        inlined.encode(&mut bytes[at(index)..at(index) + Inlined::SIZE]);
        match open_changed(&bytes) {
            Ok(_) => true,
            Err(error) => {
                let expected = "damaged: an inlined call: it is impossible";
                assert_eq!(error.to_string(), expected);
                false
            }
        }
    };
    let size = fields.text_size as u32;
    let mut calls = 0;
    for index in 0..count {
        let old = record(index);
        let with = |caller| Inlined { caller, ..old };
        assert!(opens(index, old));
        assert!(opens(index, with(NONE)));
        assert!(!opens(index, with(size)));
        if index + 1 == count {
            assert!(!opens(index, with(old.code + 1)));
            continue;
        }
        let next = record(index + 1).code;
        for caller in [1, old.code, next] {
            assert!(!opens(index, with(caller)), "{index}: {caller}");
        }
        let code = next + 1;
        assert!(!opens(index, Inlined { code, ..old }), "{index}");
        calls += u32::from(old.caller != NONE);
    }
    assert!(calls > 10, "{calls}");
}
