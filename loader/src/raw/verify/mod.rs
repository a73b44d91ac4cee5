//! From bytes to [`Metadata`]: checks every record, slice, name, offset, index
//! and number of an artefact once, so that nobody has to later.
//!
//! What is trusted all the same is the machine code, and what only it reads: an
//! artefact is native code, and a check of its metadata is for damage and
//! mistakes. It costs a few nanoseconds for each record; nothing looks at every
//! byte but names, which must be UTF-8, and those of functions are not looked at before
//! somebody asks for one.

mod const_expr;
mod exceptions;
mod header;
mod records;
mod types;

pub(super) use header::check_host;

use wasm_aot_abi::{Slice, Str, Wire};

use super::elf::Elf;
use super::metadata::{Metadata, Records};
use crate::OpenError;

/// Checks the metadata block that `bytes` starts with: all that is mapped from
/// the descriptor on.
pub(super) fn verify<'a>(bytes: &'a [u8], elf: &Elf) -> Result<Metadata<'a>, OpenError> {
    let descriptor = header::read(bytes)?;
    header::check_required(&descriptor)?;
    header::check_target(&descriptor, elf)?;
    let block = Block {
        bytes: &bytes[..descriptor.metadata_size as usize],
    };
    header::check_layout(&descriptor, elf)?;
    records::check(&block, &descriptor)?;
    Ok(Metadata::new(block.bytes, descriptor))
}

/// The metadata block: slices of it are allegations until they are checked.
struct Block<'a> {
    bytes: &'a [u8],
}

impl<'a> Block<'a> {
    fn range(&self, offset: u32, size: u64, what: &str) -> Result<&'a [u8], OpenError> {
        let start = offset as usize;
        usize::try_from(size)
            .ok()
            .and_then(|size| self.bytes.get(start..start.checked_add(size)?))
            .ok_or_else(|| damaged(what, "it ends behind the metadata"))
    }

    fn records<T: Wire>(&self, slice: Slice, what: &str) -> Result<Records<'a, T>, OpenError> {
        let size = u64::from(slice.count) * T::SIZE as u64;
        Ok(Records::new(self.range(slice.offset, size, what)?))
    }

    fn text(&self, text: Str, what: &str) -> Result<&'a str, OpenError> {
        let bytes = self.range(text.offset, text.len.into(), what)?;
        std::str::from_utf8(bytes).map_err(|_| damaged(what, "it is not UTF-8"))
    }
}

/// A contradiction in the record `what`.
fn damaged(what: impl std::fmt::Display, problem: &str) -> OpenError {
    OpenError::Damaged {
        what: format!("{what}: {problem}"),
    }
}

/// Fails unless `holds`.
fn ensure(holds: bool, what: impl std::fmt::Display, problem: &str) -> Result<(), OpenError> {
    if holds {
        Ok(())
    } else {
        Err(damaged(what, problem))
    }
}
