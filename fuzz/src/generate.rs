//! Modules from numbers.

use arbitrary::Unstructured;
use rand::rngs::SmallRng;
use rand::{Rng, RngCore, SeedableRng};
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices, Module};
use wasmparser::{Operator, Parser, Payload};

/// How often a loop or a function is entered before a module stops.
const FUEL: u32 = 1000;

/// The module of `seed`. None if it could wait for ever.
///
/// # Errors
///
/// If there is none.
pub fn generated(seed: u64) -> anyhow::Result<Option<Vec<u8>>> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut bytes = vec![0; random.random_range(2048..32768)];
    let config = config(&mut random);
    random.fill_bytes(&mut bytes);
    module(config, &bytes)
}

/// The module that follows from bytes, with the features that follow from `seed`.
///
/// # Errors
///
/// If there is none.
pub fn generated_from(bytes: &[u8], seed: u64) -> anyhow::Result<Option<Vec<u8>>> {
    module(config(&mut SmallRng::seed_from_u64(seed)), bytes)
}

fn module(config: Config, bytes: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let mut module = Module::new(config, &mut Unstructured::new(bytes))?;
    module.ensure_termination(FUEL)?;
    let wasm = module.to_bytes();
    Ok((!waits(&wasm)?).then_some(wasm))
}

/// Which features a module may use differs, so that each is used a lot by some.
fn config(random: &mut SmallRng) -> Config {
    let mut often = || random.random_bool(0.7);
    let memory64_enabled = often();
    let simd_enabled = often();
    let reference_types_enabled = often();
    let no_traps = often();
    let mut config = Config {
        bulk_memory_enabled: true,
        // Both sides have the same bits then.
        canonicalize_nans: true,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: often(),
        exceptions_enabled: often(),
        export_everything: true,
        extended_const_enabled: often(),
        gc_enabled: false,
        memory64_enabled,
        memory_max_size_required: true,
        max_memory32_bytes: 1 << 20,
        max_memory64_bytes: 1 << 20,
        max_table_elements: 1000,
        table_max_size_required: true,
        multi_value_enabled: true,
        reference_types_enabled,
        simd_enabled,
        relaxed_simd_enabled: simd_enabled && often(),
        tail_call_enabled: often(),
        threads_enabled: often(),
        wide_arithmetic_enabled: often(),
        max_imports: 0,
        max_memories: 3,
        max_tables: if reference_types_enabled { 3 } else { 1 },
        min_types: 4,
        min_funcs: 6,
        max_funcs: 20,
        max_instructions: 400,
        // Half of them compute to the end, the others stop where they trap.
        disallow_traps: no_traps,
        // Mostly within bounds: what traps at once shows little.
        memory_offset_choices: MemoryOffsetChoices(90, 9, 1),
        ..Config::default()
    };
    if random.random_bool(0.2) {
        // Long pieces of arithmetic.
        config.allowed_instructions = InstructionKinds::new(&[
            InstructionKind::NumericInt,
            InstructionKind::VectorInt,
            InstructionKind::Variable,
            InstructionKind::Control,
        ]);
    }
    config
}

/// Whether an instruction may wait for another thread.
fn waits(wasm: &[u8]) -> anyhow::Result<bool> {
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            for operator in body.get_operators_reader()? {
                if let Operator::MemoryAtomicWait32 { .. } | Operator::MemoryAtomicWait64 { .. } =
                    operator?
                {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
