//! Tables: arrays of references that compiled code indexes itself.

use std::alloc::{Layout, alloc_zeroed, dealloc, realloc};
use std::ffi::c_void;
use std::ptr::{self, NonNull};

use wasm_aot_abi::{FuncRef, TableDef, TableElement};

use super::stable::Stable;
use super::values::Slot;
use crate::limits::{Growth, Refusal};
use crate::{ResourceError, TableType, ValType};

/// More elements than this no table can have: the limit of the JavaScript API
/// (6.3), which all implementations share.
const MAX_ELEMENTS: u64 = 10_000_000;

/// A table.
#[derive(Debug)]
pub(crate) struct TableData {
    /// What compiled code reads: in the vmctx of the defining instance, or
    /// `own`. Its elements belong to us.
    def: NonNull<TableDef>,
    /// For a table of the host.
    own: Option<Stable<TableDef>>,
    element: ValType,
    /// The type that it was made with.
    ty: TableType,
    /// How many elements there is room for.
    capacity: usize,
}

// SAFETY: it owns its elements; what they refer to belongs to the same store.
unsafe impl Send for TableData {}

impl TableData {
    /// A table of `ty.min()` nulls whose definition is at `def`.
    ///
    /// # Safety
    ///
    /// Until the table is dropped, `def` is valid for it to use, and nobody else
    /// changes it.
    pub(super) unsafe fn new(
        ty: TableType,
        def: NonNull<TableDef>,
    ) -> Result<TableData, ResourceError> {
        let max = ty.max().unwrap_or(MAX_ELEMENTS);
        if ty.min() > max || ty.min() > MAX_ELEMENTS {
            let error = std::io::ErrorKind::InvalidInput.into();
            return Err(ResourceError::new("a table", error));
        }
        let len = ty.min();
        let elements = if len == 0 {
            ptr::null_mut()
        } else {
            // SAFETY: the size is not 0.
            unsafe { alloc_zeroed(layout(ty.element(), len as usize)) }
        };
        if len > 0 && elements.is_null() {
            return Err(ResourceError::out_of_memory("a table"));
        }
        let elements = elements.cast();
        // SAFETY: the caller gives us the definition.
        unsafe { def.write(TableDef { elements, len }) };
        Ok(TableData {
            def,
            own: None,
            element: ty.element(),
            ty,
            capacity: len as usize,
        })
    }

    /// A table of the host: of `ty.min()` nulls.
    pub(super) fn new_host(ty: TableType) -> Result<TableData, ResourceError> {
        let own = Stable::new(TableDef {
            elements: ptr::null_mut(),
            len: 0,
        });
        // SAFETY: the table will own it, and says it to nobody but compiled code,
        // which only reads it.
        let mut table = unsafe { TableData::new(ty, own.as_ptr())? };
        table.own = Some(own);
        Ok(table)
    }

    /// What an importing instance has in its slot.
    pub(super) fn def(&self) -> *mut TableDef {
        self.def.as_ptr()
    }

    /// The type it has now.
    pub(crate) fn ty(&self) -> TableType {
        self.ty.with_min(self.len())
    }

    pub(crate) fn element(&self) -> ValType {
        self.element
    }

