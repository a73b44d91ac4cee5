//! Constant expressions.

use wasm_aot_abi::{ConstExpr, ConstKind, ValType};

use super::ensure;
use super::records::{Checker, Nth, Result, unknown};

impl Checker<'_> {
    /// A constant expression of type `ty` that can use the imported globals and
    /// the first `globals` of the others.
    pub(super) fn expr(&self, expr: &ConstExpr, ty: ValType, globals: usize, what: &Nth) -> Result {
        let holds = match ConstKind::try_from(expr.kind).map_err(unknown(what))? {
            ConstKind::Value => !ty.is_reference(),
            ConstKind::RefNull => ty.is_nullable(),
            ConstKind::RefFunc => self.is_function(expr.index, ty),
            ConstKind::GlobalGet => {
                let found = self.constant_global(expr.index, globals);
                found.is_some_and(|found| self.types.matches(found, ty))
            }
            ConstKind::Arithmetic => self.arithmetic(expr, ty, globals, what)?,
            _ => false,
        };
        ensure(holds, what, "a constant expression is wrong")
    }

    /// The type of an immutable global, imported or one of the first `globals` of
    /// the others.
    fn constant_global(&self, index: u32, globals: usize) -> Option<ValType> {
        let index = index as usize;
        let (ty, mutable) = match index.checked_sub(self.imported_globals.len()) {
            None => self.imported_globals[index],
            Some(index) if index < globals => {
                let global = self.globals.at(index as u32);
                (global.ty, global.mutable != 0)
            }
            Some(_) => return None,
        };
        (!mutable).then_some(ty)
    }

    /// Whether the steps leave one value, and all are of type `ty`: no operation
    /// makes one type from another.
    fn arithmetic(
        &self,
        expr: &ConstExpr,
        ty: ValType,
        globals: usize,
        what: &Nth,
    ) -> Result<bool> {
        use ConstKind::{I32Add, I32Mul, I32Sub, I64Add, I64Mul, I64Sub};
        let steps = (self.block).records::<ConstExpr>(expr.steps(), "a constant expression")?;
        let mut operands = 0_usize;
        for step in steps {
            let fits = match ConstKind::try_from(step.kind).map_err(unknown(what))? {
                ConstKind::Value => matches!(ty, ValType::I32 | ValType::I64),
                ConstKind::GlobalGet => self.constant_global(step.index, globals) == Some(ty),
                I32Add | I32Sub | I32Mul => ty == ValType::I32 && operands >= 2,
                I64Add | I64Sub | I64Mul => ty == ValType::I64 && operands >= 2,
                _ => false,
            };
            if !fits {
                return Ok(false);
            }
            match ConstKind::try_from(step.kind) {
                Ok(ConstKind::Value | ConstKind::GlobalGet) => operands += 1,
                _ => operands -= 1,
            }
        }
        Ok(operands == 1)
    }
}
