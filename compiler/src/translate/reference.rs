//! References (core, 4.4.2).

use cranelift_codegen::ir::types;

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

    /// `[] -> [funcref]`
    pub(super) fn ref_func(&mut self, index: u32) {
        let slot = self.known.slot(index);
        let slot = self.iconst32(slot);
        let reference = self
            .call_builtin(Builtin::FuncRef, &[self.vmctx, slot])
            .expect("a result");
        self.stack.push(reference);
    }
}
