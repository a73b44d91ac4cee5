//! Calls (core, 4.4.8).

use core::mem::offset_of;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{FuncRef, Inst, InstBuilder, Value, types};
use wasm_aot_abi::{self as abi, NONE, TrapCode};

use super::Translator;
use crate::abi::{Access, Builtin, Region, Symbol, val_type};
use crate::module::TypeIndex;
use crate::passes::Product;

/// Bytes of a row of a table in the text: where the function is, relative to
/// the table, and its type.
pub(crate) const TEXT_ROW: u32 = 8;
/// Offset of the type in such a row. It is [`NONE`] for null.
pub(crate) const TEXT_ROW_TYPE: u32 = 4;
/// In place of the type, in the row behind the last. No module has so many.
pub(crate) const BEYOND: u32 = NONE - 1;

/// What is called: code, its context, and the type of both.
#[derive(Clone, Copy)]
pub(super) struct Callee {
    ty: TypeIndex,
    code: Code,
    ctx: Value,
}

/// Where a function's code is.
#[derive(Clone, Copy)]
pub(super) enum Code {
    /// In this text.
    Direct(FuncRef),
    /// At an address.
    Indirect(Value),
}

impl Translator<'_, '_> {
    /// `[t*] -> [t*]`
    pub(super) fn call(&mut self, index: u32) {
        let ty = self.module.function_type(index);
        // What a function costs that is not called is another matter.
        if !self.fuel
            && Product::may_have(ty)
            && let Some(product) = self.known.product(index)
        {
            self.multiply_into_memory(product);
            return;
        }
        let callee = self.function_callee(index);
        self.invoke(callee);
    }

    /// `[t* it] -> [t*]`; traps if there is no such element, if it is null, and
    /// if its type is another.
    pub(super) fn call_indirect(&mut self, type_index: u32, table: u32) {
        let callee = self.table_callee(type_index, table);
        self.invoke(callee);
    }

    /// `[t* (ref null $t)] -> [t*]`; traps if it is null.
    pub(super) fn call_ref(&mut self, type_index: u32) {
        let callee = self.reference_callee(type_index);
        self.invoke(callee);
    }

    /// Like `call`, instead of returning.
    pub(super) fn return_call(&mut self, index: u32) {
        let callee = self.function_callee(index);
        self.invoke_instead(callee);
    }

    /// Like `call_indirect`, instead of returning.
    pub(super) fn return_call_indirect(&mut self, type_index: u32, table: u32) {
        let callee = self.table_callee(type_index, table);
        self.invoke_instead(callee);
    }

    /// Like `call_ref`, instead of returning.
    pub(super) fn return_call_ref(&mut self, type_index: u32) {
        let callee = self.reference_callee(type_index);
        self.invoke_instead(callee);
    }

    /// Calls with operands; pushes the results.
    fn invoke(&mut self, callee: Callee) {
        let args = self.arguments(callee);
        let handlers = self.handlers();
        if !handlers.is_empty() {
            let signature = self.signature(callee.ty);
            let results = self.try_call(callee.code, signature, &args, &handlers);
            self.stack.values.extend(results);
            return;
        }
        let call = match callee.code {
            Code::Direct(function) => self.builder.ins().call(function, &args),
            Code::Indirect(code) => {
                let signature = self.signature(callee.ty);
                self.builder.ins().call_indirect(signature, code, &args)
            }
        };
        self.push_results(call);
    }

    /// Leaves the frame to the callee, which gets operands and returns to our
    /// caller.
    fn invoke_instead(&mut self, callee: Callee) {
        let args = self.arguments(callee);
        match callee.code {
            Code::Direct(function) => self.builder.ins().return_call(function, &args),
            Code::Indirect(code) => {
                let signature = self.signature(callee.ty);
                self.builder
                    .ins()
                    .return_call_indirect(signature, code, &args)
            }
        };
        self.stack.set_unreachable();
    }

    /// Function `index`.
    fn function_callee(&mut self, index: u32) -> Callee {
        let module = self.module;
        let ty = module.functions[index as usize];
        if module.defined_function(index).is_some() {
            Callee {
                ty,
                code: Code::Direct(self.function(index)),
                ctx: self.vmctx,
            }
        } else {
            let slot = self.known.import_offset(index);
            let code = offset_of!(abi::FunctionImport, code) as u32;
            let ctx = offset_of!(abi::FunctionImport, ctx) as u32;
            Callee {
                ty,
                code: Code::Indirect(self.load_fixed(types::I64, slot + code)),
                ctx: self.load_fixed(types::I64, slot + ctx),
            }
        }
    }

    /// The function that an operand refers to. No types are compared: it has the
    /// expected one, or a subtype, whose values are passed in the same way.
    fn reference_callee(&mut self, type_index: u32) -> Callee {
        let reference = self.stack.pop();
        let code = offset_of!(abi::FuncRef, code) as u32;
        let ctx = offset_of!(abi::FuncRef, ctx) as u32;
        let element = Access::Trusted(Region::Element);
        let first = match self.signals {
            true => Access::FuncRef,
            false => {
                self.trap_unless(reference, TrapCode::NullFunctionReference);
                element
            }
        };
        Callee {
            ty: self.module.type_section[type_index as usize],
            code: Code::Indirect(self.load(types::I64, first, reference, code)),
            ctx: self.load(types::I64, element, reference, ctx),
        }
    }

