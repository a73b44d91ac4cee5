//! Every record of the metadata, table by table.

use std::cell::RefCell;

use wasm_aot_abi::{
    CustomSection, DataMode, DataSegment, Descriptor, ElementItems, ElementMode, ElementSegment,
    Export, ExternKind, ExternType, FuncRef, Function, FunctionImport, FunctionName, Global,
    HeapType, Import, Inlined, Memory, MemorySlot, NONE, Required, Table, TableDef, Tag,
    Trampoline, TrampolineKind, ValType, VmContext,
};

use super::super::description::memory_type;
use super::super::metadata::Records;
use super::types::Types;
use super::{Block, damaged, ensure};
use crate::OpenError;

pub(super) type Result<T = ()> = std::result::Result<T, OpenError>;

/// Checks all tables of records.
pub(super) fn check(block: &Block<'_>, descriptor: &Descriptor) -> Result {
    let mut checker = Checker::new(block, descriptor)?;
    checker.names()?;
    checker.types()?;
    checker.imports()?;
    checker.functions()?;
    checker.inlined()?;
    checker.trampolines()?;
    checker.funcrefs()?;
    checker.tables()?;
    checker.memories()?;
    checker.globals()?;
    checker.tags()?;
    checker.guarded_calls()?;
    checker.exports()?;
    checker.elements()?;
    checker.data()?;
    checker.start()?;
    checker.places()
}

/// What has been checked so far.
pub(super) struct Checker<'a> {
    pub(super) block: &'a Block<'a>,
    pub(super) descriptor: &'a Descriptor,
    pub(super) types: Types<'a>,
    imports: Records<'a, Import>,
    pub(super) functions: Records<'a, Function>,
    pub(super) funcrefs: Records<'a, u32>,
    tables: Records<'a, Table>,
    memories: Records<'a, Memory>,
    pub(super) globals: Records<'a, Global>,
    /// Types of imported functions.
    imported_functions: Vec<u32>,
    imported_tables: u32,
    imported_memories: u32,
    /// Types of imported globals, and whether they are mutable.
    pub(super) imported_globals: Vec<(ValType, bool)>,
    pub(super) imported_tags: u32,
    pub(super) tags: Records<'a, Tag>,
    /// For each type, the kinds of trampolines that there are: bit 1 << kind.
    trampolines: Vec<u8>,
    /// Start and end of what is in the vmctx.
    places: RefCell<Vec<(u64, u64)>>,
}

