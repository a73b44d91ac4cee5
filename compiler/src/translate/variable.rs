//! Locals and globals (core, 4.4.5).

use cranelift_codegen::ir::{
    Constant, ConstantData, InstBuilder, StackSlot, StackSlotData, StackSlotKind, Type, Value,
    types,
};
use wasmparser::{FuncType, ValType};

use super::Translator;
use crate::abi::{Access, Kept, Region, clif_type};
use crate::error::Result;
use crate::module::{Body, ConstExpr};

/// As many locals a frame keeps, at most.
const MAX_KEPT: usize = 1000;

impl Translator<'_, '_> {
    /// `[] -> [t]`
    pub(super) fn local_get(&mut self, index: u32) {
        let value = self.builder.use_var(self.locals[index as usize]);
        self.stack.push(value);
    }

    /// `[t] -> []`
    pub(super) fn local_set(&mut self, index: u32) {
        let value = self.stack.pop();
        let value = self.as_plain(value);
        self.define_local(index, value);
    }

    /// Gives a local its value.
    pub(super) fn define_local(&mut self, index: u32, value: Value) {
        let index = index as usize;
        self.builder.def_var(self.locals[index], value);
        if let Some(&slot) = self.kept.get(index) {
            self.builder.ins().stack_store(types::I64, value, slot, 0);
        }
    }

    /// Has the frame keep the context and the locals, for debuggers. Code does not
    /// read them there. A function with very many locals keeps none: its frames would
    /// be as large.
    pub(super) fn keep_locals(&mut self, body: &Body<'_>, ty: &FuncType) -> Result<()> {
        let mut types: Vec<ValType> = ty.params().to_vec();
        for locals in body.code().get_locals_reader()? {
            let (count, ty) = locals?;
            if types.len() + count as usize > MAX_KEPT {
                return Ok(());
            }
            types.extend(std::iter::repeat_n(ty, count as usize));
        }
        let vmctx = self.keep(Kept::Vmctx, types::I64);
        self.builder
            .ins()
            .stack_store(types::I64, self.vmctx, vmctx, 0);
        for (index, ty) in (0..).zip(types) {
            let slot = self.keep(Kept::Local(index), clif_type(ty));
            self.kept.push(slot);
        }
        Ok(())
    }

    fn keep(&mut self, what: Kept, ty: Type) -> StackSlot {
        let align = ty.bytes().trailing_zeros() as u8;
        let kind = StackSlotKind::ExplicitSlot;
        let data = StackSlotData::new_with_key(kind, ty.bytes(), align, what.into());
        self.builder.create_sized_stack_slot(data)
    }

    /// `[t] -> [t]`
    pub(super) fn local_tee(&mut self, index: u32) {
        self.local_set(index);
        self.local_get(index);
    }

    /// `[] -> [t]`
    pub(super) fn global_get(&mut self, index: u32) {
        let module = self.module;
        let global = &module.globals[index as usize];
        let ty = clif_type(global.ty.content_type);
        let value = match self.constant_global(index, ty) {
            Some(constant) => constant,
            None => {
                let (address, offset, access) = self.global_place(index);
                self.load(ty, access, address, offset)
            }
        };
        self.stack.push(value);
    }

    /// `[t] -> []`
    pub(super) fn global_set(&mut self, index: u32) {
        let value = self.stack.pop();
        let value = self.as_plain(value);
        let (address, offset, access) = self.global_place(index);
        self.store(access, value, address, offset);
    }

    /// The value of an immutable global that is the same in every instance.
    fn constant_global(&mut self, index: u32, ty: Type) -> Option<Value> {
        let module = self.module;
        let global = &module.globals[index as usize];
        if index < module.imported_globals || global.ty.mutable {
            return None;
        }
        match global.init {
            ConstExpr::Number(bits) => Some(self.number(ty, bits)),
            ConstExpr::Vector(bits) => Some(self.vector(bits)),
            ConstExpr::RefNull => Some(self.zero(ty)),
            ConstExpr::GlobalGet(_) | ConstExpr::RefFunc(_) | ConstExpr::Arithmetic(_) => None,
        }
    }

    /// Base, offset and kind of access of a global's value.
    fn global_place(&mut self, index: u32) -> (Value, u32, Access) {
        let module = self.module;
        let offset = self.known.global_offset(index);
        let mutable = module.globals[index as usize].ty.mutable;
        let (base, offset, region) = if index < module.imported_globals {
            let address = self.load_fixed(types::I64, offset);
            (address, 0, Region::ImportedGlobal)
        } else {
            (self.vmctx, offset, Region::Global(index))
        };
        let access = if mutable {
            Access::Trusted(region)
        } else {
            Access::Fixed
        };
        (base, offset, access)
    }

    /// A constant of a type of at most 64 bits.
    pub(super) fn number(&mut self, ty: Type, bits: u64) -> Value {
        use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
        let ins = self.builder.ins();
        match ty {
            types::I32 => ins.iconst(ty, i64::from(bits as u32)),
            types::F32 => ins.f32const(Ieee32::with_bits(bits as u32)),
            types::F64 => ins.f64const(Ieee64::with_bits(bits)),
            _ => ins.iconst(ty, bits as i64),
        }
    }

    /// A constant vector, as bytes.
    pub(super) fn vector(&mut self, bits: u128) -> Value {
        let constant: Constant = self
            .builder
            .func
            .dfg
            .constants
            .insert(ConstantData::from(&bits.to_le_bytes()[..]));
        self.builder.ins().vconst(types::I8X16, constant)
    }

    /// Zero of any type.
    pub(super) fn zero(&mut self, ty: Type) -> Value {
        if ty.is_vector() {
            self.vector(0)
        } else {
            self.number(ty, 0)
        }
    }
}
