//! Loads, stores, size and growth of memories (core, 4.4.7). `it` is the type of the
//! memory's addresses.

use cranelift_codegen::ir::{InstBuilder, Opcode, Type, types};
use wasmparser::MemArg;

use super::Translator;
use crate::abi::Builtin;

impl Translator<'_, '_> {
    /// `[it] -> [t]`; traps out of bounds.
    pub(super) fn load_memory(&mut self, memarg: &MemArg, ty: Type) {
        let address = self.address(memarg, ty.bytes());
        let flags = self.memory_access().flags(self.builder.func);
        let value = self
            .builder
            .ins()
            .load(ty, flags, address.base, address.offset);
        self.stack.push(value);
    }

    /// `[it] -> [t]`: loads what `opcode` says and extends it to `ty`; traps
    /// out of bounds.
    pub(super) fn load_extend(&mut self, memarg: &MemArg, opcode: Opcode, ty: Type) {
        let size = match opcode {
            Opcode::Uload8 | Opcode::Sload8 => 1,
            Opcode::Uload16 | Opcode::Sload16 => 2,
            Opcode::Uload32 | Opcode::Sload32 => 4,
            _ => 8,
        };
        let address = self.address(memarg, size);
        let flags = self.memory_access().flags(self.builder.func);
        let flags = self.builder.func.dfg.mem_flags.insert_unchecked(flags);
        let (inst, dfg) =
            self.builder
                .ins()
                .Load(opcode, ty, flags, address.offset.into(), address.base);
        let value = dfg.first_result(inst);
        self.stack.push(value);
    }

    /// `[it t] -> []`: stores all of the value; traps out of bounds.
    pub(super) fn store_memory(&mut self, memarg: &MemArg) {
        let value = self.stack.pop();
        let size = self.builder.func.dfg.value_type(value).bytes();
        let address = self.address(memarg, size);
        let flags = self.memory_access().flags(self.builder.func);
        self.builder
            .ins()
            .store(flags, value, address.base, address.offset);
    }

    /// `[it t] -> []`: stores the low bits, as many as `narrow` has; traps out
    /// of bounds.
    pub(super) fn store_narrow(&mut self, memarg: &MemArg, narrow: Type) {
        let value = self.stack.pop();
        let address = self.address(memarg, narrow.bytes());
        let flags = self.memory_access().flags(self.builder.func);
        let ins = self.builder.ins();
        match narrow {
            types::I8 => ins.istore8(flags, value, address.base, address.offset),
            types::I16 => ins.istore16(flags, value, address.base, address.offset),
            _ => ins.istore32(flags, value, address.base, address.offset),
        };
    }

    /// `[] -> [it]`: pages.
    pub(super) fn memory_size(&mut self, memory: u32) {
        let length = self.memory_length(memory);
        let page = self.module.memories[memory as usize].page_size_log2();
        let pages = self.builder.ins().ushr_imm_u(length, i64::from(page));
        let pages = self.memory_index(memory, pages);
        self.stack.push(pages);
    }

    /// `[it] -> [it]`: the old size in pages, or -1.
    pub(super) fn memory_grow(&mut self, memory: u32) {
        let delta = self.stack.pop();
        let delta = self.wide(delta);
        let index = self.iconst32(memory);
        let old = self
            .call_builtin(Builtin::MemoryGrow, &[self.vmctx, index, delta])
            .expect("a result");
        let old = self.memory_index(memory, old);
        self.stack.push(old);
    }
}
