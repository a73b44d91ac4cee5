//! Bulk operations on memories and tables (core, 4.4.6 and 4.4.7). Each checks
//! all bounds before it writes anything. `it` is the type of the addresses; between two
//! of different types, lengths are of the smaller one.
//!
//! A few bytes of a memory, known how many, are moved as [`pieces`]. Reading all of them
//! before any is written makes it a copy also where source and target overlap. The piece
//! with the last byte is written first: either all bytes are in the memory, or that one
//! is not and traps before anything has changed, so that accesses of pieces need no
//! check but their own. On x86-64, that is: elsewhere a store that ends outside may have
//! written what is inside, so bounds are checked before.

use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use target_lexicon::Architecture;
use wasm_aot_abi::TrapCode;

use super::Translator;
use super::address::Address;
use crate::abi::Builtin;

/// The most bytes that are moved in pieces: as many as vectors move with no more
/// code than a call takes.
const MAX_IN_PIECES: u64 = 64;

/// A part of a range of bytes.
struct Piece {
    ty: Type,
    /// Bytes from the start of the range.
    offset: i32,
}

impl Translator<'_, '_> {
    /// `[it it it] -> []`; traps out of bounds.
    pub(super) fn memory_copy(&mut self, to: u32, from: u32) {
        let length = self.stack.pop();
        let source = self.stack.pop();
        let target = self.stack.pop();
        if let Some(size) = self.in_pieces(length) {
            let source = self.range(from, source, length, size);
            let target = self.range(to, target, length, size);
            let pieces = pieces(size, self.widest());
            let values: Vec<_> = pieces
                .iter()
                .map(|piece| self.load_piece(piece, source))
                .collect();
            for (piece, value) in pieces.iter().zip(values) {
                self.store_piece(piece, target, value);
            }
            return;
        }
        let source = self.checked_range(from, source, length);
        let target = self.checked_range(to, target, length);
        let length = self.wide(length);
        self.call_builtin(Builtin::MemoryCopy, &[target, source, length]);
    }

    /// `[it i32 it] -> []`; traps out of bounds.
    pub(super) fn memory_fill(&mut self, memory: u32) {
        let length = self.stack.pop();
        let value = self.stack.pop();
        let target = self.stack.pop();
        if let Some(size) = self.in_pieces(length) {
            let target = self.range(memory, target, length, size);
            let repeated = self.repeated(value);
            for piece in &pieces(size, self.widest()) {
                let value = self.repeated_as(repeated, piece.ty);
                self.store_piece(piece, target, value);
            }
            return;
        }
        let target = self.checked_range(memory, target, length);
        let length = self.wide(length);
        self.call_builtin(Builtin::MemoryFill, &[target, value, length]);
    }

    /// `[it i32 i32] -> []`; traps out of bounds.
    pub(super) fn memory_init(&mut self, memory: u32, segment: u32) {
        self.init(
            Builtin::MemoryInit,
            memory,
            segment,
            TrapCode::MemoryOutOfBounds,
        );
    }

    /// `[] -> []`
    pub(super) fn data_drop(&mut self, segment: u32) {
        self.drop_segment(Builtin::DataDrop, segment);
    }

    /// `[it i32 i32] -> []`; traps out of bounds.
    pub(super) fn table_init(&mut self, table: u32, segment: u32) {
        self.init(
            Builtin::TableInit,
            table,
            segment,
            TrapCode::TableOutOfBounds,
        );
    }

    /// `[] -> []`
    pub(super) fn elem_drop(&mut self, segment: u32) {
        self.drop_segment(Builtin::ElemDrop, segment);
    }

    /// `[it it it] -> []`; traps out of bounds.
    pub(super) fn table_copy(&mut self, to: u32, from: u32) {
        let length = self.stack.pop();
        let source = self.stack.pop();
        let target = self.stack.pop();
        let (to, from) = (self.iconst32(to), self.iconst32(from));
        let (target, source, length) = (self.wide(target), self.wide(source), self.wide(length));
        let args = [self.vmctx, to, from, target, source, length];
        self.call_checked(Builtin::TableCopy, &args, TrapCode::TableOutOfBounds);
    }

    /// `[it t it] -> []`; traps out of bounds.
    pub(super) fn table_fill(&mut self, table: u32) {
        let length = self.stack.pop();
        let value = self.stack.pop();
        let target = self.stack.pop();
        let index = self.iconst32(table);
        let (target, length) = (self.wide(target), self.wide(length));
        let args = [self.vmctx, index, target, value, length];
        self.call_checked(Builtin::TableFill, &args, TrapCode::TableOutOfBounds);
    }

