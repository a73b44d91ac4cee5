//! Atomic accesses, waiting and notifying (the threads proposal).
//!
//! All of them are sequentially consistent, and Cranelift moves no access to
//! memory over one. An address is checked for its alignment here; its bounds
//! are checked as those of other accesses are.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AtomicRmwOp as Rmw, InstBuilder, Type, Value, types};
use target_lexicon::Architecture;
use wasm_aot_abi::TrapCode;
use wasmparser::{MemArg, Operator};

use super::Translator;
use super::address::memory;
use crate::abi::{Access, Builtin};

impl Translator<'_, '_> {
    /// Translates an operator, if it is of this family; whether it is.
    #[rustfmt::skip]
    pub(super) fn atomic_operator(&mut self, operator: &Operator<'_>) -> bool {
        use types::{I8, I16, I32, I64};
        match *operator {
            Operator::MemoryAtomicNotify { ref memarg } => self.memory_atomic_notify(memarg),
            Operator::MemoryAtomicWait32 { ref memarg } => self.memory_atomic_wait(memarg, I32),
            Operator::MemoryAtomicWait64 { ref memarg } => self.memory_atomic_wait(memarg, I64),
            Operator::AtomicFence { .. } => { self.builder.ins().fence(); }

            Operator::I32AtomicLoad { ref memarg } => self.atomic_load(memarg, I32, I32),
            Operator::I64AtomicLoad { ref memarg } => self.atomic_load(memarg, I64, I64),
            Operator::I32AtomicLoad8U { ref memarg } => self.atomic_load(memarg, I8, I32),
            Operator::I32AtomicLoad16U { ref memarg } => self.atomic_load(memarg, I16, I32),
            Operator::I64AtomicLoad8U { ref memarg } => self.atomic_load(memarg, I8, I64),
            Operator::I64AtomicLoad16U { ref memarg } => self.atomic_load(memarg, I16, I64),
            Operator::I64AtomicLoad32U { ref memarg } => self.atomic_load(memarg, I32, I64),

            Operator::I32AtomicStore { ref memarg } => self.atomic_store(memarg, I32),
            Operator::I64AtomicStore { ref memarg } => self.atomic_store(memarg, I64),
            Operator::I32AtomicStore8 { ref memarg } => self.atomic_store(memarg, I8),
            Operator::I32AtomicStore16 { ref memarg } => self.atomic_store(memarg, I16),
            Operator::I64AtomicStore8 { ref memarg } => self.atomic_store(memarg, I8),
            Operator::I64AtomicStore16 { ref memarg } => self.atomic_store(memarg, I16),
            Operator::I64AtomicStore32 { ref memarg } => self.atomic_store(memarg, I32),

            Operator::I32AtomicRmwAdd { ref memarg } => self.atomic_rmw(memarg, Rmw::Add, I32, I32),
            Operator::I64AtomicRmwAdd { ref memarg } => self.atomic_rmw(memarg, Rmw::Add, I64, I64),
            Operator::I32AtomicRmw8AddU { ref memarg } => self.atomic_rmw(memarg, Rmw::Add, I8, I32),
            Operator::I32AtomicRmw16AddU { ref memarg } => self.atomic_rmw(memarg, Rmw::Add, I16, I32),
            Operator::I64AtomicRmw8AddU { ref memarg } => self.atomic_rmw(memarg, Rmw::Add, I8, I64),
            Operator::I64AtomicRmw16AddU { ref memarg } => self.atomic_rmw(memarg, Rmw::Add, I16, I64),
            Operator::I64AtomicRmw32AddU { ref memarg } => self.atomic_rmw(memarg, Rmw::Add, I32, I64),

            Operator::I32AtomicRmwSub { ref memarg } => self.atomic_rmw(memarg, Rmw::Sub, I32, I32),
            Operator::I64AtomicRmwSub { ref memarg } => self.atomic_rmw(memarg, Rmw::Sub, I64, I64),
            Operator::I32AtomicRmw8SubU { ref memarg } => self.atomic_rmw(memarg, Rmw::Sub, I8, I32),
            Operator::I32AtomicRmw16SubU { ref memarg } => self.atomic_rmw(memarg, Rmw::Sub, I16, I32),
            Operator::I64AtomicRmw8SubU { ref memarg } => self.atomic_rmw(memarg, Rmw::Sub, I8, I64),
            Operator::I64AtomicRmw16SubU { ref memarg } => self.atomic_rmw(memarg, Rmw::Sub, I16, I64),
            Operator::I64AtomicRmw32SubU { ref memarg } => self.atomic_rmw(memarg, Rmw::Sub, I32, I64),

            Operator::I32AtomicRmwAnd { ref memarg } => self.atomic_rmw(memarg, Rmw::And, I32, I32),
            Operator::I64AtomicRmwAnd { ref memarg } => self.atomic_rmw(memarg, Rmw::And, I64, I64),
            Operator::I32AtomicRmw8AndU { ref memarg } => self.atomic_rmw(memarg, Rmw::And, I8, I32),
            Operator::I32AtomicRmw16AndU { ref memarg } => self.atomic_rmw(memarg, Rmw::And, I16, I32),
            Operator::I64AtomicRmw8AndU { ref memarg } => self.atomic_rmw(memarg, Rmw::And, I8, I64),
            Operator::I64AtomicRmw16AndU { ref memarg } => self.atomic_rmw(memarg, Rmw::And, I16, I64),
            Operator::I64AtomicRmw32AndU { ref memarg } => self.atomic_rmw(memarg, Rmw::And, I32, I64),

            Operator::I32AtomicRmwOr { ref memarg } => self.atomic_rmw(memarg, Rmw::Or, I32, I32),
            Operator::I64AtomicRmwOr { ref memarg } => self.atomic_rmw(memarg, Rmw::Or, I64, I64),
            Operator::I32AtomicRmw8OrU { ref memarg } => self.atomic_rmw(memarg, Rmw::Or, I8, I32),
            Operator::I32AtomicRmw16OrU { ref memarg } => self.atomic_rmw(memarg, Rmw::Or, I16, I32),
            Operator::I64AtomicRmw8OrU { ref memarg } => self.atomic_rmw(memarg, Rmw::Or, I8, I64),
            Operator::I64AtomicRmw16OrU { ref memarg } => self.atomic_rmw(memarg, Rmw::Or, I16, I64),
            Operator::I64AtomicRmw32OrU { ref memarg } => self.atomic_rmw(memarg, Rmw::Or, I32, I64),

            Operator::I32AtomicRmwXor { ref memarg } => self.atomic_rmw(memarg, Rmw::Xor, I32, I32),
            Operator::I64AtomicRmwXor { ref memarg } => self.atomic_rmw(memarg, Rmw::Xor, I64, I64),
            Operator::I32AtomicRmw8XorU { ref memarg } => self.atomic_rmw(memarg, Rmw::Xor, I8, I32),
            Operator::I32AtomicRmw16XorU { ref memarg } => self.atomic_rmw(memarg, Rmw::Xor, I16, I32),
            Operator::I64AtomicRmw8XorU { ref memarg } => self.atomic_rmw(memarg, Rmw::Xor, I8, I64),
            Operator::I64AtomicRmw16XorU { ref memarg } => self.atomic_rmw(memarg, Rmw::Xor, I16, I64),
            Operator::I64AtomicRmw32XorU { ref memarg } => self.atomic_rmw(memarg, Rmw::Xor, I32, I64),

            Operator::I32AtomicRmwXchg { ref memarg } => self.atomic_rmw(memarg, Rmw::Xchg, I32, I32),
            Operator::I64AtomicRmwXchg { ref memarg } => self.atomic_rmw(memarg, Rmw::Xchg, I64, I64),
            Operator::I32AtomicRmw8XchgU { ref memarg } => self.atomic_rmw(memarg, Rmw::Xchg, I8, I32),
            Operator::I32AtomicRmw16XchgU { ref memarg } => self.atomic_rmw(memarg, Rmw::Xchg, I16, I32),
            Operator::I64AtomicRmw8XchgU { ref memarg } => self.atomic_rmw(memarg, Rmw::Xchg, I8, I64),
            Operator::I64AtomicRmw16XchgU { ref memarg } => self.atomic_rmw(memarg, Rmw::Xchg, I16, I64),
            Operator::I64AtomicRmw32XchgU { ref memarg } => self.atomic_rmw(memarg, Rmw::Xchg, I32, I64),

            Operator::I32AtomicRmwCmpxchg { ref memarg } => self.atomic_cmpxchg(memarg, I32, I32),
            Operator::I64AtomicRmwCmpxchg { ref memarg } => self.atomic_cmpxchg(memarg, I64, I64),
            Operator::I32AtomicRmw8CmpxchgU { ref memarg } => self.atomic_cmpxchg(memarg, I8, I32),
            Operator::I32AtomicRmw16CmpxchgU { ref memarg } => self.atomic_cmpxchg(memarg, I16, I32),
            Operator::I64AtomicRmw8CmpxchgU { ref memarg } => self.atomic_cmpxchg(memarg, I8, I64),
            Operator::I64AtomicRmw16CmpxchgU { ref memarg } => self.atomic_cmpxchg(memarg, I16, I64),
            Operator::I64AtomicRmw32CmpxchgU { ref memarg } => self.atomic_cmpxchg(memarg, I32, I64),

            _ => return false,
        }
        true
    }

