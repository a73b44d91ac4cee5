//! Globals.

use crate::raw::Origin;
use crate::{GlobalError, GlobalType, Store, Val, ValTypeError};

/// A global of a store. Equal if it is the same one.
///
/// ```
/// use wasm_aot_loader::{Global, GlobalType, Store, Val, ValType};
///
/// let mut store = Store::new();
/// let ty = GlobalType::new(ValType::I64, true);
/// let counter = Global::new(&mut store, ty, Val::I64(0))?;
/// counter.set(&mut store, Val::I64(7))?;
/// assert_eq!(counter.get(&store), Val::I64(7));
/// # Ok::<(), wasm_aot_loader::GlobalError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Global {
    pub(crate) origin: Origin,
}

impl Global {
    /// A global that holds `value`.
    ///
    /// # Errors
    ///
    /// If `value` is not of the type's content.
    pub fn new(store: &mut Store, ty: GlobalType, value: Val) -> Result<Global, ValTypeError> {
        value.ensure(ty.content(), store)?;
        Ok(store.raw_mut().add_global(ty, value))
    }

    /// Its type.
    pub fn ty(self, store: &Store) -> GlobalType {
        store.raw().global_type(self)
    }

    /// Its value.
    pub fn get(self, store: &Store) -> Val {
        store.raw().global_get(self)
    }

    /// Replaces its value.
    ///
    /// # Errors
    ///
    /// If it is immutable, or `value` is of another type.
    pub fn set(self, store: &mut Store, value: Val) -> Result<(), GlobalError> {
        let ty = self.ty(store);
        if !ty.mutable() {
            return Err(GlobalError::Immutable);
        }
        value.ensure(ty.content(), store)?;
        store.raw_mut().global_set(self, value);
        Ok(())
    }
}
