//! The first state of an instance (core, 4.5.4, steps 6 to 16), and the
//! segments that code reads later.

use wasm_aot_abi::{
    self as abi, ConstExpr, ConstKind, DataMode, ElementItems, ElementMode, ElementSegment, NONE,
    TrapCode,
};

use super::super::store::Inner;
use super::super::values::Slot;
use super::InstanceData;
use crate::{Instance, Trap, ValType};

impl Inner {
    /// Initialises globals and tables, then writes the active segments in their
    /// order. What a trap leaves behind stays.
    pub(crate) fn initialise(&mut self, instance: Instance) -> Result<(), Trap> {
        let instance = self.instance_mut(instance.origin);
        instance.init_globals();
        instance.init_tables();
        instance.init_elements()?;
        instance.init_data()
    }
}

impl InstanceData {
    fn init_globals(&self) {
        for (position, global) in self.artefact().metadata().globals().enumerate() {
            let value = self.evaluate(&global.init, self.artefact().val_type(global.ty));
            let (ty, place) = self.own_global(position as u32);
            // SAFETY: the place is that of the global.
            unsafe { value.write(ty.content(), place) };
        }
    }

    fn init_tables(&self) {
        let imported = self.artefact().imported().tables;
        for (index, record) in (imported..).zip(self.artefact().metadata().tables()) {
            // Tables are made of nulls.
            if record.def == NONE || record.init.kind == ConstKind::RefNull as u32 {
                continue;
            }
            let value = self.evaluate(
                &record.init,
                self.artefact().val_type(abi::ValType(record.ty.ty)),
            );
            // SAFETY: the table is alive, and nobody else uses it; the verifier has
            // compared the types.
            unsafe {
                let table = &mut *self.table(index).as_ptr();
                table.fill(0, value, table.len());
            }
        }
    }

    fn init_elements(&mut self) -> Result<(), Trap> {
        let module = self.module().clone();
        for (index, segment) in (0..).zip(module.artefact().metadata().elements()) {
            let mode = ElementMode::try_from(segment.mode).expect("modes are verified");
            if mode == ElementMode::Active {
                // SAFETY: the table is alive, and nobody else uses it.
                let ty = unsafe { self.table(segment.table).as_ref() }.ty();
                let to = self.address(&segment.offset, ty.is_64());
                let len = segment.items.count;
                // SAFETY: the verifier has compared the types; nobody else uses the
                // tables of the store, which is borrowed.
                if !unsafe { self.table_init(segment.table, index, to, 0, len) } {
                    return Err(TrapCode::TableOutOfBounds.into());
                }
            }
            if mode != ElementMode::Passive {
                self.dropped.elements.insert(index);
            }
        }
        Ok(())
    }

    fn init_data(&mut self) -> Result<(), Trap> {
        let module = self.module().clone();
        for (index, segment) in (0..).zip(module.artefact().metadata().data()) {
            let mode = DataMode::try_from(segment.mode).expect("modes are verified");
            if mode == DataMode::Active {
                // SAFETY: the memory is alive, and nobody else uses it.
                let ty = unsafe { self.memory(segment.memory).as_ref() }.ty();
                let to = self.address(&segment.offset, ty.is_64());
                let len = segment.bytes.count;
                // SAFETY: nobody else uses the memories of the store, which is
                // borrowed.
                if !unsafe { self.memory_init(segment.memory, index, to, 0, len) } {
                    return Err(TrapCode::MemoryOutOfBounds.into());
                }
            }
            if mode != DataMode::Passive {
                self.dropped.data.insert(index);
            }
        }
        Ok(())
    }

    /// The value of a constant expression that is an address of so many bits.
    fn address(&self, expr: &ConstExpr, is_64: bool) -> u64 {
        if is_64 {
            self.evaluate(expr, ValType::I64).as_u64()
        } else {
            self.evaluate(expr, ValType::I32).as_u32().into()
        }
    }

