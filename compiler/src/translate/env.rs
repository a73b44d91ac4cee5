//! What surrounds a function: entities that Cranelift wants declared once per
//! function, and values that are found through the context.

use std::collections::HashMap;

use core::mem::offset_of;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    ExtFuncData, ExternalName, FuncRef, Function, GlobalValueData, InstBuilder, MemFlagsData,
    SigRef, Type, UserExternalNameRef, Value, types,
};
use cranelift_frontend::FunctionBuilder;
use wasm_aot_abi as abi;

use super::Translator;
use crate::abi::{Access, Builtin, Region, Symbol, ask_signature, throw_signature, wasm_signature};
use crate::module::TypeIndex;

/// Entities declared so far.
#[derive(Default)]
pub(super) struct Entities {
    functions: HashMap<u32, FuncRef>,
    types: HashMap<TypeIndex, SigRef>,
    builtins: HashMap<Builtin, SigRef>,
    throw: Option<(FuncRef, SigRef)>,
    asking: HashMap<Symbol, FuncRef>,
}

/// Gives `func`, which takes its context first, a prologue that compares the
/// stack pointer with the store's limit, and faults.
pub(super) fn check_stack(func: &mut Function) {
    let fixed = Access::Fixed.flags(func);
    let fixed = func.dfg.mem_flags.insert_unchecked(fixed);
    let trusted = func.dfg.mem_flags.insert_unchecked(MemFlagsData::trusted());
    let vmctx = func.create_global_value(GlobalValueData::VMContext);
    let store = func.create_global_value(GlobalValueData::Load {
        base: vmctx,
        offset: (offset_of!(abi::VmContext, store) as i32).into(),
        global_type: types::I64,
        flags: fixed,
    });
    let limit = func.create_global_value(GlobalValueData::Load {
        base: store,
        offset: (offset_of!(abi::StoreContext, stack_limit) as i32).into(),
        global_type: types::I64,
        flags: trusted,
    });
    func.stack_limit = Some(limit);
}

/// Whether the stack pointer is less than so many bytes above the limit of the store of
/// `vmctx`.
pub(crate) fn stack_is_used_up(
    builder: &mut FunctionBuilder<'_>,
    vmctx: Value,
    bytes: u32,
) -> Value {
    let fixed = Access::Fixed.flags(builder.func);
    let store = offset_of!(abi::VmContext, store) as i32;
    let store = builder.ins().load(types::I64, fixed, vmctx, store);
    let trusted = Access::Trusted(Region::Store).flags(builder.func);
    let limit = offset_of!(abi::StoreContext, stack_limit) as i32;
    let mut limit = builder.ins().load(types::I64, trusted, store, limit);
    if bytes != 0 {
        limit = builder.ins().iadd_imm_s(limit, i64::from(bytes));
    }
    let sp = builder.ins().get_stack_pointer(types::I64);
    builder.ins().icmp(IntCC::UnsignedLessThan, sp, limit)
}

/// A function of the text that calls the host for the code; see [`ask_signature`].
pub(crate) fn declare_asking(builder: &mut FunctionBuilder<'_>, symbol: Symbol) -> FuncRef {
    let signature = builder.import_signature(ask_signature());
    let name = declare(builder.func, symbol);
    builder.import_function(ExtFuncData {
        name: ExternalName::user(name),
        signature,
        colocated: true,
        patchable: false,
    })
}

/// The name of `symbol` in `func`.
pub(crate) fn declare(func: &mut Function, symbol: Symbol) -> UserExternalNameRef {
    func.declare_imported_user_function(symbol.into())
}

impl Translator<'_, '_> {
    pub(super) fn load(&mut self, ty: Type, access: Access, base: Value, offset: u32) -> Value {
        let flags = access.flags(self.builder.func);
        self.builder.ins().load(ty, flags, base, offset as i32)
    }

    pub(super) fn store(&mut self, access: Access, value: Value, base: Value, offset: u32) {
        let flags = access.flags(self.builder.func);
        self.builder.ins().store(flags, value, base, offset as i32);
    }

    /// A word of the vmctx that never changes.
    pub(super) fn load_fixed(&mut self, ty: Type, offset: u32) -> Value {
        self.load(ty, Access::Fixed, self.vmctx, offset)
    }

    /// Function `index`, which the module defines.
    pub(super) fn function(&mut self, index: u32) -> FuncRef {
        if let Some(&function) = self.entities.functions.get(&index) {
            return function;
        }
        let signature = self.signature(self.module.functions[index as usize]);
        let name = declare(self.builder.func, Symbol::Function(index));
        let function = self.builder.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: true,
            patchable: false,
        });
        self.entities.functions.insert(index, function);
        function
    }

    /// The function of the text that throws, and its signature.
    pub(super) fn throw_function(&mut self) -> (FuncRef, SigRef) {
        let builder = &mut self.builder;
        *self.entities.throw.get_or_insert_with(|| {
            let signature = builder.import_signature(throw_signature());
            let name = declare(builder.func, Symbol::Throw);
            let function = builder.import_function(ExtFuncData {
                name: ExternalName::user(name),
                signature,
                colocated: true,
                patchable: false,
            });
            (function, signature)
        })
    }

    /// Calls what calls the host with nothing but our context.
    pub(super) fn ask(&mut self, symbol: Symbol) {
        let builder = &mut self.builder;
        let function = *self
            .entities
            .asking
            .entry(symbol)
            .or_insert_with(|| declare_asking(builder, symbol));
        builder.ins().call(function, &[self.vmctx]);
    }

    /// The signature of type `ty` in the wasm convention.
    pub(super) fn signature(&mut self, ty: TypeIndex) -> SigRef {
        let (builder, module) = (&mut self.builder, self.module);
        *self
            .entities
            .types
            .entry(ty)
            .or_insert_with(|| builder.import_signature(wasm_signature(&module.types[ty as usize])))
    }

    /// Calls `builtin` and returns its result, if it has one.
    pub(super) fn call_builtin(&mut self, builtin: Builtin, args: &[Value]) -> Option<Value> {
        let isa = self.isa;
        let builder = &mut self.builder;
        let signature = *self
            .entities
            .builtins
            .entry(builtin)
            .or_insert_with(|| builder.import_signature(builtin.signature(isa)));
        let table = self.load_fixed(types::I64, offset_of!(abi::VmContext, builtins) as u32);
        let code = self.load(types::I64, Access::Fixed, table, builtin.offset() as u32);
        let call = self.builder.ins().call_indirect(signature, code, args);
        self.builder.inst_results(call).first().copied()
    }

    /// Reads data of the text, from `symbol` on.
    pub(super) fn text_address(&mut self, symbol: Symbol) -> Value {
        let name = declare(self.builder.func, symbol);
        let global = self.builder.create_global_value(GlobalValueData::Symbol {
            name: ExternalName::user(name),
            offset: 0.into(),
            colocated: true,
            tls: false,
        });
        self.builder.ins().symbol_value(types::I64, global)
    }
}
