//! The finished module, as the output writers see it.
//!
//! A [`Layout`] holds every byte of code and data that an artefact will
//! contain, and everything that is known about those bytes, but no file format:
//! each block starts at offset 0, and what refers across blocks is a [`Fixup`].
//! Whoever builds a `Layout` is done with it; writers only read it.
//!
//! Offsets and sizes are in bytes. A `Layout` that contradicts itself (a symbol
//! that ends outside the text, a fixup that ends outside the metadata) is a bug
//! in the compiler, and writers panic on it.

use cranelift_codegen::isa::unwind::systemv::UnwindInfo;
use gimli::Register;
use gimli::write::{Address, CallFrameInstruction, FrameDescriptionEntry};
use serde::{Deserialize, Serialize};
use target_lexicon::Triple;

pub use gimli::SectionId;

/// Everything an output writer needs.
#[derive(Debug)]
pub struct Layout {
    /// The machine and system the code is for.
    pub target: Triple,
    /// Read-only data that describes the module.
    pub metadata: Metadata,
    /// All machine code.
    pub text: Text,
    /// What linear memory holds when an instance starts, if that is kept as an
    /// image.
    pub image: Option<Image>,
    /// Entry points, to be found by name at run time. Names are unique and
    /// neither empty nor do they contain NUL.
    pub exports: Vec<Symbol>,
    /// Every function, in offset order, for debuggers and profilers. Names are
    /// for people: any of them may be empty, occur twice, or contain whatever
    /// the module's name section says.
    pub functions: Vec<Symbol>,
    /// How to unwind out of each function, in offset order. Code without an
    /// entry cannot be unwound through.
    pub unwind: Vec<Unwind>,
    /// Debug information, in the order of the file; none without.
    pub debug: Vec<DebugSection>,
    /// The name under which the module descriptor is found in a program that
    /// other modules are linked into as well; unique among the exports. A shared
    /// object has [`wasm_aot_abi::DESCRIPTOR_SYMBOL`] besides.
    pub descriptor_symbol: String,
}

/// Read-only data that describes the module. It starts with the module
/// descriptor and is aligned to [`wasm_aot_abi::ALIGNMENT`].
#[derive(Debug, Default)]
pub struct Metadata {
    /// The content, complete but for the fixups.
    pub bytes: Vec<u8>,
    /// The references from here to other blocks. They do not overlap.
    pub fixups: Vec<Fixup>,
}

/// A self-relative reference out of the metadata: 4 bytes, signed,
/// little-endian, that hold the address of the target minus the address of the
/// descriptor.
#[derive(Debug, Clone, Copy)]
pub struct Fixup {
    /// Where in the metadata the reference is stored.
    pub offset: u64,
    /// The block it refers to.
    pub target: Target,
    /// The offset in that block.
    pub addend: u64,
}

/// A block that the metadata can refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// [`Layout::text`].
    Text,
    /// [`Layout::image`].
    Image,
}

/// All machine code of a module, constant pools included, in one block whose
/// internal references are resolved.
#[derive(Debug)]
pub struct Text {
    /// The code.
    pub bytes: Vec<u8>,
    /// The alignment the code was made for; a power of two.
    pub align: u64,
    /// Whether all code that an indirect branch can lead to starts with an instruction
    /// that says so (a landing pad; on AArch64, `bti`). Files then ask for pages in which
    /// the processor insists on that.
    pub landing_pads: bool,
}

/// A part of the initial content of linear memory 0, to be mapped as it is. It
/// starts at a multiple of the target's largest page size in the file, and
/// zeros follow it up to the end of its last page.
#[derive(Debug)]
pub struct Image {
    /// The content, of any length.
    pub bytes: Vec<u8>,
}

/// A name for a range of the text.
#[derive(Debug, Clone)]
pub struct Symbol {
    /// The name.
    pub name: String,
    /// Where in the text the range starts.
    pub offset: u64,
    /// How long it is.
    pub size: u64,
}

/// How to unwind out of one function.
#[derive(Debug)]
pub struct Unwind {
    /// Where in the text the function starts.
    pub offset: u64,
    /// How long it is.
    pub size: u64,
    /// What the code generator says about the function's frame.
    pub info: FrameInfo,
}

/// How a frame looks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FrameInfo {
    /// In Cranelift's terms.
    Cranelift(UnwindInfo),
    /// Rules, each with the offset in the code from which on it holds, in bytes and in
    /// ascending order.
    Rules(Vec<(u32, FrameRule)>),
    /// What stands before an offset in the code and what from there on are as two
    /// functions.
    Two(Box<[FrameInfo; 2]>, u32),
}

/// A change of how a frame looks, as in DWARF's call frame information: registers have
/// its numbers, offsets are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameRule {
    /// The frame is at so many bytes behind what a register holds.
    Cfa(u16, i32),
    /// It is measured from another register.
    CfaRegister(u16),
    /// It is at another distance.
    CfaOffset(i32),
    /// A register's value is at a distance from the frame.
    Offset(u16, i32),
    /// A register is what it was at first.
    Restore(u16),
    /// What is the case is to be had back.
    RememberState,
    /// It is had back.
    RestoreState,
}

impl FrameInfo {
    /// What is about code at an offset in the text, of so many bytes: an entry, or two.
    pub(crate) fn entries(self, offset: u64, size: u64) -> Vec<Unwind> {
        match self {
            FrameInfo::Two(both, at) => {
                let [before, behind] = *both;
                let at = u64::from(at);
                let mut entries = before.entries(offset, at);
                entries.extend(behind.entries(offset + at, size - at));
                entries
            }
            info => vec![Unwind { offset, size, info }],
        }
    }

    /// The entry for a function that starts at `address`, of so many bytes.
    pub(crate) fn to_fde(&self, address: Address, size: u64) -> FrameDescriptionEntry {
        let rules = match self {
            FrameInfo::Cranelift(info) => return info.to_fde(address),
            FrameInfo::Rules(rules) => rules,
            FrameInfo::Two(..) => unreachable!("each has an entry of its own"),
        };
        let mut entry = FrameDescriptionEntry::new(address, size as u32);
        for &(offset, rule) in rules {
            use CallFrameInstruction as To;
            let instruction = match rule {
                FrameRule::Cfa(register, offset) => To::Cfa(Register(register), offset),
                FrameRule::CfaRegister(register) => To::CfaRegister(Register(register)),
                FrameRule::CfaOffset(offset) => To::CfaOffset(offset),
                FrameRule::Offset(register, offset) => To::Offset(Register(register), offset),
                FrameRule::Restore(register) => To::Restore(Register(register)),
                FrameRule::RememberState => To::RememberState,
                FrameRule::RestoreState => To::RestoreState,
            };
            entry.add_instruction(offset, instruction);
        }
        entry
    }
}

/// A section of DWARF about the text.
#[derive(Debug)]
pub struct DebugSection {
    /// Which one. Each occurs at most once.
    pub id: SectionId,
    /// The content, complete but for the references.
    pub bytes: Vec<u8>,
    /// In ascending order of `offset`; they do not overlap.
    pub references: Vec<Reference>,
}

/// A number in a [`DebugSection`] that depends on where things are: an address in
/// the text, or an offset in another section of debug information. Zero in `bytes`.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// Where in the section it is stored.
    pub offset: u64,
    /// How many bytes it has: 4 or 8.
    pub size: u8,
    /// The section of debug information, or the text.
    pub target: Option<SectionId>,
    /// The offset there.
    pub addend: u64,
}