    /// `[i] -> [t]`: loads an `access`, zero-extended to `ty`.
    fn atomic_load(&mut self, memarg: &MemArg, access: Type, ty: Type) {
        let address = self.aligned_address(memarg, access);
        let flags = self.atomic_access().flags(self.builder.func);
        let value = self.builder.ins().atomic_load(access, flags, address);
        self.push_extended(value, ty);
    }

    /// `[i t] -> []`: stores the low bits, as many as `access` has.
    fn atomic_store(&mut self, memarg: &MemArg, access: Type) {
        let value = self.pop_reduced(access);
        let address = self.aligned_address(memarg, access);
        let flags = self.atomic_access().flags(self.builder.func);
        self.builder.ins().atomic_store(flags, value, address);
    }

    /// `[i t] -> [t]`: the value before.
    fn atomic_rmw(&mut self, memarg: &MemArg, op: Rmw, access: Type, ty: Type) {
        let operand = self.pop_reduced(access);
        let address = self.aligned_address(memarg, access);
        let flags = self.atomic_access().flags(self.builder.func);
        let ins = self.builder.ins();
        let old = ins.atomic_rmw(access, flags, op, address, operand);
        self.push_extended(old, ty);
    }

    /// `[i t t] -> [t]`: the value before. What is expected is compared in the
    /// width of the access.
    fn atomic_cmpxchg(&mut self, memarg: &MemArg, access: Type, ty: Type) {
        let replacement = self.pop_reduced(access);
        let expected = self.pop_reduced(access);
        let address = self.aligned_address(memarg, access);
        let flags = self.atomic_access().flags(self.builder.func);
        let ins = self.builder.ins();
        let old = ins.atomic_cas(flags, address, expected, replacement);
        self.push_extended(old, ty);
    }