    /// How many elements it can have.
    pub(crate) fn limit(&self) -> u64 {
        self.ty.max().unwrap_or(MAX_ELEMENTS).min(MAX_ELEMENTS)
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> u64 {
        // SAFETY: `def` is valid, and no compiled code runs.
        unsafe { (*self.def.as_ptr()).len }
    }

    /// The reference at `index`.
    pub(super) fn get(&self, index: u64) -> Option<Slot> {
        if index >= self.len() {
            return None;
        }
        // SAFETY: the element is in bounds, of the kind that `element` says.
        Some(unsafe {
            match self.element.is_function() {
                true => Slot::from_pointer((*self.func(index)).funcref),
                false => Slot::from_u64(*self.word(index)),
            }
        })
    }

    /// Replaces `len` elements from `to` on; `false` if they are out of bounds.
    ///
    /// # Safety
    ///
    /// `value` is a reference of the type of the elements, of the same store.
    pub(super) unsafe fn fill(&mut self, to: u64, value: Slot, len: u64) -> bool {
        if !self.holds(to, len) {
            return false;
        }
        // SAFETY: the elements are in bounds, of the kind that `element` says.
        unsafe {
            match self.element.is_function() {
                true => {
                    let element = element(value.as_pointer());
                    for index in to..to + len {
                        self.func(index).write(element);
                    }
                }
                false => {
                    for index in to..to + len {
                        self.word(index).write(value.as_u64());
                    }
                }
            }
        }
        true
    }

    /// Writes references from `to` on.
    ///
    /// # Safety
    ///
    /// They are of the type of the elements, of the same store, and as many as
    /// are in bounds.
    pub(super) unsafe fn write(&mut self, to: u64, values: impl Iterator<Item = Slot>) {
        // SAFETY: the caller says so.
        unsafe {
            match self.element.is_function() {
                true => {
                    for (index, value) in (to..).zip(values) {
                        self.func(index).write(element(value.as_pointer()));
                    }
                }
                false => {
                    for (index, value) in (to..).zip(values) {
                        self.word(index).write(value.as_u64());
                    }
                }
            }
        }
    }

    /// As [`grow`](TableData::grow), if that is allowed: which is asked only about
    /// growth that the type allows.
    ///
    /// # Safety
    ///
    /// As for `grow`.
    pub(super) unsafe fn grow_if(
        &mut self,
        delta: u64,
        value: Slot,
        allow: impl FnOnce(Growth) -> Result<(), Refusal>,
    ) -> Result<u64, Option<Refusal>> {
        let (old, max) = (self.len(), self.limit());
        let new = old.checked_add(delta).filter(|&new| new <= max);
        let new = new.ok_or(None)?;
        if delta > 0 {
            allow(Growth::of_table(self.ty, old, new))?;
        }
        // SAFETY: the caller says so.
        unsafe { self.grow(delta, value) }.ok_or(None)
    }

    /// Adds `delta` elements and returns the size before.
    ///
    /// # Safety
    ///
    /// `value` is a reference of the type of the elements, of the same store.
    pub(super) unsafe fn grow(&mut self, delta: u64, value: Slot) -> Option<u64> {
        let (old, max) = (self.len(), self.limit());
        let new = old.checked_add(delta).filter(|&new| new <= max)?;
        self.reserve(new as usize, max as usize)?;
        // SAFETY: `def` is valid, and there is room for `new` elements; the caller
        // vouches for `value`.
        unsafe {
            (*self.def.as_ptr()).len = new;
            self.fill(old, value, delta);
        }
        Some(old)
    }

    /// Makes room for `needed` elements, and for more if the table grows often.
    fn reserve(&mut self, needed: usize, max: usize) -> Option<()> {
        if needed <= self.capacity {
            return Some(());
        }
        let capacity = needed.max(self.capacity * 2).min(max);
        let new = layout(self.element, capacity);
        let old = self.elements();
        // SAFETY: the old elements were allocated with this layout, or there are
        // none; the new size is not 0.
        let elements = unsafe {
            if self.capacity == 0 {
                alloc_zeroed(new)
            } else {
                realloc(old.cast(), layout(self.element, self.capacity), new.size())
            }
        };
        if elements.is_null() {
            return None;
        }
        // SAFETY: `def` is valid.
        unsafe { (*self.def.as_ptr()).elements = elements.cast() };
        self.capacity = capacity;
        Some(())
    }

    /// Copies `len` elements between two tables that may be the same; `false`
    /// if they are out of bounds.
    ///
    /// # Safety
    ///
    /// Both are alive, references of `from` are of the type of those of `to`, and no
    /// reference to
    /// either is in use.
    pub(super) unsafe fn copy(
        to: NonNull<TableData>,
        to_index: u64,
        from: NonNull<TableData>,
        from_index: u64,
        len: u64,
    ) -> bool {
        // SAFETY: so shared references are all right.
        let (to, from) = unsafe { (to.as_ref(), from.as_ref()) };
        if !(to.holds(to_index, len) && from.holds(from_index, len)) {
            return false;
        }
        let len = len as usize;
        // SAFETY: both ranges are in bounds.
        unsafe {
            match to.element.is_function() {
                true => ptr::copy(from.func(from_index), to.func(to_index), len),
                false => ptr::copy(from.word(from_index), to.word(to_index), len),
            }
        }
        true
    }

    /// Gives the elements that refer to `func_ref` its present code.
    pub(super) fn refresh(&mut self, func_ref: *const FuncRef) {
        if !self.element.is_function() {
            return;
        }
        for index in 0..self.len() {
            // SAFETY: in bounds; a reference that an element holds is alive.
            unsafe {
                let element = self.func(index);
                if ptr::eq((*element).funcref, func_ref) {
                    (*element).code = (*func_ref).code;
                }
            }
        }
    }

    /// Whether `len` elements from `index` on are in bounds.
    pub(super) fn holds(&self, index: u64, len: u64) -> bool {
        index.checked_add(len).is_some_and(|end| end <= self.len())
    }

    fn elements(&self) -> *mut c_void {
        // SAFETY: `def` is valid.
        unsafe { (*self.def.as_ptr()).elements }
    }

    fn func(&self, index: u64) -> *mut TableElement {
        self.elements()
            .cast::<TableElement>()
            .wrapping_add(index as usize)
    }

    fn word(&self, index: u64) -> *mut u64 {
        self.elements().cast::<u64>().wrapping_add(index as usize)
    }
}

impl Drop for TableData {
    fn drop(&mut self) {
        if self.capacity > 0 {
            // SAFETY: allocated with this layout; the code that uses it does not
            // run any more.
            unsafe { dealloc(self.elements().cast(), layout(self.element, self.capacity)) };
        }
    }
}

/// The element that refers to a function, or to none.
///
/// # Safety
///
/// The reference is null or valid.
unsafe fn element(funcref: *const FuncRef) -> TableElement {
    if funcref.is_null() {
        return TableElement {
            code: ptr::null(),
            ctx: ptr::null_mut(),
            type_id: 0,
            reserved: 0,
            funcref,
        };
    }
    // SAFETY: it is valid.
    let FuncRef {
        code, ctx, type_id, ..
    } = unsafe { *funcref };
    TableElement {
        code,
        ctx,
        type_id,
        reserved: 0,
        funcref,
    }
}

fn layout(element: ValType, len: usize) -> Layout {
    let layout = match element.is_function() {
        true => Layout::array::<TableElement>(len),
        false => Layout::array::<u64>(len),
    };
    layout.expect("at most ten million elements")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(min: u64, max: Option<u64>) -> TableData {
        TableData::new_host(TableType::new(ValType::EXTERNREF, min, max)).unwrap()
    }

    fn words(table: &TableData) -> Vec<u64> {
        let elements = (0..).map_while(|index| table.get(index));
        elements.map(|slot| slot.as_u64()).collect()
    }

    /// As [`TableData::fill`], for tables of words, which refer to nothing.
    fn fill(table: &mut TableData, to: u64, value: u64, len: u64) -> bool {
        // SAFETY: any word is a reference to a host object.
        unsafe { table.fill(to, Slot::from_u64(value), len) }
    }

    fn grow(table: &mut TableData, delta: u64, value: u64) -> Option<u64> {
        // SAFETY: any word is a reference to a host object.
        unsafe { table.grow(delta, Slot::from_u64(value)) }
    }

    #[test]
    fn a_table_grows_up_to_its_maximum() {
        let mut table = table(0, Some(5));
        assert_eq!(grow(&mut table, 0, 1), Some(0));
        assert_eq!(grow(&mut table, 2, 1), Some(0));
        assert_eq!(grow(&mut table, 3, 2), Some(2));
        assert_eq!(grow(&mut table, 1, 3), None);
        assert_eq!(grow(&mut table, u64::MAX, 3), None);
        assert_eq!(words(&table), [1, 1, 2, 2, 2]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes an hour")]
    fn no_table_is_larger_than_ten_million() {
        let mut table = table(1, None);
        assert_eq!(grow(&mut table, MAX_ELEMENTS, 0), None);
        assert_eq!(grow(&mut table, MAX_ELEMENTS - 1, 0), Some(1));
        let ty = TableType::new(ValType::EXTERNREF, MAX_ELEMENTS + 1, None);
        assert!(TableData::new_host(ty).is_err());
    }

    #[test]
    fn nothing_is_written_out_of_bounds() {
        let mut table = table(3, None);
        assert!(fill(&mut table, 1, 7, 2));
        assert!(!fill(&mut table, 2, 9, 2));
        assert!(!fill(&mut table, u64::MAX, 9, 2));
        assert!(fill(&mut table, 3, 9, 0));
        assert!(!fill(&mut table, 4, 9, 0));
        assert_eq!(words(&table), [0, 7, 7]);
    }

    #[test]
    fn copies_may_overlap() {
        let mut table = table(0, None);
        for value in 1..=4 {
            grow(&mut table, 1, value);
        }
        let this = NonNull::from(&mut table);
        // SAFETY: alive, of the same type, and not used meanwhile.
        unsafe {
            assert!(TableData::copy(this, 1, this, 0, 3));
            assert!(!TableData::copy(this, 2, this, 0, 3));
            assert_eq!(words(this.as_ref()), [1, 1, 2, 3]);
        }
    }
}
