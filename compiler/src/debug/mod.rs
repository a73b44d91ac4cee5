//! Debug information: the module's DWARF becomes that of the machine code.
//!
//! Addresses in the DWARF of a module are offsets in its code section
//! (<https://yurydelendik.github.io/webassembly-dwarf/>). The code generator says which
//! machine code comes from which operator, and `places` turns one into the other: a
//! range of operators becomes the machine code that comes from them, in as many pieces
//! as it takes. By that, `lines` makes a line table for the code of every function, and
//! `entries` gives units, functions, inlined calls and blocks their addresses. `live`
//! finds out what of the rest they refer to, as types; nothing else is kept. `sections`
//! is where all of it comes from and goes to.
//!
//! Variables of C are in locals of WebAssembly or in linear memory, and what a debugger
//! needs to find either has to be kept alive by the code. That is done at the lowest
//! level of optimisation, and `locations` says where they are; else they have none.
//! Calls and labels are left out.
//!
//! The DWARF of a module is nobody's duty: it is not validated, may be damaged, and may
//! have been made to do harm. Then there is none, which is no error. All work is paid
//! from a `Budget` that is a multiple of the input, since DWARF can refer to the same
//! bytes any number of times.

mod entries;
mod lines;
mod live;
mod locations;
mod places;
mod sections;

use gimli::write;

use self::entries::Units;
use self::live::Live;
pub(crate) use self::locations::Locations;
use self::places::Places;
use self::sections::Input;
use crate::layout::DebugSection;
use crate::module::Contents;
use crate::text::Text;

/// Why there is no debug information.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// The module has none.
    #[error("the module has no debug information")]
    Absent,
    /// That of the module is about no code of it.
    #[error("the debug information of the module is about none of its functions")]
    Unrelated,
    #[error("the debug information of the module is damaged, and left out: {0}")]
    Damaged(&'static str),
    #[error("the debug information of the module is damaged, and left out: {0}")]
    Read(#[from] gimli::Error),
    #[error("the debug information of the module is damaged, and left out: {0}")]
    Convert(#[from] write::ConvertError),
    #[error("the debug information cannot be written, and is left out: {0}")]
    Write(#[from] write::Error),
}

type Result<T, E = Problem> = std::result::Result<T, E>;

/// Translates the debug information of a module whose code is `text`.
///
/// # Errors
///
/// If there is none that could be translated.
pub(crate) fn translate(
    contents: &Contents<'_>,
    text: &Text,
    locations: Locations,
) -> Result<Vec<DebugSection>> {
    let input = Input::new(contents)?;
    let mut dwarf = input.dwarf()?;
    dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::All);
    let places = Places::new(contents, text);
    let mut budget = Budget::new(input.size() + places.size());
    let live = Live::find(&dwarf, &places, &mut budget)?;
    let mut output = write::Dwarf::new();
    Units {
        places: &places,
        live: &live,
        locations,
        budget: &mut budget,
    }
    .convert(&dwarf, &mut output)?;
    sections::write(&mut output)
}

/// How much work is left to be done.
struct Budget(u64);

impl Budget {
    /// Honest DWARF takes a tenth of this for `size` bytes.
    fn new(size: u64) -> Budget {
        Budget((1 << 20) + size.saturating_mul(64))
    }

    /// Takes `work`, about the number of bytes that are looked at.
    fn spend(&mut self, work: u64) -> Result<()> {
        self.0 = (self.0.checked_sub(work)).ok_or(Problem::Damaged("it refers to itself"))?;
        Ok(())
    }
}
