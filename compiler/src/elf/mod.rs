//! The ELF writer: one [`Layout`] in, one shared object or object file out,
//! without any system tool.
//!
//! The shared object, from front to back (sections in brackets exist only if they have
//! content):
//!
//! ```text
//! segment  sections
//! R        ELF header, program headers, .note.gnu.build-id, .gnu.hash, .hash, .dynsym, .dynstr, .dynamic,
//!          .wasm_aot (the metadata), [.eh_frame_hdr, .eh_frame]
//! R X      [.text]
//! R        [.wasm_image]
//! -        .symtab, .strtab, .shstrtab, section headers
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
//! place, and `emit` writes the sections in that order into an `output`, which
//! hashes what it passes on: the build id is the hash of the rest of the file.
//! `object` does the same for an object file, where a linker makes the plan.

mod dynamic;
mod emit;
mod frames;
mod machine;
mod object;
mod output;
mod plan;
mod section;
mod symtab;

use std::io::{self, Seek, Write};

use self::dynamic::DynamicSymbols;
use self::emit::Parts;
use self::frames::Frames;
use self::machine::Machine;
use self::output::Output;
use self::plan::Plan;
use self::symtab::Symtab;
use crate::layout::Layout;

pub use self::object::write_object;

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

/// Why a [`Layout`] cannot be written as an ELF file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The writer knows x86-64, AArch64 (little-endian) and 64-bit RISC-V on
    /// Linux.
    #[error("cannot write an ELF shared object for {0}")]
    Target(target_lexicon::Triple),
    /// A part of the file is larger than the format can express.
    #[error("the {part} would be {size} bytes long; the limit is {limit}")]
    TooLarge {
        /// What is too large.
        part: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The largest size allowed, in bytes.
        limit: u64,
    },
    /// A name that is to be found at run time is empty or contains a NUL byte.
    #[error("{0:?} cannot be the name of an exported symbol")]
    Name(String),
    /// Two exported symbols have the same name.
    #[error("two exported symbols are named {0:?}")]
    Duplicate(String),
    /// The code generator's unwind information does not follow its own rules.
    #[error("cannot encode the unwind information")]
    Unwind(#[source] gimli::write::Error),
    /// The output could not be written.
    #[error("cannot write the shared object")]
    Io(#[from] io::Error),
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
    let symtab = Symtab::shared_object(layout)?;
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
    let mut output = Output::new(out)?;
    emit::emit(&parts, &plan, &mut output);
    output.finish(Some(plan.build_id_offset()))
}

/// Panics if a symbol or a function's unwind information starts or ends outside
/// the text.
fn check(layout: &Layout) {
    let text_len = layout.text.bytes.len() as u64;
    for symbol in layout.functions.iter().chain(&layout.exports) {
        let end = symbol.offset.checked_add(symbol.size);
        let inside = symbol.offset < text_len && end.is_some_and(|end| end <= text_len);
        assert!(inside, "{symbol:?} is not in the text");
    }
    for unwind in &layout.unwind {
        assert!(unwind.offset < text_len, "{unwind:?} is not about the text");
    }
}

/// Checks that `size` is at most `limit`.
fn limit(part: &'static str, size: u64, limit: u64) -> Result<(), Error> {
    if size > limit {
        return Err(Error::TooLarge { part, size, limit });
    }
    Ok(())
}
