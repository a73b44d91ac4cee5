//! Which way branches go mostly, as the custom section `metadata.code.branch_hint`
//! of the branch hinting proposal says.

use std::collections::{BTreeMap, HashMap};

use wasmparser::BranchHintSectionReader;

/// Hints by function and byte offset in its body.
#[derive(Default)]
pub(crate) struct Hints(HashMap<u32, BTreeMap<u32, bool>>);

impl Hints {
    /// Adds those of a section; what is malformed is ignored, and all that follows.
    pub(super) fn read(&mut self, section: BranchHintSectionReader<'_>) {
        for function in section {
            let Ok(function) = function else { return };
            for hint in function.hints {
                let Ok(hint) = hint else { return };
                let own = self.0.entry(function.func).or_default();
                own.insert(hint.func_offset, hint.taken);
            }
        }
    }

    /// All hints of a function: offsets in its body, and whether the condition there is
    /// mostly true.
    pub(crate) fn of(&self, function: u32) -> Option<&BTreeMap<u32, bool>> {
        self.0.get(&function)
    }

    /// Whether the `if` or `br_if` at `offset` in the body of `function` has a
    /// condition that is mostly true, or mostly false.
    pub(crate) fn get(&self, function: u32, offset: u32) -> Option<bool> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&function)?.get(&offset).copied()
    }
}
