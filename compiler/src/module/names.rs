//! Names of functions: the name section (core, appendix "Custom Sections"), and
//! exports for what it leaves out.

use wasmparser::{Name, NameSectionReader};

use super::{Contents, Item, Module};

impl Contents<'_> {
    /// Names functions that have no name yet after their first export.
    pub(super) fn name_exports(&mut self, module: &Module) {
        for export in &module.exports {
            if let Item::Func(index) = export.item {
                self.function_names
                    .entry(index)
                    .or_insert_with(|| export.name.clone());
            }
        }
    }

    /// Takes the names of the module and its functions. A malformed name
    /// section must not make a module invalid: what can be read of it is used.
    pub(super) fn read_names(&mut self, module: &Module, section: NameSectionReader<'_>) {
        for subsection in section {
            match subsection {
                Ok(Name::Module { name, .. }) => self.name = Some(name.into()),
                Ok(Name::Function(names)) => {
                    for naming in names.into_iter().map_while(Result::ok) {
                        if (naming.index as usize) < module.functions.len() {
                            self.function_names.insert(naming.index, naming.name.into());
                        }
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}
