//! All machine code in one block: functions in the order of the module, then
//! trampolines, then tables that are constants. References within it are
//! resolved here, so that neither linker nor loader has anything to do.

use cranelift_codegen::binemit::Reloc;
use wasm_aot_abi::NONE;

use crate::abi::Symbol;
use crate::backend::{Backend, Code, Frame, GuardedCall, Inlined, Origin, Relocation, Site};
use crate::error::{Error, Result};
use crate::layout::Unwind;
use crate::translate::{BEYOND, Context, TEXT_ROW};

/// A page, which relative addresses on AArch64 are made of.
const ALIGN: u64 = 4096;

/// The finished text.
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    pub(crate) align: u64,
    /// See [`layout::Text::landing_pads`](crate::layout::Text::landing_pads).
    pub(crate) landing_pads: bool,
    /// What is where: offsets ascend, and so do symbols.
    pub(crate) pieces: Vec<Piece>,
    /// In the order of `pieces`.
    pub(crate) unwind: Vec<Unwind>,
    padding: u8,
}

/// A function, trampoline or table in the text.
pub(crate) struct Piece {
    pub(crate) symbol: Symbol,
    /// Bytes from the start of the text.
    pub(crate) offset: u32,
    /// Bytes.
    pub(crate) size: u32,
    /// See [`Code::row`].
    row: u32,
    pub(crate) sites: Vec<Site>,
    pub(crate) inlined: Vec<Inlined>,
    pub(crate) guarded: Vec<GuardedCall>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) frame: Option<Frame>,
}

impl Text {
    /// Places `functions`, which are consumed to keep the peak of memory low,
    /// and `trampolines`.
    ///
    /// # Errors
    ///
    /// If the text exceeds the reach of the target's calls.
    pub(crate) fn new(
        cx: &Context<'_>,
        backend: &Backend,
        functions: Vec<(Symbol, Code)>,
        trampolines: Vec<(Symbol, Code)>,
    ) -> Result<Text> {
        let mut text = Text {
            bytes: Vec::new(),
            align: ALIGN,
            landing_pads: backend.landing_pads,
            pieces: Vec::new(),
            unwind: Vec::new(),
            padding: backend.padding(),
        };
        let size: usize = functions
            .iter()
            .chain(&trampolines)
            .map(|(_, code)| code.bytes.len() + code.align as usize)
            .sum();
        text.bytes.reserve_exact(size);

        let mut relocations = Vec::new();
        for (symbol, code) in functions.into_iter().chain(trampolines) {
            let size = code.bytes.len() as u64;
            let offset = text.place(symbol, &code.bytes, code.align);
            let piece = text.pieces.last_mut().expect("just placed");
            (piece.sites, piece.inlined) = (code.sites, code.inlined);
            piece.guarded = code.guarded;
            (piece.origins, piece.frame) = (code.origins, code.frame);
            piece.row = code.row;
            relocations.extend(code.relocations.into_iter().map(|relocation| Relocation {
                offset: offset + relocation.offset,
                ..relocation
            }));
            if let Some(info) = code.unwind {
                text.unwind.extend(info.entries(offset.into(), size));
            }
            // Before offsets could wrap.
            text.check_size(backend)?;
        }
        for table in 0..cx.module.tables.len() as u32 {
            if let Some(rows) = cx.whole.escapes.table_in_text(table) {
                text.place_table(cx, table, rows);
                text.check_size(backend)?;
            }
        }

        for relocation in relocations {
            let target = text.address(relocation.target);
            text.relocate(&relocation, target);
        }
        Ok(text)
    }

    /// The piece that `symbol` names, if there is one.
    pub(crate) fn piece(&self, symbol: Symbol) -> Option<&Piece> {
        let index = self
            .pieces
            .binary_search_by_key(&symbol, |piece| piece.symbol)
            .ok()?;
        Some(&self.pieces[index])
    }

    /// Where `symbol`, which code refers to, is in the text.
    fn address(&self, symbol: Symbol) -> u32 {
        let piece = self.piece(match symbol {
            Symbol::Trap(_) => Symbol::Trap(0),
            symbol => symbol,
        });
        piece.expect("code refers to what is there").offset
    }

    /// Where a row of a table leads that is for `symbol`.
    fn row(&self, symbol: Symbol) -> u32 {
        let piece = self.piece(symbol).expect("a table's function is there");
        piece.offset + piece.row
    }

