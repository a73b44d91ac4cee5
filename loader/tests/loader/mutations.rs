//! Artefacts changed at random: with the digest that they had, every one is refused; with
//! one that is right again, it is refused or can be used, and runs if nothing was changed
//! that code depends on. In no case does anything crash or hang.
//!
//! Every change follows from its number, so a failure can be had again:
//! `MUTATIONS=1743..1744 cargo test -p wasm-aot-loader --test loader mutations`.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use wasm_aot_abi::{self as abi, Descriptor, Str, Wire};
use wasm_aot_loader::{CallError, ExternType, Imports, Instance, Module, Seal, Store, Val};

use crate::damage::{EVERYTHING, IMAGE, TYPED, descriptor};
use crate::support::{artefact, isolated_ok};

/// Without imports, so that it runs, and with some of everything else.
const RUNS: &str = r#"(module $runs
  (memory (export "memory") 1) (data (i32.const 16) "\2a")
  (global $g (mut i32) (i32.const 1))
  (table 2 2 funcref) (elem (i32.const 0) $one $two)
  (func $one (result i32) (i32.load8_u (i32.const 16)))
  (func $two (result i32) (global.get $g))
  (func (export "sum") (result i32)
    (i32.add (call_indirect (result i32) (i32.const 0)) (call_indirect (result i32) (i32.const 1))))
  (func (export "trap") (result i32) (i32.load (i32.const 65536)))
  (func (export "loop") (result i32) (local $i i32)
    (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))
    (local.get $i)))"#;

/// Of functions that were inlined, compiled with LLVM from `tests/golden/inlined.wat`, for
/// x86-64.
pub(crate) const INLINED: &[u8] = include_bytes!("../golden/inlined.so");

/// How many, if the environment does not say.
const COUNT: u64 = 2000;

/// Numbers that depend on a seed alone (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

/// A sound file, and where its parts are in it.
struct Original {
    bytes: Vec<u8>,
    /// ELF header, program headers, sections by their headers, and the section headers.
    parts: Vec<Range<usize>>,
    /// What the code depends on: metadata, unwind information, text and image.
    content: Range<usize>,
    /// What is in the metadata and does not matter to it.
    inert: Vec<Range<usize>>,
    /// What its functions return, in the order of exports; nothing if it does not run.
    results: Vec<Option<i32>>,
}

