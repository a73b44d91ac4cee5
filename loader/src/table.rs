//! Tables.

use wasm_aot_abi::TrapCode;

use crate::raw::Origin;
use crate::{GrowError, Store, TableError, TableType, Val, ValType, ValTypeError};

/// A table of a store. Equal if it is the same one.
///
/// ```
/// use wasm_aot_loader::{Func, Store, Table, TableType, Val, ValType};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut store = Store::new();
/// let ty = TableType::new(ValType::FUNCREF, 2, Some(10));
/// let table = Table::new(&mut store, ty, Val::FuncRef(None))?;
/// let seven = Func::wrap(&mut store, || 7);
/// table.set(&mut store, 1, seven.into())?;
/// assert_eq!(table.grow(&mut store, 3, seven.into())?, 2);
/// table.copy(&mut store, 0, table, 1, 2)?;
/// table.fill(&mut store, 3, Val::FuncRef(None), 2)?;
/// assert_eq!(table.get(&store, 0), Some(Val::FuncRef(Some(seven))));
/// assert_eq!(table.get(&store, 4), Some(Val::FuncRef(None)));
/// assert_eq!(table.get(&store, 5), None);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    pub(crate) origin: Origin,
}

impl Table {
    /// A table of `ty.min()` elements, each `value`.
    ///
    /// # Errors
    ///
    /// [`TableError::Resource`] if memory is used up, or the type's limits are
    /// beyond ten million elements or contradict each other;
    /// [`TableError::Type`] if `value` is not of the type of the elements.
    pub fn new(store: &mut Store, ty: TableType, value: Val) -> Result<Table, TableError> {
        value.ensure(ty.element(), store)?;
        Ok(store.raw_mut().add_table(ty, value)?)
    }

    /// The type it has now: the minimum is its size.
    pub fn ty(self, store: &Store) -> TableType {
        store.raw().table(self).ty()
    }

    /// Its size in elements.
    pub fn size(self, store: &Store) -> u64 {
        store.raw().table(self).len()
    }

    /// The element at `index`; `None` beyond the end.
    pub fn get(self, store: &Store, index: u64) -> Option<Val> {
        store.raw().table_get(self, index)
    }

    /// Replaces the element at `index`.
    ///
    /// # Errors
    ///
    /// [`TableError::Trap`], "out of bounds table access"; [`TableError::Type`] if
    /// `value` is not of the type of the elements.
    pub fn set(self, store: &mut Store, index: u64, value: Val) -> Result<(), TableError> {
        self.fill(store, index, value, 1)
    }

    /// Adds `delta` elements, each `value`, and returns the size before.
    ///
    /// # Errors
    ///
    /// [`TableError::Grow`] if the maximum (at most ten million elements) or the
    /// system does not allow it, [`TableError::Type`] if `value` is not of the type
    /// of the elements; the table is as it was.
    pub fn grow(self, store: &mut Store, delta: u64, value: Val) -> Result<u64, TableError> {
        value.ensure(self.element(store), store)?;
        let grown = store.raw_mut().table_grow(self, delta, value);
        grown.ok_or_else(|| {
            let table = store.raw().table(self);
            GrowError::new("a table", "elements", table.len(), delta, table.limit()).into()
        })
    }

    /// Replaces `len` elements from `index` on.
    ///
    /// # Errors
    ///
    /// [`TableError::Trap`], "out of bounds table access"; [`TableError::Type`] if
    /// `value` is not of the type of the elements. Nothing is replaced then.
    pub fn fill(
        self,
        store: &mut Store,
        index: u64,
        value: Val,
        len: u64,
    ) -> Result<(), TableError> {
        value.ensure(self.element(store), store)?;
        bounds(store.raw_mut().table_fill(self, index, value, len))
    }

    /// Copies `len` elements from `from[from_index]` on to `self[index]` on; the
    /// two may overlap.
    ///
    /// # Errors
    ///
    /// [`TableError::Trap`], "out of bounds table access"; [`TableError::Type`] if
    /// elements of `from` need not be of the type that those of this table have.
    /// Nothing is copied then.
    pub fn copy(
        self,
        store: &mut Store,
        index: u64,
        from: Table,
        from_index: u64,
        len: u64,
    ) -> Result<(), TableError> {
        let (expected, found) = (self.element(store), from.element(store));
        if !found.matches(expected) {
            return Err(ValTypeError { expected, found }.into());
        }
        bounds(
            store
                .raw_mut()
                .table_copy(self, index, from, from_index, len),
        )
    }

    fn element(self, store: &Store) -> ValType {
        store.raw().table(self).element()
    }
}

fn bounds(inside: bool) -> Result<(), TableError> {
    if inside {
        Ok(())
    } else {
        Err(TableError::Trap(TrapCode::TableOutOfBounds.into()))
    }
}
