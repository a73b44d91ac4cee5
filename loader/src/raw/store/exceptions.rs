//! Tags of a store, and its exceptions for as long as somebody may refer to them.
//!
//! Code that catches an exception and does not keep the reference reads the values
//! at once: such an exception is *consumed*, and its memory is used for the next
//! one. Others are *shared* from the first handler on that keeps the reference. It is
//! then on the stack, in a frame or a register that somebody has saved there, unless
//! globals, tables or tags hold references or functions of the host take or return
//! them. As long as no module of the store has anything of the kind, shared ones
//! whose address is nowhere on the stack are garbage; they are looked for whenever
//! there are twice as many as after the last time. Otherwise they stay until the
//! store is dropped.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::NonNull;

use wasm_aot_abi::{self as abi, NONE};

use super::super::stable::Stable;
use super::super::values::Slot;
use super::super::{arch, thread};
use super::Inner;
use crate::{Exception, ExnRef, Module, Tag, TagType, Val};

/// A tag: its address stands for it.
#[derive(Debug)]
pub(super) struct TagData {
    ty: TagType,
    tag: Tag,
    /// What defines it, and its index there; nothing if that is the host.
    source: Option<(Module, u32)>,
}

/// All exceptions of a store.
pub(in super::super) struct Exceptions {
    /// By their numbers.
    objects: Vec<Object>,
    /// Numbers that are not in use.
    free: Vec<u32>,
    consumed: Option<u32>,
    /// How many there may be before garbage is looked for.
    limit: usize,
    /// Whether references can be elsewhere than on the stack.
    anywhere: bool,
}

struct Object {
    /// An [`abi::Exception`] and the values. Leaked from a `Box`.
    slots: NonNull<[Slot]>,
    state: Cell<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    /// Nobody has a reference to it but the code that throws it.
    Fresh,
    /// There may be references on the stack.
    Shared,
    /// The host has a reference to it.
    Kept,
}

const _: () = assert!(size_of::<abi::Exception>() == size_of::<Slot>());

impl Default for Exceptions {
    fn default() -> Exceptions {
        Exceptions {
            objects: Vec::new(),
            free: Vec::new(),
            consumed: None,
            limit: Exceptions::FEW,
            anywhere: false,
        }
    }
}

// SAFETY: it owns what its pointers are to.
unsafe impl Send for Exceptions {}

impl Exceptions {
    /// Not worth looking for garbage.
    const FEW: usize = 256;

    fn live(&self) -> usize {
        self.objects.len() - self.free.len()
    }

    /// Whether it is time to look for garbage.
    fn is_full(&self) -> bool {
        self.live() >= self.limit && !self.anywhere
    }

    /// An exception with a tag and room for so many values.
    fn add(&mut self, tag: *const c_void, values: usize) -> *mut abi::Exception {
        if let Some(consumed) = self.consumed.take() {
            self.release(consumed);
        }
        let len = 1 + values;
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.objects.push(Object::new(len));
                u32::try_from(self.objects.len() - 1).expect("fewer than 2³² exceptions")
            }
        };
        let object = &mut self.objects[number as usize];
        if object.slots.len() != len {
            *object = Object::new(len);
        }
        object.state.set(State::Fresh);
        let exception = object.exception();
        // SAFETY: it is ours, and has room for both.
        unsafe {
            exception.write(abi::Exception {
                tag,
                host: number.into(),
            });
        }
        exception
    }

    /// Frees the shared ones whose addresses are not among `words`, in which every
    /// reference is.
    fn sweep(&mut self, words: impl Iterator<Item = usize>) {
        let mut shared: Vec<(usize, u32)> = (0..)
            .zip(&self.objects)
            .filter(|(_, object)| object.state.get() == State::Shared)
            .map(|(number, object)| (object.exception().addr(), number))
            .collect();
        shared.sort_unstable();
        let mut found = vec![false; shared.len()];
        let mut count = 0;
        for word in words {
            count += 1;
            if let Ok(position) = shared.binary_search_by_key(&word, |&(address, _)| address) {
                found[position] = true;
            }
        }
        for (_, (_, number)) in found.into_iter().zip(shared).filter(|(found, _)| !found) {
            self.release(number);
        }
        // To look through a deep stack takes as long as to throw a few times.
        self.limit = (2 * self.live()).max(Exceptions::FEW) + count / 16;
    }

    fn release(&mut self, number: u32) {
        let state = self.objects[number as usize].state.replace(State::Free);
        debug_assert_ne!(state, State::Free);
        self.free.push(number);
    }

    /// The number of an exception.
    ///
    /// # Safety
    ///
    /// It is one of ours.
    unsafe fn number(exception: *const abi::Exception) -> u32 {
        // SAFETY: the caller says so.
        unsafe { (*exception).host as u32 }
    }

    /// What becomes of an exception that has a handler, or that an entry ends with.
    fn caught(&mut self, number: u32, keeps: bool) {
        let state = &self.objects[number as usize].state;
        match (state.get(), keeps) {
            (State::Fresh, true) => state.set(State::Shared),
            (State::Fresh, false) => self.consumed = Some(number),
            (State::Shared | State::Kept | State::Free, _) => {}
        }
    }
}