impl<'a> Checker<'a> {
    fn new(block: &'a Block<'a>, descriptor: &'a Descriptor) -> Result<Checker<'a>> {
        let types = Types::new(block, descriptor)?;
        Ok(Checker {
            block,
            descriptor,
            trampolines: vec![0; types.len()],
            types,
            imports: block.records(descriptor.imports, "the imports")?,
            functions: block.records(descriptor.functions, "the functions")?,
            funcrefs: block.records(descriptor.funcrefs, "the function references")?,
            tables: block.records(descriptor.tables, "the tables")?,
            memories: block.records(descriptor.memories, "the memories")?,
            globals: block.records(descriptor.globals, "the globals")?,
            imported_functions: Vec::new(),
            imported_tables: 0,
            imported_memories: 0,
            imported_globals: Vec::new(),
            imported_tags: 0,
            tags: block.records(descriptor.tags, "the tags")?,
            places: RefCell::default(),
        })
    }

    fn names(&self) -> Result {
        let Descriptor {
            name,
            producer,
            options,
            ..
        } = *self.descriptor;
        self.block.text(name, "the module's name")?;
        self.block.text(producer, "the producer's name")?;
        self.block.text(options, "the options")?;
        let sections = self.descriptor.custom_sections;
        for section in self
            .block
            .records::<CustomSection>(sections, "the custom sections")?
        {
            self.block
                .text(section.name, "the name of a custom section")?;
            self.block
                .records::<[u8; 1]>(section.bytes, "a custom section")?;
        }
        Ok(())
    }

    fn types(&self) -> Result {
        let offset = self.descriptor.vmctx.type_ids;
        let size = self.types.len() as u64 * 4;
        self.slot(offset, size, 4, "the type ids")
    }

    fn imports(&mut self) -> Result {
        for (index, import) in self.imports.clone().enumerate() {
            let what = &Nth("import", index);
            self.block
                .text(import.module, "the namespace of an import")?;
            self.block.text(import.name, "the name of an import")?;
            let (size, align) = match self.extern_type(&import.ty, what)? {
                ExternKind::Func => {
                    self.imported_functions.push(import.ty.ty);
                    (size_of::<FunctionImport>(), 8)
                }
                ExternKind::Table => {
                    self.imported_tables += 1;
                    (8, 8)
                }
                ExternKind::Memory => {
                    self.imported_memories += 1;
                    (size_of::<MemorySlot>(), 8)
                }
                ExternKind::Global => {
                    let mutable = import.ty.flags & ExternType::MUTABLE != 0;
                    let ty = ValType(import.ty.ty);
                    self.imported_globals.push((ty, mutable));
                    (8, 8)
                }
                ExternKind::Tag => {
                    self.imported_tags += 1;
                    (8, 8)
                }
            };
            self.slot(import.slot, size as u64, align, what)?;
        }
        Ok(())
    }

    fn functions(&self) -> Result {
        let sites = self.descriptor.sites;
        self.block.records::<[u8; 1]>(sites, "the sites")?;
        // There are thousands of functions, and mostly nothing is wrong with them: what
        // is wrong is asked only of those where something is.
        let (mut code, mut site) = (0, 0);
        for (index, function) in self.functions.clone().enumerate() {
            let end = u64::from(function.code) + u64::from(function.size);
            let sound = (function.code >= code)
                & (function.size > 0)
                & (end <= self.descriptor.text_size)
                & ((function.ty as usize) < self.types.len())
                & (function.sites >= site)
                & (function.sites <= sites.count);
            if !sound {
                return Err(self.problem(&Nth("function", index), &function, code));
            }
            // In the text, which is smaller than 4 GiB.
            (code, site) = (end as u32, function.sites);
        }
        let count = self.function_count()?;
        let mut next = 0;
        let names = self.descriptor.function_names;
        for record in self
            .block
            .records::<FunctionName>(names, "the function names")?
        {
            let what = "the name of a function";
            let expected = record.index >= next && record.index < count;
            ensure(expected, what, "its index is wrong")?;
            next = record.index + 1;
            // Whether it is UTF-8 is looked at by who reads it.
            let end = u64::from(record.name.offset) + u64::from(record.name.len);
            let inside = end <= self.block.bytes.len() as u64;
            ensure(inside, what, "it ends behind the metadata")?;
        }
        Ok(())
    }

    /// That calls which code is inlined at are in its function, behind all of it: so who
    /// goes from one to the next gets to the end.
    fn inlined(&self) -> Result {
        let what = "an inlined call";
        let slice = self.descriptor.inlined;
        let inlined: Records<'_, Inlined> = self.block.records(slice, "the inlined calls")?;
        let nothing = |code| Inlined { code, caller: NONE };
        let mut functions = self.functions.clone();
        // The end of the function that the last one is in.
        let (mut end, mut last) = (0, nothing(0));
        for next in inlined.chain([nothing(NONE)]) {
            let is_call = last.caller != NONE && last.caller != 0;
            let sound = !is_call || next.code < last.caller && last.caller <= end;
            ensure(sound && last.code <= next.code, what, "it is impossible")?;
            while end <= next.code
                && let Some(function) = functions.next()
            {
                end = function.code + function.size;
            }
            last = next;
        }
        Ok(())
    }

    /// What is wrong with a function, if those before end at `code`.
    fn problem(&self, what: &Nth, function: &Function, code: u32) -> OpenError {
        let check = || {
            ensure(function.code >= code, what, "it overlaps the one before")?;
            ensure(function.size > 0, what, "it has no code")?;
            self.text(function.code, function.size, what)?;
            self.type_index(function.ty, what)
        };
        check()
            .err()
            .unwrap_or_else(|| damaged(what, "its sites are out of range"))
    }

    fn trampolines(&mut self) -> Result {
        let slice = self.descriptor.trampolines;
        let trampolines = self.block.records::<Trampoline>(slice, "the trampolines")?;
        for (index, trampoline) in trampolines.enumerate() {
            let what = &Nth("trampoline", index);
            let kind = TrampolineKind::try_from(trampoline.kind).map_err(unknown(what))?;
            self.type_index(trampoline.ty, what)?;
            ensure(trampoline.size > 0, what, "it has no code")?;
            self.text(trampoline.code, trampoline.size, what)?;
            self.trampolines[trampoline.ty as usize] |= 1 << kind as u32;
        }
        for (index, &ty) in self.imported_functions.iter().enumerate() {
            let what = Nth("imported function", index);
            let exit = self.has_trampoline(ty, TrampolineKind::Exit);
            ensure(exit, what, "there is no exit trampoline for its type")?;
        }
        Ok(())
    }

    fn funcrefs(&self) -> Result {
        let size = self.funcrefs.len() as u64 * size_of::<FuncRef>() as u64;
        let offset = self.descriptor.vmctx.funcrefs;
        self.slot(offset, size, 8, "the function references")?;
        let count = self.function_count()?;
        let mut next = 0;
        for (slot, index) in self.funcrefs.clone().enumerate() {
            let what = &Nth("function reference", slot);
            ensure(index >= next && index < count, what, "its index is wrong")?;
            next = index + 1;
            let entry = self.has_trampoline(self.function_type(index), TrampolineKind::Entry);
            ensure(entry, what, "there is no entry trampoline for its type")?;
        }
        Ok(())
    }

    fn tables(&self) -> Result {
        for (index, table) in self.tables.clone().enumerate() {
            let what = &Nth("table", index);
            let kind = self.extern_type(&table.ty, what)?;
            ensure(kind == ExternKind::Table, what, "its type is not a table's")?;
            if table.def != NONE {
                self.slot(table.def, size_of::<TableDef>() as u64, 8, what)?;
            }
            self.expr(&table.init, ValType(table.ty.ty), self.globals.len(), what)?;
        }
        Ok(())
    }

    fn memories(&self) -> Result {
        let reservation = self.descriptor.tunables.memory_reservation;
        for (index, memory) in self.memories.clone().enumerate() {
            let what = &Nth("memory", index);
            let kind = self.extern_type(&memory.ty, what)?;
            ensure(
                kind == ExternKind::Memory,
                what,
                "its type is not a memory's",
            )?;
            self.slot(memory.slot, size_of::<MemorySlot>() as u64, 8, what)?;
            // One with 64-bit addresses has address space of its own.
            let large = memory.ty.flags & ExternType::ADDRESS64 != 0;
            ensure(
                large || size(&memory.ty) <= reservation,
                what,
                "it is larger than its address space",
            )?;
        }
        let Descriptor {
            image_size,
            image_offset,
            ..
        } = *self.descriptor;
        if image_size > 0 {
            let own = self.imported_memories == 0;
            let size = self
                .memories
                .get(0)
                .filter(|_| own)
                .map_or(0, |memory| size(&memory.ty));
            let end = image_offset.checked_add(image_size);
            let fits = end.is_some_and(|end| end <= size);
            ensure(fits, "the memory image", "it is larger than the memory")?;
        }
        Ok(())
    }

    fn globals(&self) -> Result {
        for (index, global) in self.globals.clone().enumerate() {
            let what = &Nth("global", index);
            self.types.check(global.ty, what)?;
            ensure(global.mutable <= 1, what, "its mutability is unknown")?;
            let size = global.ty.global_size();
            self.slot(global.slot, size.into(), size, what)?;
            self.expr(&global.init, global.ty, index, what)?;
        }
        Ok(())
    }

    fn exports(&self) -> Result {
        let exports = self
            .block
            .records::<Export>(self.descriptor.exports, "the exports")?;
        for (index, export) in exports.enumerate() {
            let what = &Nth("export", index);
            self.block.text(export.name, "the name of an export")?;
            let kind = ExternKind::try_from(export.kind).map_err(unknown(what))?;
            match kind {
                ExternKind::Func => {
                    // Among the references, so among the functions.
                    let position = self.funcrefs.partition_point(|&ty| ty < export.index);
                    let found = self.funcrefs.get(position) == Some(export.index);
                    ensure(found, what, "its function has no reference")?;
                }
                ExternKind::Table => {
                    let def = self.table(export.index, what)?.map(|table| table.def);
                    ensure(
                        def != Some(NONE),
                        what,
                        "its table exists only as constants",
                    )?;
                }
                ExternKind::Memory => self.memory(export.index, what)?,
                ExternKind::Global => {
                    let count = self.imported_globals.len() + self.globals.len();
                    ensure((export.index as usize) < count, what, "its index is wrong")?;
                }
                ExternKind::Tag => {
                    let known = export.index < self.tag_count();
                    ensure(known, what, "its index is wrong")?;
                }
            }
            if export.symbol != NONE {
                self.text(export.symbol, 1, what)?;
            }
        }
        Ok(())
    }

    fn elements(&self) -> Result {
        let elements = self.descriptor.elements;
        let elements = self
            .block
            .records::<ElementSegment>(elements, "the element segments")?;
        for (index, segment) in elements.enumerate() {
            let what = &Nth("element segment", index);
            let mode = ElementMode::try_from(segment.mode).map_err(unknown(what))?;
            self.types.check(segment.ty, what)?;
            let reference = segment.ty.is_reference();
            ensure(reference, what, "its type is not a reference type")?;
            if matches!(mode, ElementMode::Active | ElementMode::InText) {
                let table = self.table(segment.table, what)?;
                let constant = table.is_some_and(|table| table.def == NONE);
                let expected = mode == ElementMode::InText;
                ensure(constant == expected, what, "its mode is not its table's")?;
                let ty = self.table_type(segment.table);
                let matches = self.types.matches(segment.ty, ValType(ty.ty));
                ensure(matches, what, "its type is not its table's")?;
                if mode == ElementMode::Active {
                    self.expr(&segment.offset, address(&ty), self.globals.len(), what)?;
                }
            }
            match ElementItems::try_from(segment.encoding).map_err(unknown(what))? {
                ElementItems::Slots => {
                    let any = segment.ty == ValType::FUNCREF;
                    let mut items = self
                        .block
                        .records::<u32>(segment.items, "an element segment")?;
                    let fit = items.all(|slot| match slot {
                        NONE => segment.ty.is_nullable(),
                        _ if any => (slot as usize) < self.funcrefs.len(),
                        _ => self.is_function(slot, segment.ty),
                    });
                    ensure(fit, what, "an item is no function reference")?;
                }
                ElementItems::Exprs => {
                    let items = self.block.records(segment.items, "an element segment")?;
                    for item in items {
                        self.expr(&item, segment.ty, self.globals.len(), what)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn data(&self) -> Result {
        let segments = self
            .block
            .records::<DataSegment>(self.descriptor.data, "the data segments")?;
        for (index, segment) in segments.enumerate() {
            let what = &Nth("data segment", index);
            let mode = DataMode::try_from(segment.mode).map_err(unknown(what))?;
            if mode == DataMode::Active {
                self.memory(segment.memory, what)?;
                let ty = address(&self.memory_type(segment.memory));
                self.expr(&segment.offset, ty, self.globals.len(), what)?;
            }
            self.block
                .records::<[u8; 1]>(segment.bytes, "a data segment")?;
        }
        Ok(())
    }

    fn start(&self) -> Result {
        let what = "the start function";
        let start = self.descriptor.start;
        if start == NONE {
            return Ok(());
        }
        ensure(start < self.function_count()?, what, "its index is wrong")?;
        let index = self.function_type(start);
        let ty = self.types.at(index);
        ensure(
            ty.params.count == 0 && ty.results.count == 0,
            what,
            "it is not of type (func)",
        )?;
        // An imported one comes with an entry of its own.
        let imported = (start as usize) < self.imported_functions.len();
        let entry = self.has_trampoline(index, TrampolineKind::Entry);
        ensure(
            imported || entry,
            what,
            "there is no entry trampoline for its type",
        )
    }

    /// A memory that threads share.
    fn shared(&self, ty: &ExternType, what: &Nth) -> Result {
        let bounded = ty.maximum().is_some();
        ensure(bounded, what, "it is shared and has no maximum")?;
        let required = Required(self.descriptor.required);
        let told = required.contains(Required::SHARED_MEMORIES);
        ensure(
            told,
            what,
            "it is shared, which the artefact does not require",
        )
    }

    /// A type in the type section or of something that is not a function.
    fn extern_type(&self, ty: &ExternType, what: &Nth) -> Result<ExternKind> {
        let kind = ExternKind::try_from(ty.kind).map_err(unknown(what))?;
        let known = match kind {
            ExternKind::Func | ExternKind::Tag => 0,
            ExternKind::Table => ExternType::HAS_MAX | ExternType::ADDRESS64,
            ExternKind::Memory => ExternType::HAS_MAX | ExternType::ADDRESS64 | ExternType::SHARED,
            ExternKind::Global => ExternType::MUTABLE,
        };
        ensure(ty.flags & !known == 0, what, "its flags are unknown")?;
        match kind {
            ExternKind::Func => self.type_index(ty.ty, what)?,
            ExternKind::Global => self.types.check(ValType(ty.ty), what)?,
            ExternKind::Tag => self.tag_type(ty.ty, what)?,
            ExternKind::Table => {
                self.types.check(ValType(ty.ty), what)?;
                ensure(
                    ValType(ty.ty).is_reference(),
                    what,
                    "it does not hold references",
                )?;
                let max = match ty.flags & ExternType::ADDRESS64 {
                    0 => u64::from(u32::MAX),
                    _ => u64::MAX,
                };
                let fits = ty.min <= max && ty.maximum().is_none_or(|m| m >= ty.min && m <= max);
                ensure(fits, what, "its limits are impossible")?;
            }
            ExternKind::Memory => {
                if ty.flags & ExternType::SHARED != 0 {
                    self.shared(ty, what)?;
                }
                ensure(
                    matches!(ty.ty, 0 | 16),
                    what,
                    "its pages are of an impossible size",
                )?;
                let max = memory_type(ty).max_pages();
                let fits = ty.min <= max && ty.maximum().is_none_or(|m| m >= ty.min && m <= max);
                ensure(fits, what, "its limits are impossible")?;
            }
        }
        Ok(kind)
    }

    /// Whether the function reference in a slot is of type `ty`.
    pub(super) fn is_function(&self, slot: u32, ty: ValType) -> bool {
        let index = self.funcrefs.get(slot as usize);
        index.is_some_and(|index| {
            let function = self.function_type(index);
            let found = ValType::reference(false, HeapType::Function, function);
            self.types.matches(found, ty)
        })
    }

    /// A range of the vmctx behind its header.
    pub(super) fn slot(
        &self,
        offset: u32,
        size: u64,
        align: u32,
        what: impl std::fmt::Display,
    ) -> Result {
        let end = u64::from(offset) + size;
        let inside = offset as usize >= size_of::<VmContext>()
            && end <= u64::from(self.descriptor.vmctx.size)
            && offset.is_multiple_of(align);
        ensure(size == 0 || inside, what, "its place in the vmctx is wrong")?;
        if size > 0 {
            self.places.borrow_mut().push((offset.into(), end));
        }
        Ok(())
    }

    /// What is in the vmctx does not overlap: we write one thing and believe what
    /// we read of another.
    fn places(&self) -> Result {
        let mut places = self.places.borrow_mut();
        places.sort_unstable();
        let apart = places.is_sorted_by(|before, after| before.1 <= after.0);
        ensure(apart, "the vmctx", "two things in it overlap")
    }

    /// A range of the text; its end.
    fn text(&self, offset: u32, size: u32, what: &Nth) -> Result<u32> {
        let end = offset.checked_add(size);
        let end = end.filter(|&end| u64::from(end) <= self.descriptor.text_size);
        end.ok_or_else(|| damaged(what, "its code is not in the text"))
    }

    pub(super) fn type_index(&self, index: u32, what: impl std::fmt::Display) -> Result {
        let known = (index as usize) < self.types.len();
        ensure(known, what, "its type does not exist")
    }

    fn has_trampoline(&self, ty: u32, kind: TrampolineKind) -> bool {
        self.trampolines[ty as usize] & 1 << kind as u32 != 0
    }

    fn function_count(&self) -> Result<u32> {
        let count = self.imported_functions.len() + self.functions.len();
        u32::try_from(count).map_err(|_| damaged("the functions", "there are too many"))
    }

    /// The type of a function that exists.
    fn function_type(&self, index: u32) -> u32 {
        let imported = self.imported_functions.len();
        match self.imported_functions.get(index as usize) {
            Some(&ty) => ty,
            None => self.functions.at(index - imported as u32).ty,
        }
    }

    /// A table by its index; `None` if it is imported.
    fn table(&self, index: u32, what: &Nth) -> Result<Option<Table>> {
        let Some(own) = index.checked_sub(self.imported_tables) else {
            return Ok(None);
        };
        let table = self.tables.get(own as usize);
        table
            .map(Some)
            .ok_or_else(|| damaged(what, "its table does not exist"))
    }

    /// The type of a table that exists.
    fn table_type(&self, index: u32) -> ExternType {
        match index.checked_sub(self.imported_tables) {
            Some(own) => self.tables.at(own).ty,
            None => self.imported_type(ExternKind::Table, index),
        }
    }

    /// The type of a memory that exists.
    fn memory_type(&self, index: u32) -> ExternType {
        match index.checked_sub(self.imported_memories) {
            Some(own) => self.memories.at(own).ty,
            None => self.imported_type(ExternKind::Memory, index),
        }
    }

    /// The type of the import of a kind that has an index.
    fn imported_type(&self, kind: ExternKind, index: u32) -> ExternType {
        let is_kind = |import: &Import| import.ty.kind == kind as u32;
        let mut imports = self.imports.clone().filter(is_kind);
        imports.nth(index as usize).expect("the import exists").ty
    }

    fn memory(&self, index: u32, what: &Nth) -> Result {
        let count = self.imported_memories as usize + self.memories.len();
        ensure((index as usize) < count, what, "its memory does not exist")
    }
}

/// The type of the addresses of a memory or table.
fn address(ty: &ExternType) -> ValType {
    match ty.flags & ExternType::ADDRESS64 {
        0 => ValType::I32,
        _ => ValType::I64,
    }
}

/// The first size of a memory in bytes.
fn size(ty: &ExternType) -> u64 {
    ty.min.saturating_mul(1 << ty.ty)
}

pub(super) fn unknown(what: &Nth) -> impl FnOnce(u32) -> OpenError {
    move |number| damaged(what, &format!("the number {number} stands for nothing"))
}

/// A record by its position, for messages.
pub(super) struct Nth(pub(super) &'static str, pub(super) usize);

impl std::fmt::Display for Nth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}
