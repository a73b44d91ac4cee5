//! Addresses in linear memories.
//!
//! The address space behind a memory's base is reserved beyond every 32-bit
//! index, and the guard behind that covers constant offsets up to its size:
//! such an access needs no check, it hits the memory or faults. Larger offsets
//! are checked against the memory's length.

use core::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasm_aot_abi::{self as abi, TrapCode};
use wasmparser::{MemArg, MemArgTarget};

use super::Translator;
use crate::abi::{Access, Region};

/// A native address and a constant to add to it: the form that every linear
/// memory access takes.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub(super) base: Value,
    pub(super) offset: i32,
}

impl Translator<'_, '_> {
    /// Pops an index and makes the address of `size` bytes at it.
    pub(super) fn address(&mut self, memarg: &MemArg, size: u32) -> Address {
        let memory = memory(memarg);
        let index = self.stack.pop();
        let base = self.memory_base(memory);
        let index = self.builder.ins().uextend(types::I64, index);
        let end = memarg.offset + u64::from(size);
        if end <= self.tunables.memory_guard
            && let Ok(offset) = i32::try_from(memarg.offset)
        {
            let base = self.builder.ins().iadd(base, index);
            return Address { base, offset };
        }
        Address {
            base: self.in_bounds(memarg, base, index, size),
            offset: 0,
        }
    }

    /// The address of `size` bytes at `index`; traps unless all of them are in the
    /// memory.
    pub(super) fn checked_address(&mut self, memarg: &MemArg, size: u32) -> Value {
        let index = self.stack.pop();
        let base = self.memory_base(memory(memarg));
        let index = self.builder.ins().uextend(types::I64, index);
        self.in_bounds(memarg, base, index, size)
    }

    /// As [`checked_address`](Self::checked_address), of an `index` that is 64 bits
    /// wide.
    fn in_bounds(&mut self, memarg: &MemArg, base: Value, index: Value, size: u32) -> Value {
        // Neither sum can wrap: index and offset are below 2^32.
        let start = self.builder.ins().iadd_imm_s(index, memarg.offset as i64);
        let end = self.builder.ins().iadd_imm_s(start, i64::from(size));
        let length = self.memory_length(memory(memarg));
        let outside = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThan, end, length);
        self.trap_if(outside, TrapCode::MemoryOutOfBounds);
        let address = self.builder.ins().iadd(base, start);
        let null = self.builder.ins().iconst(types::I64, 0);
        self.builder
            .ins()
            .select_spectre_guard(outside, null, address)
    }

    /// The address of `length` bytes at `index`, both `i32`; traps unless all
    /// of them are in the memory.
    pub(super) fn checked_range(&mut self, memory: u32, index: Value, length: Value) -> Value {
        let index = self.builder.ins().uextend(types::I64, index);
        let length = self.builder.ins().uextend(types::I64, length);
        let end = self.builder.ins().iadd(index, length);
        let limit = self.memory_length(memory);
        let outside = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThan, end, limit);
        self.trap_if(outside, TrapCode::MemoryOutOfBounds);
        let base = self.memory_base(memory);
        self.builder.ins().iadd(base, index)
    }

    fn memory_base(&mut self, memory: u32) -> Value {
        let slot = self.known.memory_offset(memory);
        self.load_fixed(types::I64, slot + offset_of!(abi::MemorySlot, base) as u32)
    }

    /// The length of a memory in bytes, as an `i64`. That of a shared one can
    /// change at any time.
    pub(super) fn memory_length(&mut self, memory: u32) -> Value {
        let slot = self.known.memory_offset(memory);
        let def = self.load_fixed(types::I64, slot + offset_of!(abi::MemorySlot, def) as u32);
        let offset = offset_of!(abi::MemoryDef, length) as u32;
        let access = Access::Trusted(Region::MemoryDef);
        if self.module.memories[memory as usize].shared {
            let flags = access.flags(self.builder.func);
            let address = self.builder.ins().iadd_imm_u(def, i64::from(offset));
            return self.builder.ins().atomic_load(types::I64, flags, address);
        }
        self.load(types::I64, access, def, offset)
    }
}

/// The memory that is accessed.
pub(super) fn memory(memarg: &MemArg) -> u32 {
    match memarg.target {
        MemArgTarget::Memory(index) => index,
        MemArgTarget::Array(_) => unreachable!("validated: no arrays"),
    }
}