impl Object {
    fn new(len: usize) -> Object {
        Object {
            slots: NonNull::from(Box::leak(vec![Slot::ZERO; len].into_boxed_slice())),
            state: Cell::new(State::Free),
        }
    }

    fn exception(&self) -> *mut abi::Exception {
        self.slots.cast().as_ptr()
    }

    /// The values.
    fn values(&self) -> *mut Slot {
        self.slots.cast::<Slot>().as_ptr().wrapping_add(1)
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: leaked by `new`; nobody refers to it any more.
        drop(unsafe { Box::from_raw(self.slots.as_ptr()) });
    }
}

/// Tags.
impl Inner {
    pub(crate) fn add_tag(&mut self, ty: TagType, source: Option<(Module, u32)>) -> Tag {
        let tag = Tag {
            origin: self.origin(NONE, self.tags.len()),
        };
        self.tags.push(Stable::new(TagData { ty, tag, source }));
        tag
    }

    #[track_caller]
    fn tag(&self, tag: Tag) -> &Stable<TagData> {
        self.check(tag.origin);
        &self.tags[tag.origin.index as usize]
    }

    #[track_caller]
    pub(crate) fn tag_type(&self, tag: Tag) -> TagType {
        self.tag(tag).ty
    }

    /// What stands for a tag in compiled code.
    #[track_caller]
    pub(in super::super) fn tag_address(&self, tag: Tag) -> *const c_void {
        self.tag(tag).as_ptr().as_ptr().cast_const().cast()
    }

    /// What the module that defines a tag calls it: the name of an export, else its
    /// index.
    fn tag_name(&self, tag: Tag) -> String {
        let Some((module, index)) = &self.tag(tag).source else {
            return format!("tag[{}] of the host", tag.origin.index);
        };
        match module.artefact().tag_export(*index) {
            Some(name) => name.to_owned(),
            None => format!("{}!tag[{index}]", module.name()),
        }
    }
}

/// Exceptions.
impl Inner {
    /// A module has come that has references in other places than on the stack.
    pub(super) fn references_are_anywhere(&mut self) {
        self.exceptions.anywhere = true;
    }

    /// An exception without its values.
    pub(in super::super) fn new_exception(&mut self, tag: Tag) -> *mut abi::Exception {
        if self.exceptions.is_full() {
            arch::with_registers(sweep, (&raw mut *self).cast());
        }
        let (address, values) = (self.tag_address(tag), self.tag_type(tag).params().len());
        self.exceptions.add(address, values)
    }

    /// A handler gets an exception, and perhaps keeps the reference.
    ///
    /// # Safety
    ///
    /// It is one of ours.
    pub(in super::super) unsafe fn catch(&mut self, exception: *const abi::Exception, keeps: bool) {
        // SAFETY: the caller says so.
        let number = unsafe { Exceptions::number(exception) };
        self.exceptions.caught(number, keeps);
    }

    /// The exception that an entry ends with, for the host.
    ///
    /// # Safety
    ///
    /// It is one of ours.
    pub(in super::super) unsafe fn take_uncaught(
        &mut self,
        exception: *const abi::Exception,
    ) -> Exception {
        // SAFETY: the caller says so.
        let number = unsafe { Exceptions::number(exception) };
        let value = self.value_of(number);
        self.exceptions.caught(number, false);
        value
    }

    /// An exception as compiled code has them.
    ///
    /// # Panics
    ///
    /// If it belongs to another store.
    pub(in super::super) fn materialise(&mut self, value: &Exception) -> *mut abi::Exception {
        let exception = self.new_exception(value.tag());
        // SAFETY: just made.
        let number = unsafe { Exceptions::number(exception) };
        let to = self.exceptions.objects[number as usize].values();
        let ty = self.tag_type(value.tag());
        let types = ty.params().iter();
        for (index, (&ty, &value)) in types.zip(value.values()).enumerate() {
            // SAFETY: it has a place for each.
            unsafe { to.add(index).write(value.to_slot(ty, self)) };
        }
        exception
    }

    fn value_of(&self, number: u32) -> Exception {
        let object = &self.exceptions.objects[number as usize];
        // SAFETY: its tag is one of ours, which stay where they are; it holds values
        // of the types of that, which were made in this store.
        unsafe {
            let tag = &*(*object.exception()).tag.cast::<TagData>();
            let types = tag.ty.params().iter();
            let values = types.enumerate().map(|(index, &ty)| {
                let slot = object.values().add(index).read();
                Val::from_slot(ty, &slot, self)
            });
            Exception::of(tag.tag, self.tag_name(tag.tag), values.collect())
        }
    }

