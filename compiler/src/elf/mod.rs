//! The ELF writer: one [`Layout`] in, one shared object out, without any system
//! tool.
//!
//! The shared object, from front to back (sections in brackets exist only if they have
//! content):
//!
//! ```text
//! segment  sections
//! R        ELF header, program headers, [.note.gnu.property,] .note.gnu.build-id, .note.wasm_aot (the seal),
//!          .gnu.hash, .hash, .dynsym, .dynstr, .dynamic, .wasm_aot (the metadata), [.eh_frame_hdr, .eh_frame]
//! R X      [.text]
//! R        [.wasm_image]
//! -        [.debug_info and others,] .symtab, .strtab, .shstrtab, section headers
//! ```
//!
//! Nothing in it is writable and nothing needs relocation, so all processes
//! that map the file share all of its pages. That includes `.dynamic`: dynamic
//! linkers used to store absolute addresses in it, but musl never did, and
//! glibc (2.35 and newer) leaves it alone when its segment is read-only.
//!
//! Neither `DT_NEEDED` nor undefined symbols nor constructors: loading the file
//! runs none of its code. No file page of 4 KiB holds both code and something
//! else, so metadata, which the author of the WebAssembly module has influence
//! on, is never executable where pages are that small.
//!
//! The phases, by file: `dynamic` puts the exported symbols in hash order,
//! `frames` encodes the unwind information, `plan` gives every section its
//! place, and `emit` writes the sections in that order. It does so twice, since two
//! hashes are in the file: first into one, which becomes the build id, then into the
//! output, which hashes what it passes on, and has the digest of the file at the end.

mod dynamic;
mod emit;
mod frames;
mod machine;
mod plan;
mod section;
mod symtab;

use std::io::{Seek, Write};

use self::dynamic::DynamicSymbols;
use self::emit::Parts;
pub(crate) use self::frames::Frames;
pub(crate) use self::machine::Machine;
use self::plan::Plan;
use self::symtab::Symtab;
use crate::layout::Layout;
use crate::writer::{BUILD_ID_LEN, Hash, Output, check};

pub use crate::writer::Error;

/// What can be chosen about the file, apart from its content.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The `DT_SONAME` entry: the name under which programs linked against the
    /// file will ask for it.
    ///
    /// By default there is none. Then the linker records the path it was given
    /// (`gcc main.c ./app.so` needs `./app.so` at run time), `dlopen`
    /// identifies the file by itself alone, and the same module gives the same
    /// bytes whatever the file is called.
    pub soname: Option<&'a str>,
}

/// Writes `layout` as a shared object to `out`, from the current position of
/// `out` on, and leaves `out` at the end of what was written.
///
/// The bytes depend on `layout` and `options` alone. Large blocks go to `out`
/// as they are, without a copy in between; `out` need not be buffered.
///
/// # Errors
///
/// See [`Error`]. After an error, `out` holds an unfinished file.
///
/// # Panics
///
/// Panics if `layout` contradicts itself (see [`crate::layout`]).
pub fn write<W: Write + Seek>(layout: &Layout, options: &Options<'_>, out: W) -> Result<(), Error> {
    check(layout);
    let machine = Machine::new(&layout.target)?;
    let dynamic = DynamicSymbols::new(layout, options.soname)?;
    let symtab = Symtab::new(layout)?;
    let frames = Frames::encode(&machine, layout)?;
    let plan = Plan::new(&machine, layout, &dynamic, &symtab, &frames)?;
    let (eh_frame_hdr, eh_frame) = frames.place(plan.frames());
    let parts = Parts {
        layout,
        machine,
        dynamic,
        symtab,
        eh_frame_hdr,
        eh_frame,
    };
    let mut hash = Hash::default();
    emit::emit(&parts, &plan, &[0; BUILD_ID_LEN], &mut hash);
    let build_id = hash.build_id();
    let mut output = Output::new(out)?;
    emit::emit(&parts, &plan, &build_id, &mut output);
    output.finish(Some(plan.digest_offset()))
}
