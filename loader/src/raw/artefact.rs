//! An open artefact: mapped code, checked metadata, and what is looked up often
//! enough to be kept.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
#[cfg(feature = "lines")]
use std::sync::OnceLock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use wasm_aot_abi::sites::{Decoder, Site};
use wasm_aot_abi::{
    self as abi, Export, ExternKind, GuardedCall, NONE, Required, TrampolineKind, TrapCode,
};

use super::checked;
use super::description::Description;
use super::map::{Anonymous, Identity, Mapping};
use super::memory::Image;
use super::metadata::Metadata;
use super::reservation::Pool;
use super::verify::check_host;
#[cfg(feature = "lines")]
use crate::{FrameSymbol, lines::Lines};
use crate::{FuncType, OpenError, OpenOptions, Seal, Verify};

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Artefact {
    /// Borrows from `mapping`; handed out for no longer than `self` lives.
    description: Description,
    /// The ids of `types`, as the vmctx wants them.
    type_ids: Box<[u32]>,
    /// For each type, the text offset of an entry trampoline, or [`NONE`].
    entries: Box<[u32]>,
    /// For each type, the text offset of an exit trampoline, or [`NONE`].
    exits: Box<[u32]>,
    memory_export: Option<u32>,
    /// For each tag, its slot in the vmctx.
    tag_slots: Box<[u32]>,
    /// Whether references to exceptions can be elsewhere than on the stack.
    passes_exceptions: bool,
    text: Text,
    /// For each memory of its instances.
    pools: Box<[Arc<Pool>]>,
    /// What it was opened from; `None` if that is its own.
    source: Option<Source>,
    /// Its debug information, once somebody has asked for it.
    #[cfg(feature = "lines")]
    lines: OnceLock<Option<Lines>>,
    mapping: ManuallyDrop<Mapping>,
}

/// What code reads in front of to see whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GateOf {
    /// Memory 0, which is the store's.
    Memory,
    /// The vmctx.
    Vmctx,
}

/// Where the machine code is.
#[derive(Clone, Copy, Debug)]
struct Text {
    start: *const u8,
    size: usize,
}

// SAFETY: it is an address of memory that is never written.
unsafe impl Send for Text {}
// SAFETY: as above.
unsafe impl Sync for Text {}

/// What an artefact was opened from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A file that is mapped itself, and whether its digest was checked.
    File(Identity, bool),
    /// A copy of any file that has this seal, whose digest was checked: so a copy of
    /// any file with the same content.
    Content(Seal),
    /// A descriptor in memory, by its address.
    Memory(usize),
}

impl Source {
    /// Whether both are the same thing, though it may have changed since.
    fn is(&self, other: &Source) -> bool {
        match (self, other) {
            (Source::File(one, checked), Source::File(other, other_checked)) => {
                one.file == other.file && checked == other_checked
            }
            _ => self == other,
        }
    }
}

/// Artefacts that are open. To be looked through: the dynamic linker does the same with
/// names whenever it loads a library.
type Registry = Vec<(Source, Weak<Artefact>)>;

