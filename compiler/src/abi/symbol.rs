//! What code can refer to by name.

use cranelift_codegen::ir::UserExternalName;
use serde::{Deserialize, Serialize};

/// A piece of the text. Ordered as the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Symbol {
    /// A function, by its index in the module.
    Function(u32),
    /// The entry trampoline of a type.
    Entry(u32),
    /// The exit trampoline of a type.
    Exit(u32),
    /// The C symbol of an exported function, by the index of the function.
    Typed(u32),
    /// What the C symbol leaves a call to that may trap, if it contains the function
    /// itself; by the index of the function.
    Entered(u32),
    /// What throws.
    Throw,
    /// What traps, where traps are calls; by the number of the trap code that it is called
    /// for. There is one for all of them, with the number 0.
    Trap(u32),
    /// What asks whether to go on.
    Interrupted,
    /// What calls functions of some signature with an array of values; by a number.
    Leave(u32),
    /// Constants of code, by a number.
    Constants(u32),
    /// The constant elements of a table, by its index.
    Table(u32),
}

impl From<Symbol> for UserExternalName {
    fn from(symbol: Symbol) -> UserExternalName {
        let (namespace, index) = match symbol {
            Symbol::Function(index) => (0, index),
            Symbol::Entry(ty) => (1, ty),
            Symbol::Exit(ty) => (2, ty),
            Symbol::Typed(index) => (3, index),
            Symbol::Table(index) => (4, index),
            Symbol::Throw => (5, 0),
            Symbol::Entered(index) => (6, index),
            Symbol::Leave(number) => (7, number),
            Symbol::Constants(number) => (8, number),
            Symbol::Trap(code) => (9, code),
            Symbol::Interrupted => (10, 0),
        };
        UserExternalName { namespace, index }
    }
}

impl From<&UserExternalName> for Symbol {
    fn from(name: &UserExternalName) -> Symbol {
        match name.namespace {
            0 => Symbol::Function(name.index),
            1 => Symbol::Entry(name.index),
            2 => Symbol::Exit(name.index),
            3 => Symbol::Typed(name.index),
            4 => Symbol::Table(name.index),
            5 => Symbol::Throw,
            6 => Symbol::Entered(name.index),
            7 => Symbol::Leave(name.index),
            8 => Symbol::Constants(name.index),
            9 => Symbol::Trap(name.index),
            10 => Symbol::Interrupted,
            other => unreachable!("namespace {other} is not ours"),
        }
    }
}
