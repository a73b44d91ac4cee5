//! One row for every operator, in the order of the binary format (core, 5.4).

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Opcode, types};
use wasmparser::Operator;

use super::Translator;

impl Translator<'_, '_> {
    /// Translates one validated operator.
    pub(super) fn operator(&mut self, operator: &Operator<'_>) {
        match self.stack.dead {
            None => {
                self.poll_before(operator);
                self.pay(operator);
                self.live_operator(operator);
            }
            Some(depth) => self.dead_operator(operator, depth),
        }
    }

    /// Code that cannot be reached is only followed to the end of its frame.
    fn dead_operator(&mut self, operator: &Operator<'_>, depth: u32) {
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => {
                self.stack.dead = Some(depth + 1);
            }
            Operator::Else if depth == 0 => self.else_(),
            Operator::End if depth == 0 => self.end(),
            Operator::End => self.stack.dead = Some(depth - 1),
            _ => {}
        }
    }

    fn live_operator(&mut self, operator: &Operator<'_>) {
        use types::{F32, F64, I8, I16, I32, I64};
        match *operator {
            // Control
            Operator::Unreachable => self.unreachable(),
            Operator::Nop => {}
            Operator::Block { blockty } => self.block(blockty),
            Operator::Loop { blockty } => self.loop_(blockty),
            Operator::If { blockty } => self.if_(blockty),
            Operator::Else => self.else_(),
            Operator::TryTable { ref try_table } => self.try_table(try_table),
            Operator::Throw { tag_index } => self.throw(tag_index),
            Operator::ThrowRef => self.throw_ref(),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => self.br(relative_depth),
            Operator::BrIf { relative_depth } => self.br_if(relative_depth),
            Operator::BrTable { ref targets } => self.br_table(targets),
            Operator::Return => self.return_(),
            Operator::Call { function_index } => self.call(function_index),
            Operator::CallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(type_index, table_index),
            Operator::CallRef { type_index } => self.call_ref(type_index),
            Operator::ReturnCall { function_index } => self.return_call(function_index),
            Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => self.return_call_indirect(type_index, table_index),
            Operator::ReturnCallRef { type_index } => self.return_call_ref(type_index),
            Operator::Drop => self.drop_(),
            Operator::Select | Operator::TypedSelect { .. } => self.select(),

            // Variables
            Operator::LocalGet { local_index } => self.local_get(local_index),
            Operator::LocalSet { local_index } => self.local_set(local_index),
            Operator::LocalTee { local_index } => self.local_tee(local_index),
            Operator::GlobalGet { global_index } => self.global_get(global_index),
            Operator::GlobalSet { global_index } => self.global_set(global_index),

            // Tables
            Operator::TableGet { table } => self.table_get(table),
            Operator::TableSet { table } => self.table_set(table),

            // Memories
            Operator::I32Load { ref memarg } => self.load_memory(memarg, I32),
            Operator::I64Load { ref memarg } => self.load_memory(memarg, I64),
            Operator::F32Load { ref memarg } => self.load_memory(memarg, F32),
            Operator::F64Load { ref memarg } => self.load_memory(memarg, F64),
            Operator::I32Load8S { ref memarg } => self.load_extend(memarg, Opcode::Sload8, I32),
            Operator::I32Load8U { ref memarg } => self.load_extend(memarg, Opcode::Uload8, I32),
            Operator::I32Load16S { ref memarg } => self.load_extend(memarg, Opcode::Sload16, I32),
            Operator::I32Load16U { ref memarg } => self.load_extend(memarg, Opcode::Uload16, I32),
            Operator::I64Load8S { ref memarg } => self.load_extend(memarg, Opcode::Sload8, I64),
            Operator::I64Load8U { ref memarg } => self.load_extend(memarg, Opcode::Uload8, I64),
            Operator::I64Load16S { ref memarg } => self.load_extend(memarg, Opcode::Sload16, I64),
            Operator::I64Load16U { ref memarg } => self.load_extend(memarg, Opcode::Uload16, I64),
            Operator::I64Load32S { ref memarg } => self.load_extend(memarg, Opcode::Sload32, I64),
            Operator::I64Load32U { ref memarg } => self.load_extend(memarg, Opcode::Uload32, I64),
            Operator::I32Store { ref memarg }
            | Operator::I64Store { ref memarg }
            | Operator::F32Store { ref memarg }
            | Operator::F64Store { ref memarg } => self.store_memory(memarg),
            Operator::I32Store8 { ref memarg } | Operator::I64Store8 { ref memarg } => {
                self.store_narrow(memarg, I8);
            }
            Operator::I32Store16 { ref memarg } | Operator::I64Store16 { ref memarg } => {
                self.store_narrow(memarg, I16);
            }
            Operator::I64Store32 { ref memarg } => self.store_narrow(memarg, I32),
            Operator::MemorySize { mem } => self.memory_size(mem),
            Operator::MemoryGrow { mem } => self.memory_grow(mem),

            // Constants
            Operator::I32Const { value } => self.int_const(I32, u64::from(value as u32)),
            Operator::I64Const { value } => self.int_const(I64, value as u64),
            Operator::F32Const { value } => self.int_const(F32, u64::from(value.bits())),
            Operator::F64Const { value } => self.int_const(F64, value.bits()),

            // Integer comparisons
            Operator::I32Eqz | Operator::I64Eqz => self.eqz(),
            Operator::I32Eq | Operator::I64Eq => self.compare(IntCC::Equal),
            Operator::I32Ne | Operator::I64Ne => self.compare(IntCC::NotEqual),
            Operator::I32LtS | Operator::I64LtS => self.compare(IntCC::SignedLessThan),
            Operator::I32LtU | Operator::I64LtU => self.compare(IntCC::UnsignedLessThan),
            Operator::I32GtS | Operator::I64GtS => self.compare(IntCC::SignedGreaterThan),
            Operator::I32GtU | Operator::I64GtU => self.compare(IntCC::UnsignedGreaterThan),
            Operator::I32LeS | Operator::I64LeS => self.compare(IntCC::SignedLessThanOrEqual),
            Operator::I32LeU | Operator::I64LeU => self.compare(IntCC::UnsignedLessThanOrEqual),
            Operator::I32GeS | Operator::I64GeS => self.compare(IntCC::SignedGreaterThanOrEqual),
            Operator::I32GeU | Operator::I64GeU => self.compare(IntCC::UnsignedGreaterThanOrEqual),

            // Float comparisons
            Operator::F32Eq | Operator::F64Eq => self.float_compare(FloatCC::Equal),
            Operator::F32Ne | Operator::F64Ne => self.float_compare(FloatCC::NotEqual),
            Operator::F32Lt | Operator::F64Lt => self.float_compare(FloatCC::LessThan),
            Operator::F32Gt | Operator::F64Gt => self.float_compare(FloatCC::GreaterThan),
            Operator::F32Le | Operator::F64Le => self.float_compare(FloatCC::LessThanOrEqual),
            Operator::F32Ge | Operator::F64Ge => self.float_compare(FloatCC::GreaterThanOrEqual),

            // Integer arithmetic
            Operator::I32Clz | Operator::I64Clz => self.unary(Opcode::Clz),
            Operator::I32Ctz | Operator::I64Ctz => self.unary(Opcode::Ctz),
            Operator::I32Popcnt | Operator::I64Popcnt => self.unary(Opcode::Popcnt),
            Operator::I32Add | Operator::I64Add => self.binary(Opcode::Iadd),
            Operator::I32Sub | Operator::I64Sub => self.binary(Opcode::Isub),
            Operator::I32Mul | Operator::I64Mul => self.binary(Opcode::Imul),
            Operator::I32DivS | Operator::I64DivS => self.binary(Opcode::Sdiv),
            Operator::I32DivU | Operator::I64DivU => self.binary(Opcode::Udiv),
            Operator::I32RemS | Operator::I64RemS => self.binary(Opcode::Srem),
            Operator::I32RemU | Operator::I64RemU => self.binary(Opcode::Urem),
            Operator::I32And | Operator::I64And => self.binary(Opcode::Band),
            Operator::I32Or | Operator::I64Or => self.binary(Opcode::Bor),
            Operator::I32Xor | Operator::I64Xor => self.binary(Opcode::Bxor),
            Operator::I32Shl | Operator::I64Shl => self.binary(Opcode::Ishl),
            Operator::I32ShrS | Operator::I64ShrS => self.binary(Opcode::Sshr),
            Operator::I32ShrU | Operator::I64ShrU => self.binary(Opcode::Ushr),
            Operator::I32Rotl | Operator::I64Rotl => self.binary(Opcode::Rotl),
            Operator::I32Rotr | Operator::I64Rotr => self.binary(Opcode::Rotr),
            Operator::I64Add128 => self.wide_binary(Opcode::Iadd),
            Operator::I64Sub128 => self.wide_binary(Opcode::Isub),
            Operator::I64MulWideS => self.multiply_wide(Opcode::Sextend),
            Operator::I64MulWideU => self.multiply_wide(Opcode::Uextend),

            // Float arithmetic
            Operator::F32Abs | Operator::F64Abs => self.unary(Opcode::Fabs),
            Operator::F32Neg | Operator::F64Neg => self.unary(Opcode::Fneg),
            Operator::F32Ceil | Operator::F64Ceil => self.round(Opcode::Ceil),
            Operator::F32Floor | Operator::F64Floor => self.round(Opcode::Floor),
            Operator::F32Trunc | Operator::F64Trunc => self.round(Opcode::Trunc),
            Operator::F32Nearest | Operator::F64Nearest => self.round(Opcode::Nearest),
            Operator::F32Sqrt | Operator::F64Sqrt => self.unary(Opcode::Sqrt),
            Operator::F32Add | Operator::F64Add => self.binary(Opcode::Fadd),
            Operator::F32Sub | Operator::F64Sub => self.binary(Opcode::Fsub),
            Operator::F32Mul | Operator::F64Mul => self.binary(Opcode::Fmul),
            Operator::F32Div | Operator::F64Div => self.binary(Opcode::Fdiv),
            Operator::F32Min | Operator::F64Min => self.binary(Opcode::Fmin),
            Operator::F32Max | Operator::F64Max => self.binary(Opcode::Fmax),
            Operator::F32Copysign | Operator::F64Copysign => self.binary(Opcode::Fcopysign),

            // Conversions
            Operator::I32WrapI64 => self.convert(Opcode::Ireduce, I32),
            Operator::I32TruncF32S | Operator::I32TruncF64S => {
                self.convert(Opcode::FcvtToSint, I32);
            }
            Operator::I32TruncF32U | Operator::I32TruncF64U => {
                self.convert(Opcode::FcvtToUint, I32);
            }
            Operator::I64ExtendI32S => self.convert(Opcode::Sextend, I64),
            Operator::I64ExtendI32U => self.convert(Opcode::Uextend, I64),
            Operator::I64TruncF32S | Operator::I64TruncF64S => {
                self.convert(Opcode::FcvtToSint, I64);
            }
            Operator::I64TruncF32U | Operator::I64TruncF64U => {
                self.convert(Opcode::FcvtToUint, I64);
            }
            Operator::F32ConvertI32S | Operator::F32ConvertI64S => {
                self.convert(Opcode::FcvtFromSint, F32);
            }
            Operator::F32ConvertI32U | Operator::F32ConvertI64U => {
                self.convert(Opcode::FcvtFromUint, F32);
            }
            Operator::F32DemoteF64 => self.convert(Opcode::Fdemote, F32),
            Operator::F64ConvertI32S | Operator::F64ConvertI64S => {
                self.convert(Opcode::FcvtFromSint, F64);
            }
            Operator::F64ConvertI32U | Operator::F64ConvertI64U => {
                self.convert(Opcode::FcvtFromUint, F64);
            }
            Operator::F64PromoteF32 => self.convert(Opcode::Fpromote, F64),
            Operator::I32ReinterpretF32 => self.reinterpret(I32),
            Operator::I64ReinterpretF64 => self.reinterpret(I64),
            Operator::F32ReinterpretI32 => self.reinterpret(F32),
            Operator::F64ReinterpretI64 => self.reinterpret(F64),
            Operator::I32Extend8S | Operator::I64Extend8S => self.sign_extend(I8),
            Operator::I32Extend16S | Operator::I64Extend16S => self.sign_extend(I16),
            Operator::I64Extend32S => self.sign_extend(I32),

            // References
            Operator::RefNull { .. } => self.ref_null(),
            Operator::RefIsNull => self.ref_is_null(),
            Operator::RefFunc { function_index } => self.ref_func(function_index),
            Operator::RefAsNonNull => self.ref_as_non_null(),
            Operator::BrOnNull { relative_depth } => self.br_on_null(relative_depth),
            Operator::BrOnNonNull { relative_depth } => self.br_on_non_null(relative_depth),

            // Saturating conversions
            Operator::I32TruncSatF32S | Operator::I32TruncSatF64S => {
                self.convert(Opcode::FcvtToSintSat, I32);
            }
            Operator::I32TruncSatF32U | Operator::I32TruncSatF64U => {
                self.convert(Opcode::FcvtToUintSat, I32);
            }
            Operator::I64TruncSatF32S | Operator::I64TruncSatF64S => {
                self.convert(Opcode::FcvtToSintSat, I64);
            }
            Operator::I64TruncSatF32U | Operator::I64TruncSatF64U => {
                self.convert(Opcode::FcvtToUintSat, I64);
            }

            // Bulk operations
            Operator::MemoryInit { data_index, mem } => self.memory_init(mem, data_index),
            Operator::DataDrop { data_index } => self.data_drop(data_index),
            Operator::MemoryCopy { dst_mem, src_mem } => self.memory_copy(dst_mem, src_mem),
            Operator::MemoryFill { mem } => self.memory_fill(mem),
            Operator::TableInit { elem_index, table } => self.table_init(table, elem_index),
            Operator::ElemDrop { elem_index } => self.elem_drop(elem_index),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => self.table_copy(dst_table, src_table),
            Operator::TableGrow { table } => self.table_grow(table),
            Operator::TableSize { table } => self.table_size(table),
            Operator::TableFill { table } => self.table_fill(table),

            _ if self.atomic_operator(operator) => {}
            _ => self.vector_operator(operator),
        }
    }
}