    /// `[i t i64] -> [i32]`: 0 when it was notified, 1 if the value is not the
    /// expected one, 2 when the time is over. Traps in a memory that is not
    /// shared.
    fn memory_atomic_wait(&mut self, memarg: &MemArg, ty: Type) {
        let timeout = self.stack.pop();
        let expected = self.stack.pop();
        self.check_alignment(memarg, ty);
        let address = self.checked_address(memarg, ty.bytes());
        if !self.module.memories[memory(memarg) as usize].shared {
            self.trap(TrapCode::ExpectedSharedMemory);
            self.stack.set_unreachable();
            return;
        }
        let builtin = match ty {
            types::I32 => Builtin::MemoryAtomicWait32,
            _ => Builtin::MemoryAtomicWait64,
        };
        let args = [self.vmctx, address, expected, timeout];
        let result = self.call_builtin(builtin, &args).expect("a result");
        let ins = self.builder.ins();
        let interrupted = ins.icmp_imm_u(IntCC::UnsignedGreaterThan, result, 2);
        self.trap_if(interrupted, TrapCode::Interrupted);
        self.stack.push(result);
    }

    /// `[i i32] -> [i32]`: how many waits it has ended, at most as many as the
    /// operand says.
    fn memory_atomic_notify(&mut self, memarg: &MemArg) {
        let count = self.stack.pop();
        self.check_alignment(memarg, types::I32);
        let address = self.checked_address(memarg, types::I32.bytes());
        let woken = if self.module.memories[memory(memarg) as usize].shared {
            let args = [self.vmctx, address, count];
            let result = self.call_builtin(Builtin::MemoryAtomicNotify, &args);
            result.expect("a result")
        } else {
            self.iconst32(0) // nobody can wait in it
        };
        self.stack.push(woken);
    }

