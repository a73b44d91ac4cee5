//! Calls (core, 4.4.8).

use core::mem::offset_of;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Inst, InstBuilder, Value, types};
use wasm_aot_abi::{self as abi, NONE, TrapCode};

use super::Translator;
use crate::abi::{Access, Region, Symbol};
use crate::module::TypeIndex;

/// Bytes of a row of a table in the text: where the function is, relative to
/// the table, and its type.
pub(crate) const TEXT_ROW: u32 = 8;
/// Offset of the type in such a row.
pub(crate) const TEXT_ROW_TYPE: u32 = 4;

impl Translator<'_, '_> {
    /// `[t*] -> [t*]`
    pub(super) fn call(&mut self, index: u32) {
        let module = self.module;
        let ty = module.functions[index as usize];
        if module.defined_function(index).is_some() {
            let args = self.arguments(ty, self.vmctx);
            let function = self.function(index);
            let call = self.builder.ins().call(function, &args);
            self.push_results(call);
        } else {
            let slot = self.known.import_offset(index);
            let code = offset_of!(abi::FunctionImport, code) as u32;
            let ctx = offset_of!(abi::FunctionImport, ctx) as u32;
            let code = self.load_fixed(types::I64, slot + code);
            let ctx = self.load_fixed(types::I64, slot + ctx);
            self.call_code(ty, code, ctx);
        }
    }

    /// `[t* i32] -> [t*]`; traps if there is no such element, if it is null, and
    /// if its type is another.
    pub(super) fn call_indirect(&mut self, type_index: u32, table: u32) {
        let ty = self.module.type_section[type_index as usize];
        let index = self.stack.pop();
        if self.known.table_in_text(table) {
            self.call_row(ty, table, index);
        } else {
            self.call_element(ty, table, index);
        }
    }

    /// Calls through an element of a table of this instance.
    fn call_element(&mut self, ty: TypeIndex, table: u32, index: Value) {
        let element = self.table_element(table, index, TrapCode::UndefinedElement);
        let access = Access::Trusted(Region::Element);
        let actual = self.load(
            types::I32,
            access,
            element,
            offset_of!(abi::TableElement, type_id) as u32,
        );
        let expected = self.load_fixed(types::I32, self.known.type_ids_offset() + 4 * ty);
        let null = self.iconst32(0);
        self.check_type(actual, expected, null);
        let code = offset_of!(abi::TableElement, code) as u32;
        let ctx = offset_of!(abi::TableElement, ctx) as u32;
        let code = self.load(types::I64, access, element, code);
        let ctx = self.load(types::I64, access, element, ctx);
        self.call_code(ty, code, ctx);
    }

    /// Calls through a row of a table in the text: all its functions are of
    /// this instance.
    fn call_row(&mut self, ty: TypeIndex, table: u32, index: Value) {
        let length = self.module.tables[table as usize].ty.initial;
        let index = self.builder.ins().uextend(types::I64, index);
        let beyond =
            self.builder
                .ins()
                .icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, index, length as i64);
        self.trap_if(beyond, TrapCode::UndefinedElement);
        let rows = self.text_address(Symbol::Table(table));
        let row = self.row_address(rows, index, TEXT_ROW, beyond);
        let actual = self.load(types::I32, Access::Text, row, TEXT_ROW_TYPE);
        let expected = self.iconst32(ty);
        let null = self.iconst32(NONE);
        self.check_type(actual, expected, null);
        let flags = Access::Text.flags(self.builder.func);
        let distance = self.builder.ins().sload32(flags, row, 0);
        let code = self.builder.ins().iadd(rows, distance);
        self.call_code(ty, code, self.vmctx);
    }

    /// One compare on the hot path; only then, a null is told from a mismatch.
    fn check_type(&mut self, actual: Value, expected: Value, null: Value) {
        let differs = self.builder.ins().icmp(IntCC::NotEqual, actual, expected);
        let mismatch = self.builder.create_block();
        let matches = self.builder.create_block();
        self.builder.set_cold_block(mismatch);
        self.builder.ins().brif(differs, mismatch, [], matches, []);
        self.builder.seal_block(mismatch);
        self.builder.seal_block(matches);

        self.builder.switch_to_block(mismatch);
        let is_null = self.builder.ins().icmp(IntCC::Equal, actual, null);
        self.trap_if(is_null, TrapCode::UninitializedElement);
        self.trap(TrapCode::IndirectCallTypeMismatch);

        self.builder.switch_to_block(matches);
    }

    fn call_code(&mut self, ty: TypeIndex, code: Value, ctx: Value) {
        let args = self.arguments(ty, ctx);
        let signature = self.signature(ty);
        let call = self.builder.ins().call_indirect(signature, code, &args);
        self.push_results(call);
    }

    /// Context and operands of a call.
    fn arguments(&mut self, ty: TypeIndex, ctx: Value) -> Vec<Value> {
        let count = self.module.types[ty as usize].params().len();
        let mut args = self.pop_many(count);
        args.insert(0, ctx);
        args
    }

    fn push_results(&mut self, call: Inst) {
        let results = self.builder.inst_results(call);
        self.stack.values.extend_from_slice(results);
    }
}
