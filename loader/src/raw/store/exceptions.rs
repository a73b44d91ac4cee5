//! Tags of a store, and its exceptions for as long as somebody may refer to them.
//!
//! Code that catches an exception and does not keep the reference reads the values
//! at once: such an exception is *consumed*, and freed when the next one is made.
//! A reference that is kept is in the frame that has caught it, unless functions
//! take or return references, or globals, tables or tags hold them. As long as no
//! module of the store has anything of the kind, an exception is garbage when the
//! oldest frame that has caught it is gone; what is garbage is found out whenever
//! there are twice as many as there were after the last time. Otherwise they stay
//! until the store is dropped.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::NonNull;

use wasm_aot_abi::{self as abi, NONE};

use super::super::stable::Stable;
use super::super::values::Slot;
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
    /// Whether references can be elsewhere than in the frames that have caught them.
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
    /// Frames have caught it, of which this one is the oldest.
    Held(usize),
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
    const FEW: usize = 64;

    fn live(&self) -> usize {
        self.objects.len() - self.free.len()
    }

    /// An exception with a tag and room for so many values, all zero. `is_alive`
    /// says of a frame whether it may still be there.
    fn add(
        &mut self,
        tag: *const c_void,
        values: usize,
        is_alive: impl Fn(usize) -> bool,
    ) -> *mut abi::Exception {
        if let Some(consumed) = self.consumed.take() {
            self.release(consumed);
        }
        if self.live() >= self.limit && !self.anywhere {
            self.sweep(is_alive);
        }
        let len = 1 + values;
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.objects.push(Object {
                    slots: Object::allocate(len),
                    state: Cell::new(State::Free),
                });
                u32::try_from(self.objects.len() - 1).expect("fewer than 2³² exceptions")
            }
        };
        let object = &mut self.objects[number as usize];
        if object.slots.len() != len {
            *object = Object {
                slots: Object::allocate(len),
                state: Cell::new(State::Free),
            };
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

    fn sweep(&mut self, is_alive: impl Fn(usize) -> bool) {
        for number in 0..self.objects.len() as u32 {
            if let State::Held(frame) = self.objects[number as usize].state.get()
                && !is_alive(frame)
            {
                self.release(number);
            }
        }
        self.limit = (2 * self.live()).max(Exceptions::FEW);
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

    /// What becomes of an exception that a frame catches; of none, if an entry ends
    /// with it.
    fn caught(&mut self, number: u32, frame: usize, keeps: bool) {
        let state = &self.objects[number as usize].state;
        match (state.get(), keeps) {
            (State::Kept | State::Free, _) => {}
            (State::Fresh, true) => state.set(State::Held(frame)),
            (State::Held(oldest), true) => state.set(State::Held(oldest.max(frame))),
            // All frames that had it are gone.
            (State::Held(oldest), false) if oldest >= frame || self.anywhere => {}
            (State::Fresh | State::Held(_), false) => self.consumed = Some(number),
        }
    }
}

impl Object {
    fn allocate(len: usize) -> NonNull<[Slot]> {
        NonNull::from(Box::leak(vec![Slot::ZERO; len].into_boxed_slice()))
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
        // SAFETY: leaked by `allocate`; nobody refers to it any more.
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
    pub(crate) fn tag_type(&self, tag: Tag) -> &TagType {
        &self.tag(tag).ty
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
    /// A module whose functions, globals, tables or tags take, return or hold
    /// references has come.
    pub(super) fn references_are_anywhere(&mut self) {
        self.exceptions.anywhere = true;
    }

    /// An exception without its values, for code whose frames are above `sp`.
    pub(in super::super) fn new_exception(&mut self, tag: Tag, sp: usize) -> *mut abi::Exception {
        let (address, values) = (self.tag_address(tag), self.tag_type(tag).params().len());
        let entry = self.context.entry.cast_const();
        let is_alive = |frame: usize| {
            let (mut low, mut entry) = (sp, entry);
            // SAFETY: the records of all entries that are running are on the stack,
            // linked from young to old. Between the frame that an entry has been left
            // by and its own are those that are alive.
            while let Some(record) = unsafe { entry.as_ref() } {
                if (low..=record.fp.addr()).contains(&frame) {
                    return true;
                }
                (low, entry) = (record.exit_fp.addr(), record.previous.cast_const());
            }
            false
        };
        self.exceptions.add(address, values, is_alive)
    }

    /// A frame goes on with an exception.
    ///
    /// # Safety
    ///
    /// It is one of ours.
    pub(in super::super) unsafe fn catch(
        &mut self,
        exception: *const abi::Exception,
        frame: usize,
        keeps: bool,
    ) {
        // SAFETY: the caller says so.
        let number = unsafe { Exceptions::number(exception) };
        self.exceptions.caught(number, frame, keeps);
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
        self.exceptions.caught(number, usize::MAX, false);
        value
    }

    /// An exception as compiled code has them, to be thrown in a frame at `sp`.
    ///
    /// # Panics
    ///
    /// If the exception belongs to another store.
    pub(in super::super) fn materialise(
        &mut self,
        value: &Exception,
        sp: usize,
    ) -> *mut abi::Exception {
        let exception = self.new_exception(value.tag(), sp);
        // SAFETY: just made.
        let number = unsafe { Exceptions::number(exception) };
        let to = self.exceptions.objects[number as usize].values();
        let types = self.tag_type(value.tag()).params().iter();
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
        let types = self.tag_type(tag).params();
        let count = values.len();
        assert_eq!(types.len(), count, "the tag is for as many values");
        for (&value, &ty) in values.iter().zip(types) {
            // Panics if it does not fit.
            value.to_slot(ty, self);
        }
        Exception::of(tag, self.tag_name(tag), values)
    }

    pub(crate) fn keep_exception(&mut self, value: &Exception) -> ExnRef {
        let here = 0u8;
        let exception = self.materialise(value, (&raw const here).addr());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn number(exception: *mut abi::Exception) -> u32 {
        // SAFETY: the tests take what they have made.
        unsafe { Exceptions::number(exception) }
    }

    #[test]
    fn what_is_consumed_is_used_again() {
        let mut all = Exceptions::default();
        for _ in 0..1000 {
            let exception = all.add(std::ptr::null(), 3, |_| true);
            all.caught(number(exception), 100, false);
        }
        assert!(all.objects.len() <= 2);
    }

    #[test]
    fn what_frames_hold_lives_as_long_as_they() {
        let mut all = Exceptions::default();
        let held = number(all.add(std::ptr::null(), 0, |_| true));
        all.caught(held, 5000, true);
        for frame in 0..1000 {
            let exception = number(all.add(std::ptr::null(), 1, |frame| frame >= 5000));
            all.caught(exception, frame, true);
        }
        assert!(all.live() <= 2 * Exceptions::FEW);
        assert_eq!(all.objects[held as usize].state.get(), State::Held(5000));
        // Thrown on, to a frame further out.
        all.caught(held, 6000, false);
        assert_eq!(all.consumed, Some(held));
    }

    #[test]
    fn where_references_can_be_anywhere_they_stay() {
        let mut all = Exceptions {
            anywhere: true,
            ..Exceptions::default()
        };
        for _ in 0..1000 {
            let exception = number(all.add(std::ptr::null(), 1, |_| false));
            all.caught(exception, 10, true);
            all.caught(exception, 20, false);
        }
        assert_eq!(all.live(), 1000);
    }
}
