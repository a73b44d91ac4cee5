//! Code for AArch64: whatever an indirect branch leads to starts with a landing pad that
//! lets such a branch in.

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use wasm_aot_abi::{Descriptor, Function, MAGIC, Slice, Target, Trampoline, TrampolineKind, Wire};
use wasm_aot_compiler::{Cpu, Features, Level, Options, compile};

/// `bti c`: by calls, and by jumps by x16 and x17.
const C: u32 = 0xd503_245f;
/// `bti j`: by jumps.
const J: u32 = 0xd503_249f;
/// `bti jc`: by both.
const JC: u32 = 0xd503_24df;

/// With branches of all kinds.
const MODULE: &str = r#"(module
  (type $f (func (param i32) (result i32)))
  (import "h" "f" (func $f (type $f)))
  (import "h" "t" (table $shared 4 funcref))
  (tag $tag (export "tag") (param i32))
  (memory 1)
  (table $constant 4 4 funcref)
  (elem (table $constant) (i32.const 0) func $small $big $switch $loop)
  (elem (table $shared) (i32.const 0) func $small $big $f)
  (func $small (export "small") (type $f) (local.get 0))
  (func $big (export "big") (type $f)
    (i32.load (call $f (call_indirect $shared (type $f) (local.get 0) (local.get 0)))))
  (func $loop (export "loop") (type $f)
    (loop $again (br_if $again (i32.load (local.get 0))))
    (return_call_indirect $constant (type $f) (local.get 0) (local.get 0)))
  (func $tail (export "tail") (type $f)
    (return_call_ref $f (local.get 0) (ref.func $switch)))
  (func (export "shared") (type $f)
    (return_call_indirect $shared (type $f) (local.get 0) (local.get 0)))
  (func $switch (export "switch") (type $f)
    (block $default
      (block $a (block $b (block $c (block $d (block $e (block $g (block $h
      (br_table $a $b $c $d $e $g $h $default (local.get 0)))
      (return (i32.const 11))) (return (i32.const 12))) (return (call $big (local.get 0))))
      (return (i32.const 14))) (return (i32.const 15))) (return (i32.const 16)))
      (return (i32.const 17)))
    (i32.div_s (i32.const 17) (local.get 0)))
  ;; Edges to the same blocks that carry different values.
  (func (export "values") (type $f)
    (block $a (result i32)
      (block $b (result i32)
        (local.get 0)
        (loop $c (param i32) (result i32)
          (drop)
          (br_table $b $b $b $c $b $b $c $a
            (call $f (local.get 0)) (local.tee 0 (i32.add (local.get 0) (i32.const 1))))))
      (return (i32.mul (i32.const 3))))
    (i32.add (i32.const 1)))
  (func (export "catch") (type $f)
    (block $caught (result i32)
      (return (try_table (result i32) (catch $tag $caught)
        (call_indirect $shared (type $f) (local.get 0) (local.get 0))))))
  (func (export "throw") (param i32) (throw $tag (local.get 0)))
  (func $start (memory.fill (i32.const 0) (i32.const 1) (i32.const 8)))
  (start $start))"#;

/// How many jump tables it has, and indirect tail calls.
const JUMP_TABLES: usize = 2;
/// In the tables: the default is one of the entries, and behind them.
const ENTRIES: usize = 7 + 2;
const TAIL_CALLS: usize = 3;

/// The ways in which code differs.
fn ways() -> Vec<Options> {
    let portable = Options {
        cpu: Cpu::portable(Target::Aarch64Linux),
        features: Features::v3(),
        ..Options::default()
    };
    let levels = [Level::O0, Level::O1, Level::O2, Level::Os].map(|level| Options {
        level,
        ..portable.clone()
    });
    let no_signals = Options {
        signals: false,
        ..portable.clone()
    };
    let bounded = Options {
        interruptible: true,
        fuel: true,
        debug: true,
        spectre_guards: false,
        ..portable
    };
    let mut ways = Vec::from(levels);
    ways.extend([no_signals, bounded]);
    ways
}

/// The machine code of an artefact, and what its tables say of it.
struct Artefact {
    text: Vec<u32>,
    functions: Vec<Function>,
    trampolines: Vec<Trampoline>,
    /// Where the symbols of functions are.
    symbols: Vec<u32>,
}

