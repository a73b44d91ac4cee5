//! Loads and stores.

use cranelift_codegen::ir::immediates::Offset32;
use cranelift_codegen::ir::{
    AtomicRmwOp, Inst, InstructionData, MemFlags, MemFlagsData, Opcode, TrapCode, Type, Value,
    types,
};

use super::function::Writer;
use super::{NOTHING, REGIONS, ty};

impl Writer<'_> {
    /// Writes an instruction, if it is of this family; whether it is.
    pub(super) fn access(&mut self, inst: Inst, data: &InstructionData) -> bool {
        match *data {
            InstructionData::Load {
                opcode,
                arg,
                flags,
                offset,
            } => self.load(inst, opcode, arg, flags, offset),
            InstructionData::Store {
                opcode,
                args: [value, address],
                flags,
                offset,
            } => self.store(opcode, value, address, flags, offset),
            InstructionData::LoadNoOffset {
                opcode: Opcode::AtomicLoad,
                arg,
                flags,
            } => {
                let (address, tags) = self.place_of(arg, 0.into(), flags);
                let (to, align) = self.atomic(self.result_type(inst));
                self.located(
                    inst,
                    format_args!(
                        "load atomic volatile {to}, ptr {address} seq_cst, align {align}{tags}"
                    ),
                );
            }
            InstructionData::StoreNoOffset {
                opcode: Opcode::AtomicStore,
                args: [value, address],
                flags,
            } => {
                let (address, tags) = self.place_of(address, 0.into(), flags);
                let (_, align) = self.atomic(self.type_of(value));
                let value = self.typed(value);
                self.line(format_args!(
                    "store atomic volatile {value}, ptr {address} seq_cst, align {align}{tags}"
                ));
            }
            InstructionData::AtomicRmw {
                args: [address, value],
                flags,
                op,
                ..
            } => {
                let (address, tags) = self.place_of(address, 0.into(), flags);
                let (_, align) = self.atomic(self.type_of(value));
                let value = self.typed(value);
                let op = match op {
                    AtomicRmwOp::Add => "add",
                    AtomicRmwOp::Sub => "sub",
                    AtomicRmwOp::And => "and",
                    AtomicRmwOp::Or => "or",
                    AtomicRmwOp::Xor => "xor",
                    AtomicRmwOp::Xchg => "xchg",
                    AtomicRmwOp::Nand
                    | AtomicRmwOp::Umin
                    | AtomicRmwOp::Umax
                    | AtomicRmwOp::Smin
                    | AtomicRmwOp::Smax => return false,
                };
                self.located(
                    inst,
                    format_args!(
                        "atomicrmw volatile {op} ptr {address}, {value} seq_cst, align {align}{tags}"
                    ),
                );
            }
            InstructionData::AtomicCas {
                args: [address, expected, new],
                flags,
                ..
            } => {
                let (address, tags) = self.place_of(address, 0.into(), flags);
                let (ty, align) = self.atomic(self.type_of(new));
                let (expected, new) = (self.typed(expected), self.typed(new));
                let pair = self.located_temp(format_args!(
                    "cmpxchg volatile ptr {address}, {expected}, {new} seq_cst seq_cst, \
                     align {align}{tags}"
                ));
                self.define(inst, format_args!("extractvalue {{ {ty}, i1 }} {pair}, 0"));
            }
            InstructionData::NullAry {
                opcode: Opcode::Fence,
            } => self.line(format_args!("fence seq_cst")),
            _ => return false,
        }
        true
    }

    fn load(&mut self, inst: Inst, opcode: Opcode, arg: Value, flags: MemFlags, offset: Offset32) {
        let to = self.result_type(inst);
        let from = loaded(opcode, to);
        let data = self.func.dfg.mem_flags[flags];
        let (address, tags) = self.place_of(arg, offset, flags);
        let is_volatile = data.trap_code().is_some() || self.plan.has_shared && !data.readonly();
        let volatile = if is_volatile { "volatile " } else { "" };
        let align = align(data, from);
        let load =
            |from: &str| format!("load {volatile}{from}, ptr {address}, align {align}{tags}");
        if from == to {
            let from = ty(from);
            return self.located(inst, format_args!("{}", load(&from)));
        }
        let extend = match opcode {
            Opcode::Sload8
            | Opcode::Sload16
            | Opcode::Sload32
            | Opcode::Sload8x8
            | Opcode::Sload16x4
            | Opcode::Sload32x2 => "sext",
            _ => "zext",
        };
        let (from, to) = (ty(from), ty(to));
        let value = self.located_temp(format_args!("{}", load(&from)));
        self.define(inst, format_args!("{extend} {from} {value} to {to}"));
    }

    fn store(
        &mut self,
        opcode: Opcode,
        value: Value,
        address: Value,
        flags: MemFlags,
        offset: Offset32,
    ) {
        let from = self.type_of(value);
        let to = match opcode {
            Opcode::Istore8 => types::I8,
            Opcode::Istore16 => types::I16,
            Opcode::Istore32 => types::I32,
            _ => from,
        };
        let (address, tags) = self.place_of(address, offset, flags);
        let align = align(self.func.dfg.mem_flags[flags], to);
        let mut value = self.typed(value);
        if from != to {
            let to = ty(to);
            let narrow = self.temp(format_args!("trunc {value} to {to}"));
            value = format!("{to} {narrow}");
        }
        let is_volatile = self.plan.signals || self.plan.has_shared;
        let volatile = if is_volatile { "volatile " } else { "" };
        self.line(format_args!(
            "store {volatile}{value}, ptr {address}, align {align}{tags}"
        ));
    }

    /// Where an access is, and its metadata. What is null traps, if that is the only way
    /// that it can.
    fn place_of(&mut self, base: Value, offset: Offset32, flags: MemFlags) -> (String, String) {
        let data = self.func.dfg.mem_flags[flags];
        let code = data.trap_code();
        if let Some(code) = code.filter(|&code| code != TrapCode::HEAP_OUT_OF_BOUNDS) {
            let base = self.typed(base);
            let null = self.temp(format_args!("icmp eq {base}, 0"));
            self.trap_where(&null, true, code);
        }
        let mut tags = String::new();
        if let Some(region) = data.alias_region() {
            let region = self.func.dfg.alias_regions[region].user_id;
            self.uses.regions.insert(region);
            tags = format!(", !tbaa !{}", REGIONS + 2 * region + 1);
        }
        if data.readonly() {
            tags.push_str(&format!(", !invariant.load !{NOTHING}"));
        }
        (self.pointer(base, offset.into()), tags)
    }

    /// A pointer to so many bytes behind an address.
    pub(super) fn pointer(&mut self, base: Value, offset: i64) -> String {
        let mut pointer = self.base(base);
        if offset != 0 {
            pointer = self.temp(format_args!(
                "getelementptr i8, ptr {pointer}, i64 {offset}"
            ));
        }
        pointer
    }

    fn base(&mut self, base: Value) -> String {
        if self.is_ctx(base) {
            return "%ctx".to_owned();
        }
        // What is loaded from where it never changes is the start of something.
        if let Some(&InstructionData::Binary {
            opcode: Opcode::Iadd,
            args: [start, index],
        }) = self.definition(base)
            && let Some(&InstructionData::Load { flags, .. }) = self.definition(start)
            && self.func.dfg.mem_flags[flags].readonly()
        {
            let (start, index) = (self.typed(start), self.typed(index));
            let start = self.temp(format_args!("inttoptr {start} to ptr"));
            return self.temp(format_args!("getelementptr i8, ptr {start}, {index}"));
        }
        let base = self.typed(base);
        self.temp(format_args!("inttoptr {base} to ptr"))
    }

    /// Type and alignment of an atomic access.
    fn atomic(&self, access: Type) -> (String, u32) {
        (ty(access), access.bytes())
    }
}

/// What a load reads to make a `to` of it.
fn loaded(opcode: Opcode, to: Type) -> Type {
    match opcode {
        Opcode::Uload8 | Opcode::Sload8 => types::I8,
        Opcode::Uload16 | Opcode::Sload16 => types::I16,
        Opcode::Uload32 | Opcode::Sload32 => types::I32,
        Opcode::Uload8x8 | Opcode::Sload8x8 => types::I8X8,
        Opcode::Uload16x4 | Opcode::Sload16x4 => types::I16X4,
        Opcode::Uload32x2 | Opcode::Sload32x2 => types::I32X2,
        _ => to,
    }
}

/// The alignment that is known.
fn align(flags: MemFlagsData, ty: Type) -> u32 {
    match flags.aligned() {
        true => ty.bytes(),
        false => 1,
    }
}
