//! Addresses in linear memories.
//!
//! The address space behind a memory's base is reserved beyond every 32-bit
//! index, and the guard behind that covers constant offsets up to its size:
//! such an access needs no check, it hits the memory or faults.
//!
//! An index of 64 bits that may be larger is limited to the memory's length, behind
//! which what cannot be accessed begins, with no less than a guard: an access there
//! faults as it should. It takes a compare and a conditional move, once for all
//! accesses with the same index, and no branch that a CPU could run ahead of. For a
//! memory that cannot become larger than the reservation, that is the limit.
//!
//! All else is compared with the memory's length: larger offsets, and accesses to
//! memories with pages of one byte, whose length does not end a page of the machine.
//!
//! In code without signals everything is. Where 32 bits reach no further than what
//! faults, nothing has to be done about what a CPU runs ahead with.

use core::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, InstructionData, Opcode, Value, types};
use wasm_aot_abi::{self as abi, TrapCode};
use wasmparser::{MemArg, MemArgTarget, MemoryType};

use super::Translator;
use crate::abi::{Access, Region};

/// A native address and a constant to add to it: the form that every linear
/// memory access takes.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub(super) base: Value,
    pub(super) offset: i32,
}

/// Where nothing can be accessed, with a guard behind.
#[derive(Clone, Copy)]
enum Limit {
    /// The length of the memory.
    Length,
    /// The end of what is reserved for it.
    Reservation,
}

impl Translator<'_, '_> {
    /// Pops an index and makes the address of `size` bytes at it.
    pub(super) fn address(&mut self, memarg: &MemArg, size: u32) -> Address {
        let index = self.stack.pop();
        self.address_at(memory(memarg), memarg.offset, index, size)
    }

    /// The address of `size` bytes at `index` and `offset`. An access that includes the
    /// last of them traps unless all are in the memory.
    pub(super) fn address_at(
        &mut self,
        memory: u32,
        offset: u64,
        index: Value,
        size: u32,
    ) -> Address {
        let ty = self.module.memories[memory as usize];
        let base = self.memory_base(memory);
        let end = offset.saturating_add(size.into());
        if !self.signals
            && !ty.memory64
            && ty.page_size_log2() == 16
            && end <= self.tunables.memory_guard
            && let Ok(offset) = i32::try_from(offset)
        {
            let index = self.compared(memory, index, end);
            let base = self.builder.ins().iadd(base, index);
            return Address { base, offset };
        }
        if self.direct.is_none()
            && self.signals
            && let Some(limit) = self.limit(&ty)
            && end <= self.tunables.memory_guard
            && let Ok(offset) = i32::try_from(offset)
        {
            let index = self.reachable(memory, index, limit);
            let base = self.builder.ins().iadd(base, index);
            return Address { base, offset };
        }
        Address {
            base: self.in_bounds(memory, offset, base, index, size),
            offset: 0,
        }
    }

    /// How what is at an [`address`](Self::address) is read and written.
    pub(super) fn memory_access(&self) -> Access {
        match self.direct {
            None if self.signals => Access::LinearMemory,
            _ => Access::CheckedMemory,
        }
    }

    /// An index of 32 bits as an `i64`; traps unless all of the `end` bytes from there on
    /// are in the memory, which has pages of 64 KiB.
    fn compared(&mut self, memory: u32, narrow: Value, end: u64) -> Value {
        let index = self.wide(narrow);
        let least = self.module.memories[memory as usize].initial << 16;
        let is_constant = |index: u64| index + end <= least;
        if self.constant(narrow).is_some_and(is_constant) || self.is_checked(memory, narrow, end) {
            return index;
        }
        let length = self.memory_length(memory);
        let ins = self.builder.ins();
        let (index_or_end, limit) = if end <= least {
            // The same for all accesses of this size and offset.
            (index, ins.iadd_imm_s(length, -(end as i64)))
        } else {
            (ins.iadd_imm_s(index, end as i64), length)
        };
        let ins = self.builder.ins();
        let outside = ins.icmp(IntCC::UnsignedGreaterThan, index_or_end, limit);
        self.trap_if(outside, TrapCode::MemoryOutOfBounds);
        self.set_checked(memory, narrow, end);
        index
    }

    /// The address of `size` bytes at `index`; traps unless all of them are in the
    /// memory.
    pub(super) fn checked_address(&mut self, memarg: &MemArg, size: u32) -> Value {
        let index = self.stack.pop();
        let memory = memory(memarg);
        let base = self.memory_base(memory);
        self.in_bounds(memory, memarg.offset, base, index, size)
    }