    pub(crate) fn exception(&self, tag: Tag, values: Vec<Val>) -> Exception {
        let ty = self.tag_type(tag);
        let types = ty.params();
        let count = values.len();
        assert_eq!(types.len(), count, "the tag is for as many values");
        for (&value, &ty) in values.iter().zip(types) {
            // Panics if it does not fit.
            value.to_slot(ty, self);
        }
        Exception::of(tag, self.tag_name(tag), values)
    }

    pub(crate) fn keep_exception(&mut self, value: &Exception) -> ExnRef {
        let exception = self.materialise(value);
        // SAFETY: just made.
        let number = unsafe { Exceptions::number(exception) };
        self.keep(number)
    }

    #[track_caller]
    pub(crate) fn kept_exception(&self, exception: ExnRef) -> Exception {
        self.check(exception.origin);
        self.value_of(exception.origin.index)
    }

    /// A handle, for the host.
    fn keep(&self, number: u32) -> ExnRef {
        let state = &self.exceptions.objects[number as usize].state;
        debug_assert_ne!(state.get(), State::Free);
        state.set(State::Kept);
        ExnRef {
            origin: self.origin(NONE, number as usize),
        }
    }

    #[track_caller]
    pub(in super::super) fn exception_to_slot(&self, exception: Option<ExnRef>) -> Slot {
        exception.map_or(Slot::ZERO, |exception| {
            self.check(exception.origin);
            let object = &self.exceptions.objects[exception.origin.index as usize];
            Slot::from_pointer(object.exception())
        })
    }

    /// # Safety
    ///
    /// The slot holds a reference to an exception that was made in this store.
    pub(in super::super) unsafe fn exception_from_slot(&self, slot: &Slot) -> Option<ExnRef> {
        let exception = slot.as_pointer::<abi::Exception>();
        // SAFETY: the caller says so.
        (!exception.is_null()).then(|| self.keep(unsafe { Exceptions::number(exception) }))
    }
}

/// Looks for garbage among the exceptions of a store. All that compiled code has in
/// registers is on the stack, from `sp` on.
unsafe extern "C" fn sweep(store: *mut c_void, sp: usize) {
    let inner: *mut Inner = store.cast();
    // SAFETY: `new_exception` has borrowed the store; the records of entries that run
    // are on the stack.
    let (exceptions, mut entry) = unsafe { (&mut (*inner).exceptions, (*inner).context.entry) };
    let thread = thread::current();
    let innermost = entry;
    let mut high = sp;
    // SAFETY: as above.
    while let Some(record) = unsafe { entry.as_ref() } {
        high = record.fp.addr();
        let here = entry == innermost || thread.owns(sp) && thread.owns(high);
        if !here || high < sp {
            // A call around this one is on another stack, which waits, and of which
            // we do not know where it ends.
            return;
        }
        entry = record.previous;
    }
    let words = (sp.next_multiple_of(8)..high).step_by(8);
    exceptions.sweep(words.map(|address| {
        let word = std::ptr::with_exposed_provenance::<usize>(address);
        // SAFETY: our own stack, of which nothing is written meanwhile but what is
        // below `sp`.
        unsafe { word.read_volatile() }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than are kept before garbage is looked for. Miri is slow.
    const MANY: usize = if cfg!(miri) { 300 } else { 1000 };

    fn number(exception: *mut abi::Exception) -> u32 {
        // SAFETY: the tests take what they have made.
        unsafe { Exceptions::number(exception) }
    }

    #[test]
    fn what_is_consumed_is_used_again() {
        let mut all = Exceptions::default();
        for _ in 0..MANY {
            let exception = all.add(std::ptr::null(), 3);
            all.caught(number(exception), false);
        }
        assert!(all.objects.len() <= 2);
    }

    #[test]
    fn what_nobody_refers_to_is_swept() {
        let mut all = Exceptions::default();
        let shared = |all: &mut Exceptions| {
            let exception = all.add(std::ptr::null(), 1);
            all.caught(number(exception), true);
            exception
        };
        let first = shared(&mut all);
        for _ in 0..MANY {
            shared(&mut all);
        }
        assert!(all.is_full());
        let last = shared(&mut all);
        all.sweep([0, last.addr(), 17, first.addr() + 8, first.addr()].into_iter());
        assert_eq!(all.live(), 2);
        for exception in [first, last] {
            let object = &all.objects[number(exception) as usize];
            assert_eq!(object.state.get(), State::Shared);
        }
        // Thrown on and caught by somebody who does not keep it, it may be elsewhere.
        all.caught(number(first), false);
        assert_eq!(all.consumed, None);
    }

    #[test]
    fn where_references_can_be_anywhere_they_stay() {
        let mut all = Exceptions {
            anywhere: true,
            ..Exceptions::default()
        };
        for _ in 0..MANY {
            let exception = number(all.add(std::ptr::null(), 1));
            all.caught(exception, true);
        }
        assert!(!all.is_full());
        assert_eq!(all.live(), MANY);
    }
}