/// Locked while an artefact is loaded or unloaded, so that the names that the
/// dynamic linker has do not change meanwhile.
fn registry() -> MutexGuard<'static, Registry> {
    static REGISTRY: Mutex<Registry> = Mutex::new(Vec::new());
    // It is never left half changed.
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Artefact {
    /// Opens a file, or shares the artefact if that file is open already.
    pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<Arc<Artefact>, OpenError> {
        let failed = |source| OpenError::Read {
            path: path.to_owned(),
            source,
        };
        // Opening a named pipe would wait for its other end; for a regular file
        // the flag means nothing.
        let mut flags = File::options();
        let flags = flags.read(true).custom_flags(libc::O_NONBLOCK);
        let file = flags.open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(io::Error::other("not a regular file")));
        }
        let checked = match options.how() {
            Verify::Full => {
                let name = path.file_name().unwrap_or_default();
                let copy = Anonymous::of_file(name, &file, metadata.len())?;
                let seal = check(&copy, options)?;
                let map = || Mapping::of_anonymous(copy, Some(&file));
                return Artefact::share(Source::Content(seal), Box::new(map));
            }
            Verify::Cached => {
                checked::check(&file, &metadata, options)?;
                true
            }
            Verify::TrustedPath => false,
        };
        let identity = Identity::of(&metadata);
        let map = || Mapping::open(path, file, &identity);
        Artefact::share(Source::File(identity, checked), Box::new(map))
    }

    /// Takes what is in memory already, or shares the artefact if it is open.
    ///
    /// # Safety
    ///
    /// `descriptor` is the address of a descriptor that the compiler has made, and
    /// what it is part of stays loaded as long as the artefact lives.
    pub(super) unsafe fn linked(descriptor: *const u8) -> Result<Arc<Artefact>, OpenError> {
        // SAFETY: the caller says so.
        let map = || unsafe { Mapping::linked(descriptor) };
        Artefact::share(Source::Memory(descriptor.addr()), Box::new(map))
    }

    /// The artefact that is open from `source`, or else a new one.
    fn share(
        source: Source,
        map: Box<dyn FnOnce() -> Result<Mapping, OpenError> + '_>,
    ) -> Result<Arc<Artefact>, OpenError> {
        // Declared before what may be dropped on the way out, since dropping the
        // last reference to an artefact locks the registry too.
        let open;
        {
            let mut registry = registry();
            let mut same = registry.iter().filter(|(open, _)| open.is(&source));
            open = same.find_map(|(_, artefact)| artefact.upgrade());
            if open.is_none() {
                let artefact = Arc::new(Artefact::new(map()?, Some(source))?);
                registry.push((source, Arc::downgrade(&artefact)));
                return Ok(artefact);
            }
        }
        open.filter(|open| open.source == Some(source))
            .ok_or(OpenError::Changed)
    }

    /// Opens a copy of `bytes`.
    pub(crate) fn from_bytes(
        bytes: &[u8],
        options: &OpenOptions,
    ) -> Result<Arc<Artefact>, OpenError> {
        let copy = Anonymous::of_bytes(bytes)?;
        if options.how() != Verify::TrustedPath {
            check(&copy, options)?;
        }
        let _registry = registry();
        let mapping = Mapping::of_anonymous(copy, None)?;
        Ok(Arc::new(Artefact::new(mapping, None)?))
    }

    /// What is mapped, as an artefact of its own.
    #[cfg(test)]
    pub(super) fn of_mapping(mapping: Mapping) -> Result<Arc<Artefact>, OpenError> {
        Ok(Arc::new(Artefact::new(mapping, None)?))
    }

    fn new(mut mapping: Mapping, source: Option<Source>) -> Result<Artefact, OpenError> {
        let bytes = mapping.segment(mapping.elf.descriptor);
        // SAFETY: the bytes stay where they are until `mapping` is dropped, which
        // happens after the last use of the description: it is private to an
        // `Artefact`, which hands it out borrowed and owns the mapping.
        let description = unsafe { Description::of_mapped(bytes, &mapping.elf)? };
        let metadata = description.metadata();
        let descriptor = *metadata.descriptor();
        check_host(&descriptor)?;
        if descriptor.image_size > 0 {
            let image = mapping
                .elf
                .descriptor
                .wrapping_add_signed(descriptor.image.into());
            mapping.prepare_image(image, descriptor.image_size)?;
        }
        let types = description.types();
        let mut entries = vec![NONE; types.len()];
        let mut exits = entries.clone();
        for trampoline in metadata.trampolines() {
            match TrampolineKind::try_from(trampoline.kind) {
                Ok(TrampolineKind::Entry) => entries[trampoline.ty as usize] = trampoline.code,
                Ok(TrampolineKind::Exit) => exits[trampoline.ty as usize] = trampoline.code,
                _ => {}
            }
        }
        let text = mapping
            .elf
            .descriptor
            .wrapping_add_signed(descriptor.text.into());
        let text = Text {
            start: mapping.segment(text).as_ptr(),
            size: descriptor.text_size as usize,
        };
        let mut artefact = Artefact {
            type_ids: types.iter().map(FuncType::id).collect(),
            entries: entries.into(),
            exits: exits.into(),
            memory_export: None,
            tag_slots: tag_slots(metadata),
            passes_exceptions: passes_exceptions(&description),
            text,
            pools: description
                .metadata()
                .memories()
                .map(|_| Arc::default())
                .collect(),
            description,
            source,
            #[cfg(feature = "lines")]
            lines: OnceLock::new(),
            mapping: ManuallyDrop::new(mapping),
        };
        let memory = artefact.find_export("memory");
        let memory = memory.filter(|export| export.kind == ExternKind::Memory as u32);
        artefact.memory_export = memory.map(|export| export.index);
        Ok(artefact)
    }

    pub(super) fn type_ids(&self) -> &[u32] {
        &self.type_ids
    }

    /// The index of the memory that is exported as `memory`.
    pub(crate) fn memory_export(&self) -> Option<u32> {
        self.memory_export
    }

    /// The address of code in the text.
    pub(super) fn code(&self, offset: u32) -> *const u8 {
        self.text.start.wrapping_add(offset as usize)
    }

    /// The entry trampoline for a type that has one.
    pub(super) fn entry(&self, ty: u32) -> *const u8 {
        let offset = self.entries[ty as usize];
        assert_ne!(offset, NONE, "the type can be entered");
        self.code(offset)
    }

    /// The exit trampoline for a type, by its index.
    pub(super) fn exit(&self, ty: u32) -> Option<*const u8> {
        let offset = self.exits[ty as usize];
        (offset != NONE).then(|| self.code(offset))
    }

    /// An exit trampoline for functions of a type. That for a supertype will do:
    /// values of matching types are passed in the same way.
    pub(super) fn exit_for(&self, ty: FuncType) -> Option<*const u8> {
        let mut supertypes = std::iter::successors(Some(ty), FuncType::supertype);
        supertypes.find_map(|ty| {
            let index = self.type_ids.iter().position(|&own| own == ty.id())?;
            self.exit(index as u32)
        })
    }

    /// Where in the vmctx the address is that stands for a tag.
    pub(super) fn tag_slot(&self, index: u32) -> u32 {
        self.tag_slots[index as usize]
    }

    /// A name that a tag defined here is exported under.
    pub(super) fn tag_export(&self, index: u32) -> Option<&str> {
        let mut exports = self.metadata().exports();
        let is = |export: &Export| export.kind == ExternKind::Tag as u32 && export.index == index;
        Some(self.metadata().text(exports.find(is)?.name))
    }

    /// What its code reads in front of to see whether to go on, if it reads.
    pub(super) fn gate(&self) -> Option<GateOf> {
        let metadata = self.metadata();
        let imported = metadata.imports().map(|import| import.ty);
        let own = metadata.memories().map(|memory| memory.ty);
        let is_memory = |ty: &abi::ExternType| ty.kind == ExternKind::Memory as u32;
        let reads = self.required().contains(Required::INTERRUPTION_PAGE);
        reads.then(|| match imported.filter(is_memory).chain(own).next() {
            Some(ty) if ty.flags & abi::ExternType::SHARED == 0 => GateOf::Memory,
            _ => GateOf::Vmctx,
        })
    }

    /// What its code asks of a loader.
    fn required(&self) -> Required {
        Required(self.metadata().descriptor().required)
    }

    /// Whether its code pays for what it executes.
    pub(super) fn pays(&self) -> bool {
        self.required().contains(Required::FUEL)
    }

    /// Whether its traps are faults: unless it says that they are calls.
    pub(crate) fn faults(&self) -> bool {
        let required = self.required();
        required.contains(Required::FAULTS) || !required.contains(Required::TRAP_CALLS)
    }

    /// Whether its code looks whether to go on.
    pub(super) fn can_be_interrupted(&self) -> bool {
        let required = self.required();
        required.contains(Required::INTERRUPTION) || required.contains(Required::INTERRUPTION_PAGE)
    }

    /// Whether globals, tables or tags hold references to exceptions, or functions
    /// that are of the host or called by it take or return them.
    pub(super) fn passes_exceptions(&self) -> bool {
        self.passes_exceptions
    }

    /// The call that returns to an offset in the text, if it has handlers.
    pub(super) fn guarded_call(&self, code: u32) -> Option<GuardedCall> {
        let calls = self.metadata().guarded_calls();
        let index = calls.partition_point(|call| call.code < code);
        calls.get(index).filter(|call| call.code == code)
    }

    /// The offset in the text of an address, if it is there. Fit for a signal
    /// handler, as are the look-ups below.
    pub(super) fn text_offset(&self, pc: usize) -> Option<u32> {
        let offset = pc.wrapping_sub(self.text.start.addr());
        (offset < self.text.size).then_some(offset as u32)
    }

    /// The defined function that an offset in the text is in.
    pub(super) fn function_at(&self, code: u32) -> Option<u32> {
        let functions = self.metadata().functions();
        let after = functions.partition_point(|function| function.code <= code);
        let index = after.checked_sub(1)?;
        let function = functions.get(index)?;
        (code - function.code < function.size).then_some(index as u32)
    }

    /// The defined function that starts at an offset in the text.
    pub(super) fn function_starting_at(&self, code: u32) -> Option<u32> {
        let index = self.function_at(code)?;
        (self.metadata().functions().at(index).code == code).then_some(index)
    }

    /// Why the instruction at an offset in the text traps, if it can.
    pub(super) fn trap_at(&self, code: u32) -> Option<TrapCode> {
        let function = self.function_at(code)?;
        let mut sites = self.sites(function, code);
        sites.find_map(|site| site.trap)
    }

    /// Where in the source an instruction is that traps at, or a call that
    /// returns to, an offset in the text.
    pub(crate) fn source_offset(&self, function: u32, code: u32, trap: bool) -> Option<u32> {
        let mut sites = self.sites(function, code);
        let site = sites.find(|site| site.trap.is_some() == trap)?;
        Some(site.source)
    }

    /// Where the body of a function starts in the source module.
    pub(crate) fn function_body(&self, index: u32) -> u32 {
        self.metadata().functions().at(index).body
    }

    /// The defined function whose body is at, or before, an offset in the source module.
    pub(crate) fn function_with(&self, source: u32) -> Option<u32> {
        let functions = self.metadata().functions();
        let after = functions.partition_point(|function| function.body <= source);
        after.checked_sub(1).map(|index| index as u32)
    }

    /// The sites of a function at an offset in the text.
    fn sites(&self, index: u32, code: u32) -> impl Iterator<Item = Site> {
        let functions = self.metadata().functions();
        let function = functions.at(index);
        let all = self.metadata().descriptor().sites;
        let end = functions
            .get(index as usize + 1)
            .map_or(all.count, |next| next.sites);
        let bytes = &self.metadata().bytes(all)[function.sites as usize..end as usize];
        let offset = code - function.code;
        Decoder::new(bytes, function.body)
            .skip_while(move |site| site.code < offset)
            .take_while(move |site| site.code == offset)
    }

    /// What the debug information says about the code at an offset in the text.
    #[cfg(feature = "lines")]
    pub(crate) fn symbols(&self, code: u32) -> Vec<FrameSymbol> {
        let text = self.metadata().descriptor().text;
        let text = (self.mapping.elf.descriptor).wrapping_add_signed(text.into());
        let read = || Lines::read(&self.mapping.whole_file(text, self.text.size)?);
        let lines = self.lines.get_or_init(read).as_ref();
        lines.map_or_else(Vec::new, |lines| lines.find(text + u64::from(code)))
    }

    /// The bytes of the file.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        let file = (self.mapping.file()).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                "the artefact is linked into a program",
            )
        })?;
        let size = file.metadata()?.len();
        let size = usize::try_from(size).map_err(io::Error::other)?;
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Where each memory that an instance defines comes from.
    pub(super) fn pools(&self) -> &[Arc<Pool>] {
        &self.pools
    }

    /// What memory 0 holds at first.
    pub(super) fn image(&self) -> Option<Image<'_>> {
        let descriptor = self.metadata().descriptor();
        if descriptor.image_size == 0 {
            return None;
        }
        let address = self.mapping.elf.descriptor;
        let address = address.wrapping_add_signed(descriptor.image.into());
        let (file, offset) = self.mapping.image(address);
        Some(Image {
            file,
            offset,
            bytes: &self.mapping.segment(address)[..descriptor.image_size as usize],
            at: descriptor.image_offset,
        })
    }
}