fn word(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

impl Original {
    fn new(wat: &str) -> Original {
        let mut original = Original::of(artefact(wat));
        if wat == RUNS {
            original.results = results(&Module::from_bytes(&original.bytes).unwrap());
            assert_eq!(original.results, [Some(43), None, Some(1000)]);
        }
        original
    }

    fn inlined() -> Original {
        let mut original = Original::of(INLINED.to_vec());
        let module = Module::from_bytes(INLINED).unwrap();
        original.results = results(&module);
        assert_eq!(original.results, [Some(43), None, None]);
        assert_eq!(frames(&module), 5);
        original
    }

    fn of(bytes: Vec<u8>) -> Original {
        let (programs, sections) = (word(&bytes, 32), word(&bytes, 40));
        let counts = [56, 60].map(|at| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]])));
        let header = 0..64;
        let mut parts = Vec::from([header]);
        parts.extend((0..counts[0]).map(|index| programs + index * 56..programs + index * 56 + 56));
        parts.extend((1..counts[1]).map(|index| {
            let header = sections + index * 64;
            word(&bytes, header + 24)..word(&bytes, header + 24) + word(&bytes, header + 32)
        }));
        parts.extend((0..counts[1]).map(|index| sections + index * 64..sections + index * 64 + 64));
        let start = descriptor(&bytes);
        let fields = Descriptor::decode(&bytes[start..]);
        let text = |text: Str| {
            let start = start + text.offset as usize;
            start..start + text.len as usize
        };
        let hash = start + std::mem::offset_of!(Descriptor, source_hash);
        let inlined = start + fields.inlined.offset as usize;
        let inlined = inlined..inlined + fields.inlined.count as usize * abi::Inlined::SIZE;
        if !inlined.is_empty() {
            // As often as all else.
            parts.extend(vec![inlined.clone(); parts.len()]);
        }
        let inert = vec![
            text(fields.name),
            text(fields.producer),
            text(fields.options),
            hash..hash + 32,
            inlined,
        ];
        Original {
            parts,
            content: start..crate::damage::mapped_end(&bytes),
            inert,
            results: Vec::new(),
            bytes,
        }
    }

    /// Whether a changed file has all that code depends on, and has it mapped to the
    /// same places.
    fn is_sound(&self, changed: &[u8]) -> bool {
        let content = self.content.clone();
        let programs = 32..64 + 56 * usize::from(self.bytes[56]);
        changed.len() >= content.end
            && changed[programs.clone()] == self.bytes[programs]
            && content.into_iter().all(|at| {
                changed[at] == self.bytes[at] || self.inert.iter().any(|range| range.contains(&at))
            })
    }

    /// Changes a copy in one to three ways.
    fn change(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for _ in 0..=random.below(3) {
            self.change_once(&mut bytes, random);
        }
        bytes
    }

    fn change_once(&self, bytes: &mut Vec<u8>, random: &mut Random) {
        const WORDS: [u64; 12] = [
            0,
            1,
            4,
            7,
            0x1000,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x7fff_ffff_ffff_ffff,
            1 << 63,
            u64::MAX - 7,
            u64::MAX,
        ];
        // After a truncation there may be less.
        let inside =
            |range: Range<usize>, length: usize| range.start.min(length)..range.end.min(length);
        let part = |random: &mut Random, length: usize| inside(random.of(&self.parts), length);
        match random.below(9) {
            // Bits, anywhere and in one part: parts are small and large alike.
            0 => {
                for _ in 0..=random.below(4) {
                    let at = random.below(bytes.len());
                    bytes[at] ^= 1 << random.below(8);
                }
            }
            1 => {
                let part = part(random, bytes.len());
                if !part.is_empty() {
                    let at = part.start + random.below(part.len());
                    bytes[at] ^= 1 << random.below(8);
                }
            }
            // The end.
            2 => bytes.truncate(1 + random.below(bytes.len())),
            3 => {
                for _ in 0..=random.below(5000) {
                    bytes.push(random.next() as u8);
                }
            }
            // A field: of 2, 4 or 8 bytes, in a part or in the descriptor.
            4 | 5 => {
                let fields = match random.below(2) {
                    0 => part(random, bytes.len()),
                    _ => inside(
                        self.content.start..self.content.start + Descriptor::SIZE,
                        bytes.len(),
                    ),
                };
                let size = random.of(&[2, 4, 8]);
                if fields.len() >= size {
                    let at = fields.start + random.below(fields.len() / size) * size;
                    let value = match random.below(3) {
                        0 => random.next(),
                        1 => random.of(&WORDS),
                        _ => {
                            let mut old = [0; 8];
                            old[..size].copy_from_slice(&bytes[at..at + size]);
                            u64::from_le_bytes(old)
                                .wrapping_add(random.below(17) as u64)
                                .wrapping_sub(8)
                        }
                    };
                    bytes[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
                }
            }
            // Two parts of one length, or what they have in common, in each other's place.
            6 => {
                let (one, other) = (part(random, bytes.len()), part(random, bytes.len()));
                for (at, with) in one.zip(other) {
                    bytes.swap(at, with);
                }
            }
            // Zeros.
            7 => {
                let part = part(random, bytes.len());
                bytes[part].fill(0);
            }
            // A piece of the file over another.
            _ => {
                let size = 1 + random.below(200.min(bytes.len()));
                let (from, to) = (
                    random.below(bytes.len() - size + 1),
                    random.below(bytes.len() - size + 1),
                );
                bytes.copy_within(from..from + size, to);
            }
        }
    }
}

/// What the exported functions without parameters return; `None` for a trap.
fn results(module: &Module) -> Vec<Option<i32>> {
    let mut store = Store::new();
    let instance = Instance::new(&mut store, module, &Imports::new()).expect("it has no imports");
    let exports = module
        .exports()
        .filter(|export| matches!(export.ty, ExternType::Func(_)));
    exports
        .map(|export| {
            let func = instance.get_func(&store, export.name).unwrap();
            let mut results = [Val::I32(0)];
            func.call(&mut store, &[], &mut results).ok()?;
            match results {
                [Val::I32(value)] => Some(value),
                other => panic!("{other:?}"),
            }
        })
        .collect()
}