    /// How many bytes `length` is, if that is known, and few but not zero.
    fn in_pieces(&self, length: Value) -> Option<u32> {
        let length = self.constant(length)?;
        (1..=MAX_IN_PIECES)
            .contains(&length)
            .then_some(length as u32)
    }

    /// The address of `length` bytes, which are `size`. An access that includes the last
    /// of them traps before it changes anything, unless all are in the memory.
    fn range(&mut self, memory: u32, index: Value, length: Value, size: u32) -> Address {
        match self.isa.triple().architecture {
            Architecture::X86_64 => self.address_at(memory, 0, index, size),
            _ => Address {
                base: self.checked_range(memory, index, length),
                offset: 0,
            },
        }
    }

    /// The largest type that every CPU of the target can load and store.
    fn widest(&self) -> Type {
        match self.isa.triple().architecture {
            Architecture::Riscv64(_) => types::I64,
            _ => types::I64X2,
        }
    }

    fn load_piece(&mut self, piece: &Piece, range: Address) -> Value {
        let flags = self.memory_access().flags(self.builder.func);
        let offset = range.offset + piece.offset;
        let ins = self.builder.ins();
        ins.load(piece.ty, flags, range.base, offset)
    }

    fn store_piece(&mut self, piece: &Piece, range: Address, value: Value) {
        let flags = self.memory_access().flags(self.builder.func);
        let offset = range.offset + piece.offset;
        let ins = self.builder.ins();
        ins.store(flags, value, range.base, offset);
    }

    /// The low byte of an `i32`, in each byte of an `i64`.
    fn repeated(&mut self, byte: Value) -> Value {
        const ONES: u64 = u64::MAX / 0xff;
        if let Some(value) = self.constant(byte) {
            let repeated = (value & 0xff) * ONES;
            return self.builder.ins().iconst(types::I64, repeated as i64);
        }
        let byte = self.builder.ins().ireduce(types::I8, byte);
        let byte = self.builder.ins().uextend(types::I64, byte);
        self.builder.ins().imul_imm_u(byte, ONES as i64)
    }

    /// An `i64`, all bytes of which are the same, as a value of another type.
    fn repeated_as(&mut self, repeated: Value, ty: Type) -> Value {
        match ty {
            types::I64 => repeated,
            types::I64X2 if self.constant(repeated) == Some(0) => self.zero_vector(ty),
            types::I64X2 => self.builder.ins().splat(ty, repeated),
            _ => self.builder.ins().ireduce(ty, repeated),
        }
    }

    fn init(&mut self, builtin: Builtin, index: u32, segment: u32, trap: TrapCode) {
        let length = self.stack.pop();
        let source = self.stack.pop();
        let target = self.stack.pop();
        let target = self.wide(target);
        let (index, segment) = (self.iconst32(index), self.iconst32(segment));
        let args = [self.vmctx, index, segment, target, source, length];
        self.call_checked(builtin, &args, trap);
    }

    fn drop_segment(&mut self, builtin: Builtin, segment: u32) {
        let segment = self.iconst32(segment);
        self.call_builtin(builtin, &[self.vmctx, segment]);
    }

    /// Calls a builtin that says whether its bounds checks held.
    fn call_checked(&mut self, builtin: Builtin, args: &[Value], trap: TrapCode) {
        let done = self.call_builtin(builtin, args).expect("a result");
        self.trap_unless(done, trap);
    }
}

/// Covers `length` bytes, 1 at least, that with the last of them first. Pieces may
/// overlap.
fn pieces(length: u32, widest: Type) -> Vec<Piece> {
    let sizes = || {
        [types::I8, types::I16, types::I32, types::I64, types::I64X2]
            .into_iter()
            .filter(|ty| ty.bytes() <= widest.bytes())
    };
    let largest = sizes().rfind(|ty| ty.bytes() <= length);
    let ty = largest.expect("a byte at least");
    let mut pieces = Vec::new();
    let mut rest = length;
    while rest >= ty.bytes() {
        rest -= ty.bytes();
        pieces.push(Piece {
            ty,
            offset: rest as i32,
        });
    }
    if let Some(ty) = sizes().find(|ty| ty.bytes() >= rest)
        && rest > 0
    {
        pieces.push(Piece { ty, offset: 0 });
    }
    pieces
}