    fn place(&mut self, symbol: Symbol, bytes: &[u8], align: u32) -> u32 {
        let offset = self.bytes.len().next_multiple_of(align as usize);
        self.bytes.resize(offset, self.padding);
        self.bytes.extend_from_slice(bytes);
        self.pieces.push(Piece {
            symbol,
            offset: offset as u32,
            size: bytes.len() as u32,
            row: 0,
            sites: Vec::new(),
            inlined: Vec::new(),
            guarded: Vec::new(),
            origins: Vec::new(),
            frame: None,
        });
        offset as u32
    }

    /// Writes a row for every element: how far from the table the function is,
    /// and its type. Behind them is one for what is beyond the table.
    fn place_table(&mut self, cx: &Context<'_>, table: u32, rows: &[Option<u32>]) {
        let start = self.bytes.len().next_multiple_of(TEXT_ROW as usize) as u32;
        let bytes: Vec<u8> = rows
            .iter()
            .flat_map(|row| {
                let (distance, ty) = match row {
                    Some(index) => {
                        let function = self.row(Symbol::Function(*index));
                        let ty = cx.module.functions[*index as usize];
                        (function.wrapping_sub(start), ty)
                    }
                    None => (0, NONE),
                };
                [distance, ty]
            })
            .chain([0, BEYOND])
            .flat_map(u32::to_le_bytes)
            .collect();
        self.place(Symbol::Table(table), &bytes, TEXT_ROW);
    }

    fn check_size(&self, backend: &Backend) -> Result<()> {
        let (size, limit) = (self.bytes.len() as u64, backend.max_text());
        if size > limit {
            return Err(Error::TooLarge {
                what: "the machine code",
                size,
                limit,
            });
        }
        Ok(())
    }

    /// Writes the address of `target`, relative to the place of use.
    fn relocate(&mut self, relocation: &Relocation, target: u32) {
        let at = relocation.offset as usize;
        let place = i64::from(relocation.offset);
        let target = i64::from(target) + relocation.addend;
        let distance = target - place;
        match relocation.kind {
            Reloc::X86CallPCRel4 | Reloc::X86PCRel4 => self.patch(at, |_| distance as u32),
            // `bl`: 26 bits of distance in words.
            Reloc::Arm64Call => self.patch(at, |word| insert(word, 0, 26, distance >> 2)),
            // `adrp`: 21 bits of distance in pages, the low two of them apart.
            Reloc::Aarch64AdrPrelPgHi21 => {
                let pages = (target >> 12) - (place >> 12);
                self.patch(at, |word| {
                    insert(insert(word, 29, 2, pages), 5, 19, pages >> 2)
                });
            }
            // `add`: offset in the page.
            Reloc::Aarch64AddAbsLo12Nc => self.patch(at, |word| insert(word, 10, 12, target)),
            // `auipc`: the upper 20 bits, such that the lower ones are signed.
            Reloc::RiscvPCRelHi20 => self.patch(at, |word| riscv_high(word, distance)),
            // `addi`: the lower 12 bits.
            Reloc::RiscvPCRelLo12I => self.patch(at, |word| insert(word, 20, 12, distance)),
            // `auipc` and `jalr`, which goes on from where `auipc` is.
            Reloc::RiscvCallPlt => {
                self.patch(at, |word| riscv_high(word, distance));
                self.patch(at + 4, |word| insert(word, 20, 12, distance));
            }
            other => unreachable!("code of our targets has no {other} relocations"),
        }
    }

    /// Changes the word at an offset.
    fn patch(&mut self, at: usize, change: impl FnOnce(u32) -> u32) {
        let field: &mut [u8; 4] = (&mut self.bytes[at..at + 4])
            .try_into()
            .expect("four bytes");
        *field = change(u32::from_le_bytes(*field)).to_le_bytes();
    }
}

/// `auipc` for a distance whose lower 12 bits another instruction adds as a
/// signed number.
fn riscv_high(word: u32, distance: i64) -> u32 {
    insert(word, 12, 20, (distance + 0x800) >> 12)
}

/// `word` with the low `width` bits of `value` at bit `shift`.
fn insert(word: u32, shift: u32, width: u32, value: i64) -> u32 {
    let mask = (1u32 << width) - 1;
    word & !(mask << shift) | (value as u32 & mask) << shift
}