    /// The value of a constant expression of type `ty`.
    fn evaluate(&self, expr: &ConstExpr, ty: ValType) -> Slot {
        match ConstKind::try_from(expr.kind).expect("kinds are verified") {
            ConstKind::Value => Slot::from_u128(u128::from_le_bytes(expr.value)),
            ConstKind::RefNull => Slot::ZERO,
            ConstKind::RefFunc => Slot::from_pointer(self.func_ref(expr.index)),
            // SAFETY: the global is of this type, and was initialised before.
            ConstKind::GlobalGet => unsafe { Slot::read(ty, self.global_place(expr.index)) },
            ConstKind::Arithmetic => self.compute(expr, ty),
            other => unreachable!("verified: {other:?} is a step of arithmetic"),
        }
    }

    /// The result of arithmetic.
    fn compute(&self, expr: &ConstExpr, ty: ValType) -> Slot {
        let mut operands: Vec<u64> = Vec::new();
        for step in self
            .artefact()
            .metadata()
            .records::<ConstExpr>(expr.steps())
        {
            let kind = ConstKind::try_from(step.kind).expect("kinds are verified");
            let operation: fn(u64, u64) -> u64 = match kind {
                ConstKind::I32Add | ConstKind::I64Add => u64::wrapping_add,
                ConstKind::I32Sub | ConstKind::I64Sub => u64::wrapping_sub,
                ConstKind::I32Mul | ConstKind::I64Mul => u64::wrapping_mul,
                _ => {
                    operands.push(self.evaluate(&step, ty).as_u64());
                    continue;
                }
            };
            let right = operands.pop().expect("operands are verified");
            let left = operands.pop().expect("operands are verified");
            operands.push(operation(left, right));
        }
        let result = operands.pop().expect("a result is verified");
        // Its low half depends on those of the operands alone.
        match ty {
            ValType::I32 => Slot::from_u128((result as u32).into()),
            _ => Slot::from_u128(result.into()),
        }
    }

    /// `table.init`: whether it was in bounds.
    ///
    /// # Safety
    ///
    /// The segment is of the type of the table's elements, and nobody else uses
    /// the table meanwhile.
    pub(in super::super) unsafe fn table_init(
        &self,
        table: u32,
        segment: u32,
        to: u64,
        from: u32,
        len: u32,
    ) -> bool {
        let metadata = self.artefact().metadata();
        let source = metadata.elements().at(segment);
        let dropped = self.dropped.elements.contains(segment);
        let available = if dropped { 0 } else { source.items.count };
        // SAFETY: the table is alive, and nobody else uses it.
        let table = unsafe { &mut *self.table(table).as_ptr() };
        let fits = from.checked_add(len).is_some_and(|end| end <= available);
        if !(fits && table.holds(to, len.into())) {
            return false;
        }
        let items = (from..from + len).map(|item| self.item(&source, item));
        // SAFETY: they are of the type of the elements, and in bounds.
        unsafe { table.write(to, items) };
        true
    }

    pub(in super::super) fn elem_drop(&mut self, segment: u32) {
        self.dropped.elements.insert(segment);
    }

    /// An item of an element segment.
    fn item(&self, segment: &ElementSegment, index: u32) -> Slot {
        let metadata = self.artefact().metadata();
        if segment.encoding == ElementItems::Slots as u32 {
            match metadata.records::<u32>(segment.items).at(index) {
                NONE => Slot::ZERO,
                slot => Slot::from_pointer(self.func_ref(slot)),
            }
        } else {
            let expr = metadata.records(segment.items).at(index);
            self.evaluate(&expr, self.artefact().val_type(segment.ty))
        }
    }

    /// `memory.init`: whether it was in bounds.
    ///
    /// # Safety
    ///
    /// Nobody else uses the memory meanwhile.
    pub(in super::super) unsafe fn memory_init(
        &self,
        memory: u32,
        segment: u32,
        to: u64,
        from: u32,
        len: u32,
    ) -> bool {
        let metadata = self.artefact().metadata();
        let dropped = self.dropped.data.contains(segment);
        let source = metadata.data().at(segment).bytes;
        let source = if dropped { &[] } else { metadata.bytes(source) };
        let from = from as usize;
        let Some(from) = source.get(from..).and_then(|rest| rest.get(..len as usize)) else {
            return false;
        };
        // SAFETY: the memory is alive, and nobody has references to its bytes while
        // code runs or the store is borrowed.
        unsafe { self.memory(memory).as_ref().write(to, from) }
    }

    pub(in super::super) fn data_drop(&mut self, segment: u32) {
        self.dropped.data.insert(segment);
    }
}
