//! Which instructions may trap, and which call: found in the machine code itself.
//!
//! A fault has to be known by the exact address of its instruction, and LLVM's lines tell
//! where a run of instructions begins. So all of them are decoded. Each that accesses
//! memory other than the frame and constants counts as one that may be out of bounds:
//! those that cannot fault do no harm. Where traps are calls, no access faults.

use std::collections::BTreeMap;

use cranelift_codegen::ir::UserExternalName;
use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess,
    Register,
};
use wasm_aot_abi::TrapCode;

use super::inlined::Chains;
use super::object::{Name, Section};
use super::plan::{Plan, Unit};
use super::trap;
use crate::abi::Symbol;
use crate::backend::{Inlined, Origin, Site, trap_code};

/// `int3`, where nothing comes along.
pub(super) const TRAP: u8 = 0xcc;

/// What is in the code of a function.
#[derive(Default)]
pub(super) struct Sites {
    /// In ascending order of `code`.
    pub(super) sites: Vec<Site>,
    /// What of them is in inlined functions.
    pub(super) inlined: Vec<Inlined>,
    /// None, if they are not wanted.
    pub(super) origins: Vec<Origin>,
    /// Bytes of its frame, at most: what it pushes, and what it moves the stack pointer
    /// by.
    pub(super) frame_size: u32,
}

/// Looks at the code of a function in a unit, whose traps become `ud2`, and adds the bytes
/// that stand for inlined calls.
pub(super) fn find(name: &Name, section: &mut Section, unit: &Unit, plan: &Plan) -> Sites {
    let code = section.bytes.clone();
    let inlined = std::mem::take(&mut section.inlined);
    let mut chains = Chains::new(&inlined, unit, name);
    let calls_to_trap = calls_to_trap(section);
    let mut ends_in_call = false;
    let mut decoder = Decoder::new(64, &code, DecoderOptions::NONE);
    let mut factory = InstructionInfoFactory::new();
    let mut instruction = Instruction::default();
    let mut rows = section.rows.iter().peekable();
    let mut found = Sites::default();
    let Sites {
        sites,
        origins,
        frame_size,
        ..
    } = &mut found;
    let mut source = None;
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        let start = instruction.ip() as usize;
        let end = start + instruction.len();
        while let Some(&&(_, line)) = rows.peek().filter(|row| row.0 as usize <= start) {
            rows.next();
            source = unit.source(line);
        }
        *frame_size = frame_size.saturating_add(pushed(&instruction));
        if let Some((code, place)) = trap::decode(&code[start..end]) {
            let source = unit.source(place);
            let source = of_trap(&mut chains, start, source);
            sites.push(Site {
                code: start as u32,
                trap: Some(code),
                source,
            });
            let bytes = &mut section.bytes[start..end];
            bytes.fill(TRAP);
            bytes[..2].copy_from_slice(&[0x0f, 0x0b]);
        } else {
            let calls = matches!(
                instruction.flow_control(),
                FlowControl::Call | FlowControl::IndirectCall
            );
            let mut site = |code: usize, trap, source| {
                sites.push(Site {
                    code: code as u32,
                    trap,
                    source,
                });
            };
            if plan.signals && may_fault(&mut factory, &instruction) {
                let source = chains.enter(start as u32, source);
                site(start, Some(TrapCode::MemoryOutOfBounds), source);
            }
            match calls_to_trap.get(&end) {
                Some(&code) => site(end, Some(code), of_trap(&mut chains, start, source)),
                None if calls => site(end, None, chains.enter(start as u32, source)),
                None => {}
            }
            ends_in_call = calls;
        }
        if plan.debug
            && let Some(source) = source
        {
            let (start, end) = (start as u32, end as u32);
            match origins.last_mut() {
                Some(last) if last.end == start && last.source == source => last.end = end,
                _ => origins.push(Origin { start, end, source }),
            }
        }
    }
    // What such a one returns to is still the function.
    if ends_in_call {
        section.bytes.push(TRAP);
    }
    // A return address may be where the next instruction traps: the call's first.
    sites.sort_by_key(|site| site.code);
    for source in chains.calls(code.len() as u32) {
        let start = section.bytes.len() as u32;
        section.bytes.push(TRAP);
        let end = start + 1;
        sites.push(Site {
            code: end,
            trap: None,
            source: Some(source),
        });
        if plan.debug {
            origins.push(Origin { start, end, source });
        }
    }
    found.inlined = chains.finish();
    found
}

/// The calls that trap, by where they return to.
fn calls_to_trap(section: &Section) -> BTreeMap<usize, TrapCode> {
    let references = section.references.iter();
    let traps = references.filter_map(|reference| match reference.target {
        Name::Other(namespace, index) => {
            match Symbol::from(&UserExternalName { namespace, index }) {
                // A call ends with the distance.
                Symbol::Trap(code) => Some((reference.offset as usize + 4, trap_code(code))),
                _ => None,
            }
        }
        _ => None,
    });
    traps.collect()
}

/// Where in the source an instruction is that traps. Without a place of its own it does so
/// for its function as a whole, which has looked at the stack.
fn of_trap(chains: &mut Chains<'_>, start: usize, source: Option<u32>) -> Option<u32> {
    match source {
        Some(_) => chains.enter(start as u32, source),
        None => chains.leave(start as u32),
    }
}

/// Bytes that an instruction adds to the frame, at most.
fn pushed(instruction: &Instruction) -> u32 {
    match instruction.mnemonic() {
        Mnemonic::Push => 8,
        Mnemonic::Sub | Mnemonic::And if instruction.op0_register() == Register::RSP => {
            let amount = instruction.try_immediate(1).unwrap_or(u64::MAX) as i64;
            u32::try_from(amount.unsigned_abs()).unwrap_or(u32::MAX)
        }
        _ => 0,
    }
}

fn may_fault(factory: &mut InstructionInfoFactory, instruction: &Instruction) -> bool {
    if instruction.mnemonic() == Mnemonic::Nop || instruction.mnemonic() == Mnemonic::Lea {
        return false;
    }
    factory
        .info(instruction)
        .used_memory()
        .iter()
        .any(|memory| {
            let accesses = !matches!(memory.access(), OpAccess::None | OpAccess::NoMemAccess);
            let base = memory.base();
            // Frames and constants; return addresses are in the frame too.
            let is_own = matches!(base, Register::RSP | Register::RBP | Register::RIP)
                || base == Register::None && memory.index() == Register::None;
            accesses && !is_own
        })
}
