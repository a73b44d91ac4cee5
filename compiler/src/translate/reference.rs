//! References (core, 4.4.2).

use cranelift_codegen::ir::types;
use wasm_aot_abi::TrapCode;

use super::Translator;
use crate::abi::Builtin;

impl Translator<'_, '_> {
    /// `[] -> [t]`
    pub(super) fn ref_null(&mut self) {
        let null = self.zero(types::I64);
        self.stack.push(null);
    }

    /// `[t] -> [i32]`
    pub(super) fn ref_is_null(&mut self) {
        self.eqz();
    }

    /// `[(ref null t)] -> [(ref t)]`; traps if it is null.
    pub(super) fn ref_as_non_null(&mut self) {
        let reference = self.stack.pop();
        self.trap_unless(reference, TrapCode::NullReference);
        self.stack.push(reference);
    }

    /// `[] -> [(ref $t)]`
    pub(super) fn ref_func(&mut self, index: u32) {
        let slot = self.known.slot(index);
        let slot = self.iconst32(slot);
        let reference = self
            .call_builtin(Builtin::FuncRef, &[self.vmctx, slot])
            .expect("a result");
        self.stack.push(reference);
    }
}