impl Artefact {
    fn new(options: &Options) -> Artefact {
        let bytes = compile(MODULE.as_bytes(), options).unwrap();
        let file = object::File::parse(&bytes[..]).unwrap();
        let text = file.section_by_name(".text").unwrap();
        let metadata = bytes.windows(8).position(|window| window == MAGIC);
        let metadata = &bytes[metadata.unwrap()..];
        let descriptor = Descriptor::decode(metadata);
        let functions = (file.dynamic_symbols().chain(file.symbols()))
            .filter(|symbol| symbol.kind() == SymbolKind::Text)
            .filter(|symbol| !symbol.name().unwrap().starts_with("table["));
        Artefact {
            symbols: functions
                .map(|symbol| (symbol.address() - text.address()) as u32)
                .collect(),
            text: (text.data().unwrap().as_chunks().0.iter())
                .map(|&word| u32::from_le_bytes(word))
                .collect(),
            functions: records(metadata, descriptor.functions),
            trampolines: records(metadata, descriptor.trampolines),
        }
    }

    fn at(&self, offset: u32) -> u32 {
        assert_eq!(offset % 4, 0);
        self.text[offset as usize / 4]
    }
}

fn records<T: Wire>(metadata: &[u8], slice: Slice) -> Vec<T> {
    let record = |index| T::decode(&metadata[slice.offset as usize + index as usize * T::SIZE..]);
    (0..slice.count).map(record).collect()
}

#[test]
fn calls_and_indirect_tail_calls_lead_to_landing_pads() {
    for options in ways() {
        let artefact = Artefact::new(&options);
        assert!(artefact.functions.len() >= 10 && artefact.trampolines.len() >= 10);
        for function in &artefact.functions {
            // By `blr` and `br x1`.
            assert_eq!(artefact.at(function.code), JC, "{function:?}");
        }
        for trampoline in &artefact.trampolines {
            let expected = match TrampolineKind::try_from(trampoline.kind) {
                Ok(TrampolineKind::Exit) => JC,
                _ => C,
            };
            assert_eq!(artefact.at(trampoline.code), expected, "{trampoline:?}");
        }
        assert!(artefact.symbols.len() > 20);
        for &symbol in &artefact.symbols {
            assert!([C, JC].contains(&artefact.at(symbol)), "{symbol:#x}");
        }
    }
}

/// Where `br` has its register.
const REGISTER: u32 = 31 << 5;

#[test]
fn jump_tables_lead_to_landing_pads() {
    for options in ways() {
        let text = Artefact::new(&options).text;
        let (mut tables, mut tail_calls) = (0, 0);
        let branches = (0..text.len()).filter(|&at| text[at] & !REGISTER == 0xd61f_0000);
        for branch in branches {
            // What is loaded from a table is a distance, so there is an `add` before.
            if text[branch - 1] & 0xffe0_fc00 != 0x8b00_0000 {
                assert_eq!(text[branch], 0xd61f_0020, "a tail call by x1");
                tail_calls += 1;
                continue;
            }
            let table = branch + 1;
            for &distance in &text[table..][..ENTRIES] {
                let target = table.wrapping_add_signed(distance as i32 as isize / 4);
                assert_eq!(text[target], J, "{branch:#x}");
            }
            tables += 1;
        }
        assert_eq!((tables, tail_calls), (JUMP_TABLES, TAIL_CALLS));
    }
}

#[test]
fn files_say_that_there_are_landing_pads_exactly_if_there_are() {
    let says_so = |target: Target, landing_pads: bool| {
        let options = Options {
            cpu: Cpu::portable(target),
            features: Features::v3(),
            landing_pads,
            ..Options::default()
        };
        let artefact = compile(MODULE.as_bytes(), &options).unwrap();
        let file = object::File::parse(&artefact[..]).unwrap();
        let text = file.section_by_name(".text").unwrap().data().unwrap();
        let words = text
            .as_chunks()
            .0
            .iter()
            .map(|&word| u32::from_le_bytes(word));
        let says_so = file.section_by_name(".note.gnu.property").is_some();
        let (has, pads) = (words.filter(|word| [C, J, JC].contains(word)).count(), 30);
        assert!(if says_so { has > pads } else { has == 0 });
        says_so
    };
    assert!(says_so(Target::Aarch64Linux, true));
    assert!(!says_so(Target::Aarch64Linux, false));
    assert!(!says_so(Target::X86_64Linux, true));
}
