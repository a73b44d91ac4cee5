//! The name section (core, appendix "Custom Sections").

use wasmparser::{Name, NameSectionReader};

use super::Module;

impl<'a> Module<'a> {
    /// Takes the names of the module and its functions. A malformed name
    /// section must not make a module invalid: what can be read of it is used.
    pub(super) fn read_names(&mut self, section: NameSectionReader<'a>) {
        for subsection in section {
            match subsection {
                Ok(Name::Module { name, .. }) => self.name = Some(name),
                Ok(Name::Function(names)) => {
                    for naming in names.into_iter().map_while(Result::ok) {
                        if (naming.index as usize) < self.functions.len() {
                            self.function_names.insert(naming.index, naming.name);
                        }
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}
