//! What surrounds a function: entities that Cranelift wants declared once per
//! function, and values that are found through the context.

use std::collections::HashMap;

use core::mem::offset_of;
use cranelift_codegen::ir::{
    ExtFuncData, ExternalName, FuncRef, Function, GlobalValueData, InstBuilder, MemFlagsData,
    SigRef, Type, UserExternalNameRef, Value, types,
};
use wasm_aot_abi as abi;

use super::Translator;
use crate::abi::{Access, Builtin, Symbol, throw_signature, wasm_signature};
use crate::module::TypeIndex;

/// Entities declared so far.
#[derive(Default)]
pub(super) struct Entities {
    functions: HashMap<u32, FuncRef>,
    types: HashMap<TypeIndex, SigRef>,
    builtins: HashMap<Builtin, SigRef>,
    throw: Option<(FuncRef, SigRef)>,
}

/// Gives `func`, which takes its context first, a prologue that compares the
/// stack pointer with the store's limit.
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