    /// As [`checked_address`](Self::checked_address), of an index off the stack.
    fn in_bounds(
        &mut self,
        memory: u32,
        offset: u64,
        base: Value,
        index: Value,
        size: u32,
    ) -> Value {
        let ty = self.module.memories[memory as usize];
        // One length for both checks: another thread may change it in between.
        let length = ty.memory64.then(|| self.memory_length(memory));
        let index = match length {
            Some(length) => self.bounded(index, length),
            None => self.wide(index),
        };
        // Neither sum can wrap: no memory has that many bytes.
        let offset = offset.min(1 << 62) as i64;
        let start = self.builder.ins().iadd_imm_s(index, offset);
        let end = self.builder.ins().iadd_imm_s(start, i64::from(size));
        let length = length.unwrap_or_else(|| self.memory_length(memory));
        let outside = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThan, end, length);
        self.trap_if(outside, TrapCode::MemoryOutOfBounds);
        let address = self.builder.ins().iadd(base, start);
        self.guarded(outside, address)
    }

    /// An address that is used only if not `outside`; otherwise harmless even while the
    /// CPU runs ahead.
    pub(super) fn guarded(&mut self, outside: Value, address: Value) -> Value {
        if !self.spectre_guards {
            return address;
        }
        let null = self.builder.ins().iconst(types::I64, 0);
        self.builder
            .ins()
            .select_spectre_guard(outside, null, address)
    }

    /// What an index has to be limited to for an access to hit the memory or fault;
    /// `None` if that is not enough.
    fn limit(&self, ty: &MemoryType) -> Option<Limit> {
        let reservation = self.tunables.memory_reservation;
        let max = ty.maximum.unwrap_or(u64::MAX).saturating_mul(1 << 16);
        if ty.page_size_log2() != 16 {
            None
        } else if max <= reservation {
            Some(Limit::Reservation)
        } else if ty.memory64 && ty.shared {
            // Another thread may make it larger before the access.
            None
        } else {
            Some(Limit::Length)
        }
    }

    /// An index as an `i64`, limited.
    fn reachable(&mut self, memory: u32, index: Value, limit: Limit) -> Value {
        let index = self.wide(index);
        if self.is_reserved(index) {
            return index;
        }
        let limit = match limit {
            Limit::Length => self.memory_length(memory),
            Limit::Reservation => {
                let reservation = self.tunables.memory_reservation as i64;
                self.builder.ins().iconst(types::I64, reservation)
            }
        };
        self.bounded(index, limit)
    }

    /// An index of 64 bits, but `limit` if it is greater, whatever the CPU believes.
    pub(super) fn bounded(&mut self, index: Value, limit: Value) -> Value {
        let beyond = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThan, index, limit);
        let ins = self.builder.ins();
        match self.spectre_guards {
            true => ins.select_spectre_guard(beyond, limit, index),
            false => ins.select(beyond, limit, index),
        }
    }

    /// Whether an index, an `i64`, is surely in the address space that is reserved
    /// behind every memory.
    fn is_reserved(&self, index: Value) -> bool {
        let narrow = self.tunables.memory_reservation >= 1 << 32;
        let in_reservation = |value: u64| value < self.tunables.memory_reservation;
        match self.definition(index) {
            Some(InstructionData::Unary {
                opcode: Opcode::Uextend,
                ..
            }) => narrow,
            Some(InstructionData::Load {
                opcode: Opcode::Uload8 | Opcode::Uload16 | Opcode::Uload32,
                ..
            }) => narrow,
            Some(InstructionData::Binary {
                opcode: Opcode::Band,
                args,
            }) => args
                .iter()
                .any(|&arg| self.constant(arg).is_some_and(in_reservation)),
            _ => self.constant(index).is_some_and(in_reservation),
        }
    }

    /// What an integer is, if it is a constant.
    pub(super) fn constant(&self, value: Value) -> Option<u64> {
        match self.definition(value) {
            Some(InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            }) => Some(imm.bits() as u64 & (u64::MAX >> (64 - self.type_of(value).bits()))),
            _ => None,
        }
    }

    /// The address of `length` bytes at `index`; traps unless all of them are in the
    /// memory.
    pub(super) fn checked_range(&mut self, memory: u32, index: Value, length: Value) -> Value {
        let is_64 = self.type_of(index) == types::I64;
        let (index, length) = (self.wide(index), self.wide(length));
        let outside = if is_64 {
            let limit = self.memory_length(memory);
            let ins = self.builder.ins();
            let beyond = ins.icmp(IntCC::UnsignedGreaterThan, index, limit);
            let room = self.builder.ins().isub(limit, index);
            let ins = self.builder.ins();
            let long = ins.icmp(IntCC::UnsignedGreaterThan, length, room);
            self.builder.ins().bor(beyond, long)
        } else {
            let end = self.builder.ins().iadd(index, length);
            let limit = self.memory_length(memory);
            let ins = self.builder.ins();
            ins.icmp(IntCC::UnsignedGreaterThan, end, limit)
        };
        self.trap_if(outside, TrapCode::MemoryOutOfBounds);
        let base = self.memory_base(memory);
        self.builder.ins().iadd(base, index)
    }

    /// An index, size or length as an `i64`.
    pub(super) fn wide(&mut self, value: Value) -> Value {
        if self.type_of(value) == types::I64 {
            return value;
        }
        self.builder.ins().uextend(types::I64, value)
    }

    /// An `i64` as an index of memory `memory`.
    pub(super) fn memory_index(&mut self, memory: u32, value: Value) -> Value {
        let is_64 = self.module.memories[memory as usize].memory64;
        self.index(is_64, value)
    }

    /// An `i64` as an index of so many bits.
    pub(super) fn index(&mut self, is_64: bool, value: Value) -> Value {
        if is_64 {
            return value;
        }
        self.builder.ins().ireduce(types::I32, value)
    }

    pub(super) fn memory_base(&mut self, memory: u32) -> Value {
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