    /// How what is at an [`aligned_address`](Self::aligned_address) is read and written. C
    /// calls no second copy of such code where it may fault.
    fn atomic_access(&self) -> Access {
        match self.signals {
            true => Access::LinearMemory,
            false => Access::CheckedMemory,
        }
    }

    /// Pops an index and makes the address of an `access` at it, which is aligned.
    /// Whether it is in bounds shows when it is accessed.
    fn aligned_address(&mut self, memarg: &MemArg, access: Type) -> Value {
        self.check_alignment(memarg, access);
        let address = self.address(memarg, access.bytes());
        let address = match address.offset {
            0 => address.base,
            offset => {
                let ins = self.builder.ins();
                ins.iadd_imm_s(address.base, i64::from(offset))
            }
        };
        if self.signals && self.forgets_atomic_traps() {
            // So this traps in its place. Memories do not shrink meanwhile.
            let flags = Access::LinearMemory.flags(self.builder.func);
            self.builder.ins().load(access, flags, address, 0);
        }
        address
    }

    /// Whether Cranelift does not say of atomic accesses where they may trap.
    pub(super) fn forgets_atomic_traps(&self) -> bool {
        matches!(self.isa.triple().architecture, Architecture::Riscv64(_))
    }

    /// Traps unless the index on the stack and the offset make an aligned address.
    fn check_alignment(&mut self, memarg: &MemArg, access: Type) {
        let mask = i64::from(access.bytes()) - 1;
        if mask == 0 {
            return;
        }
        let mut index = *self.stack.values.last().expect("an index");
        let rest = memarg.offset as i64 & mask;
        if rest != 0 {
            index = self.builder.ins().iadd_imm_s(index, rest); // the low bits are right
        }
        let rest = self.builder.ins().band_imm_u(index, mask);
        self.trap_if(rest, TrapCode::UnalignedAtomic);
    }

    /// Pops a value, of which an access takes the low bits.
    fn pop_reduced(&mut self, access: Type) -> Value {
        let value = self.stack.pop();
        if self.builder.func.dfg.value_type(value) == access {
            value
        } else {
            self.builder.ins().ireduce(access, value)
        }
    }

    fn push_extended(&mut self, value: Value, ty: Type) {
        let value = if self.builder.func.dfg.value_type(value) == ty {
            value
        } else {
            self.builder.ins().uextend(ty, value)
        };
        self.stack.push(value);
    }
}
