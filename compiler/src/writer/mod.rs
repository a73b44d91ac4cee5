//! What the writers of files have in common: errors, the checks of a [`Layout`],
//! and the `output` that bytes go to.

mod output;

use std::io;

pub(crate) use self::output::{BUILD_ID_LEN, Hash, Output};
use crate::layout::Layout;

/// Why a [`Layout`] cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The writer does not know the machine or the system.
    #[error("cannot write {what} for {target}")]
    Target {
        /// The kind of file.
        what: &'static str,
        /// What it would have been for.
        target: target_lexicon::Triple,
    },
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
    /// A name that is to be found by a linker is empty or contains a NUL byte.
    #[error("{0:?} cannot be the name of an exported symbol")]
    Name(String),
    /// Two exported symbols have the same name.
    #[error("two exported symbols are named {0:?}")]
    Duplicate(String),
    /// The code generator's unwind information does not follow its own rules.
    #[error("cannot encode the unwind information")]
    Unwind(#[source] gimli::write::Error),
    /// The output could not be written.
    #[error("cannot write the output")]
    Io(#[from] io::Error),
}

/// Panics if a symbol or a function's unwind information starts or ends outside
/// the text, or if the machine knows no landing pads that code is said to have.
pub(crate) fn check(layout: &Layout) {
    let text_len = layout.text.bytes.len() as u64;
    for symbol in layout.functions.iter().chain(&layout.exports) {
        let end = symbol.offset.checked_add(symbol.size);
        let inside = symbol.offset < text_len && end.is_some_and(|end| end <= text_len);
        assert!(inside, "{symbol:?} is not in the text");
    }
    for unwind in &layout.unwind {
        assert!(unwind.offset < text_len, "{unwind:?} is not about the text");
    }
    let is_aarch64 = matches!(
        layout.target.architecture,
        target_lexicon::Architecture::Aarch64(_)
    );
    assert!(is_aarch64 || !layout.text.landing_pads, "no landing pads");
}

/// Checks that `size` is at most `limit`.
pub(crate) fn limit(part: &'static str, size: u64, limit: u64) -> Result<(), Error> {
    if size > limit {
        return Err(Error::TooLarge { part, size, limit });
    }
    Ok(())
}

/// Refuses what cannot be looked up.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.contains('\0') {
        return Err(Error::Name(name.to_owned()));
    }
    Ok(())
}