    /// The function that an operand is the index of in a table, if its type is
    /// the one expected.
    fn table_callee(&mut self, type_index: u32, table: u32) -> Callee {
        let ty = self.module.type_section[type_index as usize];
        let index = self.stack.pop();
        if self.known.table_in_text(table) {
            self.row_callee(ty, table, index)
        } else {
            self.element_callee(ty, table, index)
        }
    }

    /// An element of a table of this instance.
    fn element_callee(&mut self, ty: TypeIndex, table: u32, index: Value) -> Callee {
        let element = self.table_element(table, index, TrapCode::UndefinedElement);
        let access = Access::Trusted(Region::Element);
        let held = val_type(self.module.tables[table as usize].ty.element_type.into());
        let known = held.type_index();
        let known = known.is_some_and(|held| self.module.is_subtype(held, ty));
        if !known || held.is_nullable() {
            let type_id = offset_of!(abi::TableElement, type_id) as u32;
            let actual = self.load(types::I32, access, element, type_id);
            if known {
                self.trap_unless(actual, TrapCode::UninitializedElement);
            } else {
                let expected = self.load_fixed(types::I32, self.known.type_ids_offset() + 4 * ty);
                let null = [(0, TrapCode::UninitializedElement)];
                self.check_type(ty, actual, expected, &null, |_| (actual, expected));
            }
        }
        let code = offset_of!(abi::TableElement, code) as u32;
        let ctx = offset_of!(abi::TableElement, ctx) as u32;
        Callee {
            ty,
            code: Code::Indirect(self.load(types::I64, access, element, code)),
            ctx: self.load(types::I64, access, element, ctx),
        }
    }

    /// A row of a table in the text: all its functions are of this instance. What
    /// is beyond the table is the row behind it, whatever the CPU believes, so that
    /// the comparison of types takes care of it.
    fn row_callee(&mut self, ty: TypeIndex, table: u32, index: Value) -> Callee {
        let length = self.module.tables[table as usize].ty.initial;
        let index = self.wide(index);
        let length = self.builder.ins().iconst(types::I64, length as i64);
        let index = self.bounded(index, length);
        let rows = self.text_address(Symbol::Table(table));
        let shift = i64::from(TEXT_ROW.trailing_zeros());
        let distance = self.builder.ins().ishl_imm_u(index, shift);
        let row = self.builder.ins().iadd(rows, distance);
        let actual = self.load(types::I32, Access::Text, row, TEXT_ROW_TYPE);
        let expected = self.iconst32(ty);
        let others = [
            (NONE, TrapCode::UninitializedElement),
            (BEYOND, TrapCode::UndefinedElement),
        ];
        self.check_type(ty, actual, expected, &others, |this| {
            let ids = this.known.type_ids_offset();
            let index = this.builder.ins().uextend(types::I64, actual);
            let distance = this.builder.ins().ishl_imm_u(index, 2);
            let id = this.builder.ins().iadd(this.vmctx, distance);
            (
                this.load(types::I32, Access::Fixed, id, ids),
                this.load_fixed(types::I32, ids + 4 * ty),
            )
        });
        let flags = Access::Text.flags(self.builder.func);
        let distance = self.builder.ins().sload32(flags, row, 0);
        Callee {
            ty,
            code: Code::Indirect(self.builder.ins().iadd(rows, distance)),
            ctx: self.vmctx,
        }
    }

    /// One compare on the hot path; only then, what is no type but traps with a code
    /// is told from a subtype, and that from a mismatch. `ids` are those of the types
    /// in the process, the actual one first.
    fn check_type(
        &mut self,
        ty: TypeIndex,
        actual: Value,
        expected: Value,
        others: &[(u32, TrapCode)],
        ids: impl FnOnce(&mut Self) -> (Value, Value),
    ) {
        let differs = self.builder.ins().icmp(IntCC::NotEqual, actual, expected);
        let mismatch = self.builder.create_block();
        let matches = self.builder.create_block();
        self.builder.set_cold_block(mismatch);
        self.builder.ins().brif(differs, mismatch, [], matches, []);
        self.builder.seal_block(mismatch);

        self.builder.switch_to_block(mismatch);
        for &(other, code) in others {
            let other = self.iconst32(other);
            let is_other = self.builder.ins().icmp(IntCC::Equal, actual, other);
            self.trap_if(is_other, code);
        }
        if self.module.subtypes[ty as usize].open {
            let (actual, expected) = ids(self);
            let store = self.load_fixed(types::I64, offset_of!(abi::VmContext, store) as u32);
            let is_subtype = self
                .call_builtin(Builtin::IsSubtype, &[store, actual, expected])
                .expect("a result");
            self.trap_unless(is_subtype, TrapCode::IndirectCallTypeMismatch);
            self.builder.ins().jump(matches, []);
        } else {
            self.trap(TrapCode::IndirectCallTypeMismatch);
        }

        self.builder.seal_block(matches);
        self.builder.switch_to_block(matches);
    }

    /// Context and operands of a call.
    fn arguments(&mut self, callee: Callee) -> Vec<Value> {
        let count = self.module.types[callee.ty as usize].params().len();
        let mut args = self.pop_many(count);
        args.insert(0, callee.ctx);
        args
    }

    fn push_results(&mut self, call: Inst) {
        let results = self.builder.inst_results(call);
        self.stack.values.extend_from_slice(results);
    }
}