/// Checks a copy as `options` ask for.
fn check(copy: &Anonymous, options: &OpenOptions) -> Result<Seal, OpenError> {
    let seal = copy.elf().seal().ok_or(OpenError::NoDigest)?;
    seal.check_digest(copy.bytes())?;
    options.check_signer(&seal)?;
    Ok(seal)
}

/// Slots of all tags, imports first.
fn tag_slots(metadata: &Metadata<'_>) -> Box<[u32]> {
    // Most modules have none.
    let defined = metadata.tags().map(|tag| tag.slot);
    let imported = (metadata.imports())
        .filter(|import| import.ty.kind == ExternKind::Tag as u32)
        .map(|import| import.slot);
    imported.chain(defined).collect()
}

/// See [`Artefact::passes_exceptions`].
fn passes_exceptions(description: &Description) -> bool {
    let metadata = description.metadata();
    let required = Required(metadata.descriptor().required);
    if !required.contains(Required::EXCEPTIONS) {
        return false;
    }
    let holds = |ty: &abi::ValType| ty.is_exception();
    let in_type = |index: u32| {
        let ty = metadata.types().at(index);
        [ty.params, ty.results]
            .into_iter()
            .any(|list| metadata.records::<abi::ValType>(list).any(|ty| holds(&ty)))
    };
    let in_import = |import: abi::Import| match ExternKind::try_from(import.ty.kind) {
        Ok(ExternKind::Tag) => in_type(import.ty.ty),
        Ok(ExternKind::Table | ExternKind::Global) => holds(&abi::ValType(import.ty.ty)),
        _ => false,
    };
    metadata.imports().any(in_import)
        || metadata
            .trampolines()
            .any(|trampoline| in_type(trampoline.ty))
        || metadata.tags().any(|tag| in_type(tag.ty))
        || metadata.globals().any(|global| holds(&global.ty))
        || (metadata.tables()).any(|table| holds(&abi::ValType(table.ty.ty)))
}

impl Deref for Artefact {
    type Target = Description;

    fn deref(&self) -> &Description {
        &self.description
    }
}

impl Drop for Artefact {
    fn drop(&mut self) {
        let mut registry = registry();
        if self.source.is_some() {
            registry.retain(|(_, open)| open.strong_count() > 0);
        }
        // SAFETY: it is not used after this.
        unsafe { ManuallyDrop::take(&mut self.mapping) }.unload();
    }
}