/// How many frames the trap has that the module is there for. That there is an end to them
/// is what is tested.
fn frames(module: &Module) -> usize {
    let mut store = Store::new();
    let instance = Instance::new(&mut store, module, &Imports::new()).expect("it has no imports");
    let trap = instance.get_typed_func::<(), i32>(&store, "trap").unwrap();
    match trap.call(&mut store, ()) {
        Err(CallError::Trap(trap)) => {
            assert!(!trap.to_string().is_empty());
            trap.backtrace().frames().len()
        }
        other => panic!("no trap: {other:?}"),
    }
}

/// Asks for everything that can be asked.
fn look_at(module: &Module) -> usize {
    module
        .imports()
        .map(|import| import.ty.to_string().len())
        .sum::<usize>()
        + module
            .exports()
            .map(|export| export.ty.to_string().len())
            .sum::<usize>()
        + module
            .custom_sections()
            .map(|section| section.bytes.len())
            .sum::<usize>()
        + module
            .function_names()
            .map(|(_, name)| name.len())
            .sum::<usize>()
        + [module.name(), module.producer(), module.options()]
            .concat()
            .len()
}

#[derive(Debug, Default)]
struct Outcomes {
    refused: u32,
    opened: u32,
    ran: u32,
}

fn check(original: &Original, seed: u64, outcomes: &mut Outcomes) {
    let mut changed = original.change(&mut Random(seed));
    let seal = Seal::read(&original.bytes).unwrap();
    let signature = seal.offset() + 40..seal.offset() + abi::Seal::SIZE;
    let signature = [seal.offset() + 4..seal.offset() + 8, signature];
    let same = changed.len() == original.bytes.len()
        && (0..changed.len()).all(|at| {
            changed[at] == original.bytes[at] || signature.iter().any(|range| range.contains(&at))
        });
    assert_eq!(
        Module::from_bytes(&changed).is_ok(),
        same,
        "with its old digest"
    );
    let Ok(seal) = Seal::read(&changed) else {
        outcomes.refused += 1;
        return;
    };
    if let Ok(digest) = seal.compute_digest(&changed) {
        changed[seal.offset() + 8..][..32].copy_from_slice(&digest);
    }
    let Ok(module) = Module::from_bytes(&changed) else {
        outcomes.refused += 1;
        return;
    };
    outcomes.opened += 1;
    // Zeros may be all that is left of what it says.
    std::hint::black_box(look_at(&module));
    if !original.results.is_empty() && original.is_sound(&changed) {
        assert_eq!(results(&module), original.results);
        frames(&module);
        outcomes.ran += 1;
    }
}

/// What the environment asks for: a number of them, or some by their numbers.
fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("MUTATIONS") else {
        return 0..COUNT;
    };
    let number = |text: &str| text.parse().expect("MUTATIONS is a number or a range");
    match text.split_once("..") {
        Some((start, end)) => number(start)..number(end),
        None => 0..number(&text),
    }
}

#[test]
fn changed_artefacts_are_refused_or_sound() {
    isolated_ok("mutations::changed_artefacts_are_refused_or_sound", || {
        let seeds = seeds();
        let now = Arc::new(AtomicU64::new(seeds.start));
        let watched = now.clone();
        thread::spawn(move || {
            loop {
                let before = watched.load(Ordering::Relaxed);
                thread::sleep(Duration::from_secs(30));
                if watched.load(Ordering::Relaxed) == before {
                    eprintln!("number {before} hangs");
                    std::process::abort();
                }
            }
        });
        let originals = [RUNS, EVERYTHING, RUNS, TYPED, RUNS, IMAGE].map(Original::new);
        let mut originals = Vec::from(originals);
        if cfg!(target_arch = "x86_64") {
            originals.push(Original::inlined());
        }
        let mut outcomes = Outcomes::default();
        let many = seeds.end - seeds.start >= COUNT;
        for seed in seeds {
            now.store(seed, Ordering::Relaxed);
            // Whoever reads of a crash wants to know.
            eprintln!("number {seed}");
            let original = &originals[(seed % originals.len() as u64) as usize];
            check(original, seed, &mut outcomes);
        }
        // Or else this tests nothing.
        let Outcomes {
            refused,
            opened,
            ran,
        } = outcomes;
        assert!(
            !many || (refused > 500 && opened > 200 && ran > 100),
            "{outcomes:?}"
        );
        println!("{outcomes:?}");
    });
}
