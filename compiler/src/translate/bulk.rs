//! Bulk operations on memories and tables (core, 4.4.6 and 4.4.7). Each checks
//! all bounds before it writes anything. `it` is the type of the addresses; between two
//! of different types, lengths are of the smaller one.

use cranelift_codegen::ir::Value;
use wasm_aot_abi::TrapCode;

use super::Translator;
use crate::abi::Builtin;

impl Translator<'_, '_> {
    /// `[it it it] -> []`; traps out of bounds.
    pub(super) fn memory_copy(&mut self, to: u32, from: u32) {
        let length = self.stack.pop();
        let source = self.stack.pop();
        let target = self.stack.pop();
        let source = self.checked_range(from, source, length);
        let target = self.checked_range(to, target, length);
        let length = self.wide(length);
        self.call_builtin(Builtin::MemoryCopy, &[target, source, length]);
    }

    /// `[it i32 it] -> []`; traps out of bounds.
    pub(super) fn memory_fill(&mut self, memory: u32) {
        let length = self.stack.pop();
        let value = self.stack.pop();
        let target = self.stack.pop();
        let target = self.checked_range(memory, target, length);
        let length = self.wide(length);
        self.call_builtin(Builtin::MemoryFill, &[target, value, length]);
    }

    /// `[it i32 i32] -> []`; traps out of bounds.
    pub(super) fn memory_init(&mut self, memory: u32, segment: u32) {
        self.init(
            Builtin::MemoryInit,
            memory,
            segment,
            TrapCode::MemoryOutOfBounds,
        );
    }

    /// `[] -> []`
    pub(super) fn data_drop(&mut self, segment: u32) {
        self.drop_segment(Builtin::DataDrop, segment);
    }

    /// `[it i32 i32] -> []`; traps out of bounds.
    pub(super) fn table_init(&mut self, table: u32, segment: u32) {
        self.init(
            Builtin::TableInit,
            table,
            segment,
            TrapCode::TableOutOfBounds,
        );
    }

    /// `[] -> []`
    pub(super) fn elem_drop(&mut self, segment: u32) {
        self.drop_segment(Builtin::ElemDrop, segment);
    }

    /// `[it it it] -> []`; traps out of bounds.
    pub(super) fn table_copy(&mut self, to: u32, from: u32) {
        let length = self.stack.pop();
        let source = self.stack.pop();
        let target = self.stack.pop();
        let (to, from) = (self.iconst32(to), self.iconst32(from));
        let (target, source, length) = (self.wide(target), self.wide(source), self.wide(length));
        let args = [self.vmctx, to, from, target, source, length];
        self.call_checked(Builtin::TableCopy, &args, TrapCode::TableOutOfBounds);
    }

    /// `[it t it] -> []`; traps out of bounds.
    pub(super) fn table_fill(&mut self, table: u32) {
        let length = self.stack.pop();
        let value = self.stack.pop();
        let target = self.stack.pop();
        let index = self.iconst32(table);
        let (target, length) = (self.wide(target), self.wide(length));
        let args = [self.vmctx, index, target, value, length];
        self.call_checked(Builtin::TableFill, &args, TrapCode::TableOutOfBounds);
    }

    fn init(&mut self, builtin: Builtin, index: u32, segment: u32, trap: TrapCode) {
        let length = self.stack.pop();
        let source = self.stack.pop();
        let target = self.stack.pop();
        let target = self.wide(target);
        let (index, segment) = (self.iconst32(index), self.iconst32(segment));
        let args = [self.vmctx, index, segment, target, source, length];
        self.call_checked(builtin, &args, trap);
    }

    fn drop_segment(&mut self, builtin: Builtin, segment: u32) {
        let segment = self.iconst32(segment);
        self.call_builtin(builtin, &[self.vmctx, segment]);
    }

    /// Calls a builtin that says whether its bounds checks held.
    fn call_checked(&mut self, builtin: Builtin, args: &[Value], trap: TrapCode) {
        let done = self.call_builtin(builtin, args).expect("a result");
        self.trap_unless(done, trap);
    }
}
