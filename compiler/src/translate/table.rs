//! Tables (core, 4.4.6). `it` is the type of a table's indices.

use core::mem::offset_of;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasm_aot_abi::{self as abi, TrapCode};

use super::Translator;
use crate::abi::{Access, Builtin, Region, val_type};

const ELEMENT: Access = Access::Trusted(Region::Element);

impl Translator<'_, '_> {
    /// `[it] -> [t]`; traps out of bounds.
    pub(super) fn table_get(&mut self, table: u32) {
        let index = self.stack.pop();
        let element = self.table_element(table, index, TrapCode::TableOutOfBounds);
        let offset = if self.holds_functions(table) {
            offset_of!(abi::TableElement, funcref) as u32
        } else {
            0
        };
        let value = self.load(types::I64, ELEMENT, element, offset);
        self.stack.push(value);
    }

    /// `[it t] -> []`; traps out of bounds.
    pub(super) fn table_set(&mut self, table: u32) {
        let value = self.stack.pop();
        let index = self.stack.pop();
        let element = self.table_element(table, index, TrapCode::TableOutOfBounds);
        if !self.holds_functions(table) {
            self.store(ELEMENT, value, element, 0);
            return;
        }
        // A null reference has nothing to copy from.
        let copy = self.builder.create_block();
        let join = self.builder.create_block();
        let words = [
            offset_of!(abi::TableElement, code) as u32,
            offset_of!(abi::TableElement, ctx) as u32,
            offset_of!(abi::TableElement, type_id) as u32,
        ];
        let params = words.map(|_| self.builder.append_block_param(join, types::I64));
        let zero = self.builder.ins().iconst(types::I64, 0).into();
        self.builder
            .ins()
            .brif(value, copy, [], join, &[zero, zero, zero]);
        self.builder.seal_block(copy);
        self.builder.switch_to_block(copy);
        let loaded = words.map(|word| self.load(types::I64, ELEMENT, value, word).into());
        self.builder.ins().jump(join, &loaded);
        self.builder.seal_block(join);
        self.builder.switch_to_block(join);
        for (word, param) in words.into_iter().zip(params) {
            self.store(ELEMENT, param, element, word);
        }
        let funcref = offset_of!(abi::TableElement, funcref) as u32;
        self.store(ELEMENT, value, element, funcref);
    }

    /// `[] -> [it]`
    pub(super) fn table_size(&mut self, table: u32) {
        let size = self.table_length(table);
        let size = self.table_index(table, size);
        self.stack.push(size);
    }

    /// `[t it] -> [it]`: the old size, or -1.
    pub(super) fn table_grow(&mut self, table: u32) {
        let delta = self.stack.pop();
        let value = self.stack.pop();
        let index = self.iconst32(table);
        let delta = self.wide(delta);
        let old = self
            .call_builtin(Builtin::TableGrow, &[self.vmctx, index, value, delta])
            .expect("a result");
        let old = self.table_index(table, old);
        self.stack.push(old);
    }

    /// Address of the element at `index`; traps with `outside` unless there is one.
    pub(super) fn table_element(&mut self, table: u32, index: Value, outside: TrapCode) -> Value {
        let index = self.wide(index);
        let length = self.table_length(table);
        let beyond = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        self.trap_if(beyond, outside);
        let (def, offset) = self.table_def(table);
        let access = self.table_access(table);
        let elements = self.load(
            types::I64,
            access,
            def,
            offset + offset_of!(abi::TableDef, elements) as u32,
        );
        let element_type = self.module.tables[table as usize].ty.element_type;
        let size = val_type(element_type.into()).element_size();
        self.row_address(elements, index, size, beyond)
    }

    /// Address of row `index`, an `i64`, of `rows`; harmless even while the CPU
    /// runs ahead with `beyond` set.
    pub(super) fn row_address(
        &mut self,
        rows: Value,
        index: Value,
        size: u32,
        beyond: Value,
    ) -> Value {
        let shift = i64::from(size.trailing_zeros());
        let distance = self.builder.ins().ishl_imm_u(index, shift);
        let address = self.builder.ins().iadd(rows, distance);
        self.guarded(beyond, address)
    }

    /// Number of elements, as an `i64`.
    fn table_length(&mut self, table: u32) -> Value {
        if self.known.table_is_fixed(table) {
            let initial = self.module.tables[table as usize].ty.initial;
            return self.builder.ins().iconst(types::I64, initial as i64);
        }
        let (def, offset) = self.table_def(table);
        self.load(
            types::I64,
            Access::Trusted(Region::TableDef),
            def,
            offset + offset_of!(abi::TableDef, len) as u32,
        )
    }

    /// An `i64` as an index of table `table`.
    fn table_index(&mut self, table: u32, value: Value) -> Value {
        let is_64 = self.module.tables[table as usize].ty.table64;
        self.index(is_64, value)
    }

    /// Base and offset of a table's definition.
    fn table_def(&mut self, table: u32) -> (Value, u32) {
        let offset = self.known.table_offset(table);
        if table < self.module.imported_tables {
            (self.load_fixed(types::I64, offset), 0)
        } else {
            (self.vmctx, offset)
        }
    }

    fn table_access(&mut self, table: u32) -> Access {
        if self.known.table_is_fixed(table) {
            Access::Fixed
        } else {
            Access::Trusted(Region::TableDef)
        }
    }

    fn holds_functions(&self, table: u32) -> bool {
        val_type(self.module.tables[table as usize].ty.element_type.into()).is_function()
    }
}
