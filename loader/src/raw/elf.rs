//! What an artefact is as an ELF file, checked against a list of what may be in
//! it, before the dynamic linker sees it.
//!
//! The list is short because an artefact is: a few read-only segments, a
//! dynamic symbol table with its hash tables, and nothing that would make the
//! dynamic linker run or write anything. A file that passes can be loaded
//! without consequences, so that the rest (see [`verify`](super::verify)) is
//! checked in the very bytes that are used later.

use object::LittleEndian as LE;
use object::elf;
use object::pod;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, Sym};
use wasm_aot_abi::{self as abi, DESCRIPTOR_SYMBOL, SEAL_NOTE_NAME, SEAL_NOTE_TYPE, Target, Wire};

use super::arch::HOST;
use crate::{OpenError, Seal};

type Header = elf::FileHeader64<LE>;
type Symbol = elf::Sym64<LE>;

/// Addresses in a file are below this, so that sums of a few cannot overflow.
const ADDRESS_LIMIT: u64 = 1 << 46;

/// The note, in words, which says that the code has landing pads for indirect branches: how
/// long its name, "GNU", and the rest of it are, its type, the name; a property, how
/// long that is, its value, and padding.
const BTI_NOTE: [u32; 8] = [
    4,
    16,
    elf::NT_GNU_PROPERTY_TYPE_0,
    u32::from_le_bytes(*b"GNU\0"),
    elf::GNU_PROPERTY_AARCH64_FEATURE_1_AND,
    4,
    elf::GNU_PROPERTY_AARCH64_FEATURE_1_BTI,
    0,
];

/// What was found.
#[derive(Debug)]
pub(crate) struct Elf {
    /// Address of the descriptor in the file.
    pub(super) descriptor: u64,
    /// The machine that it is for.
    pub(super) target: Target,
    /// What the file can be checked with, if it is a file and has that.
    seal: Option<Seal>,
    /// Whether it says that all of its code has landing pads.
    pub(super) landing_pads: bool,
    /// What is mapped, ascending, without overlap, each in the file.
    segments: Vec<Segment>,
}

/// A range of the file that is mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// Address in the file.
    pub(super) address: u64,
    /// Where its bytes are in the file.
    pub(super) offset: u64,
    /// Bytes, in the file and in memory.
    pub(super) size: u64,
    pub(super) executable: bool,
}

impl Elf {
    /// The segment that holds the range as a whole.
    pub(super) fn segment(&self, address: u64, size: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| {
            address >= segment.address
                && size <= segment.size
                && address - segment.address <= segment.size - size
        })
    }

    /// What is mapped, ascending.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// What the file can be checked with.
    pub(crate) fn seal(&self) -> Option<Seal> {
        self.seal
    }

    /// Refuses a file for another machine than this one.
    pub(super) fn for_host(self) -> Result<Elf, OpenError> {
        if self.target == HOST {
            Ok(self)
        } else {
            Err(OpenError::ForeignTarget {
                found: self.target.to_string(),
                host: HOST.triple(),
            })
        }
    }

    /// What `file`, which this was read from, has from the descriptor to the end of
    /// its segment.
    pub(super) fn metadata<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        let segment = self.segment(self.descriptor, 1);
        let segment = segment.expect("the descriptor is in a segment");
        let start = self.descriptor - segment.address;
        &file[(segment.offset + start) as usize..][..(segment.size - start) as usize]
    }

    /// What the dynamic linker has loaded, with a descriptor in it.
    pub(super) fn loaded(descriptor: u64, segments: Vec<Segment>) -> Elf {
        Elf {
            descriptor,
            target: HOST,
            seal: None,
            // What that says of all that was linked with it is the system's business.
            landing_pads: false,
            segments,
        }
    }

    /// Reads and checks a file.
    pub(crate) fn parse(file: &[u8]) -> Result<Elf, OpenError> {
        let header = header(file)?;
        let target = target(header)?;
        let mut elf = Elf {
            descriptor: 0,
            target,
            seal: None,
            landing_pads: false,
            segments: Vec::new(),
        };
        // Not needed to run, but it comes last: where it is whole, so is the
        // file.
        let sections = u64::from(header.e_shnum(LE)) * u64::from(header.e_shentsize(LE));
        if (header.e_shoff(LE).checked_add(sections)).is_none_or(|end| end > file.len() as u64) {
            return Err(truncated("the section header table"));
        }
        let programs = header
            .program_headers(LE, file)
            .map_err(|_| truncated("the program header table"))?;
        if programs.len() >= usize::from(elf::PN_XNUM) {
            return Err(damaged("there are too many program headers"));
        }
        let mut dynamic = None;
        for program in programs {
            elf.add_program(program, file, target, &mut dynamic)?;
        }
        elf.check_descriptions(header, programs, file)?;
        let dynamic = dynamic.ok_or(OpenError::NotArtefact)?;
        let dynamic = Dynamic::parse(dynamic)?;
        elf.descriptor = dynamic.find_descriptor(&elf, file)?;
        Ok(elf)
    }

    fn add_program<'a>(
        &mut self,
        program: &elf::ProgramHeader64<LE>,
        file: &'a [u8],
        target: Target,
        dynamic: &mut Option<&'a [elf::Dyn64<LE>]>,
    ) -> Result<(), OpenError> {
        match program.p_type(LE) {
            elf::PT_LOAD => self.add_segment(program, file.len() as u64, target),
            // The dynamic linker would write to it.
            elf::PT_DYNAMIC if program.p_flags(LE) & elf::PF_W != 0 => {
                Err(forbidden("a writable dynamic section"))
            }
            elf::PT_DYNAMIC => {
                let (address, size) = (program.p_vaddr(LE), program.p_memsz(LE));
                let bytes = self.bytes(file, address, size, "the dynamic section")?;
                let entry = size_of::<elf::Dyn64<LE>>();
                let (entries, _) = pod::slice_from_bytes(bytes, bytes.len() / entry)
                    .map_err(|()| damaged("the dynamic section is not aligned"))?;
                if dynamic.replace(entries).is_some() {
                    return Err(forbidden("two dynamic sections"));
                }
                Ok(())
            }
            elf::PT_GNU_STACK if program.p_flags(LE) & elf::PF_X != 0 => {
                Err(forbidden("an executable stack"))
            }
            // See `check_descriptions`.
            elf::PT_GNU_STACK
            | elf::PT_NOTE
            | elf::PT_GNU_EH_FRAME
            | elf::PT_PHDR
            | elf::PT_NULL => Ok(()),
            elf::PT_GNU_PROPERTY if target == Target::Aarch64Linux => Ok(()),
            elf::PT_INTERP => Err(forbidden("an interpreter")),
            elf::PT_TLS => Err(forbidden("thread-local storage")),
            other => Err(forbidden(&format!("a segment of type {other:#x}"))),
        }
    }

    /// Checks what describes parts of the segments, once these are known: the
    /// dynamic linker and unwinders read it where it says that it is.
    fn check_descriptions(
        &mut self,
        header: &Header,
        programs: &[elf::ProgramHeader64<LE>],
        file: &[u8],
    ) -> Result<(), OpenError> {
        for program in programs {
            let (address, size) = (program.p_vaddr(LE), program.p_memsz(LE));
            match program.p_type(LE) {
                elf::PT_NOTE => {
                    self.add_notes(file, address, size)?;
                }
                elf::PT_GNU_PROPERTY => self.add_property(program, file)?,
                elf::PT_GNU_EH_FRAME => {
                    self.bytes(file, address, size, "the unwind information")?;
                }
                elf::PT_PHDR => {
                    let segment = self.segment(address, size_of_val(programs) as u64);
                    let offset = segment.map(|found| found.offset + (address - found.address));
                    if offset != Some(header.e_phoff(LE)) {
                        return Err(damaged("the program headers are not where they say"));
                    }
                }
                _ => {}
            }
        }
        // The dynamic linker takes its absence for the wish for one.
        let stack = |program: &elf::ProgramHeader64<LE>| program.p_type(LE) == elf::PT_GNU_STACK;
        if programs.iter().any(stack) {
            Ok(())
        } else {
            Err(forbidden("an executable stack"))
        }
    }

    /// Walks notes as the dynamic linker does, and keeps the seal.
    fn add_notes(&mut self, file: &[u8], address: u64, size: u64) -> Result<(), OpenError> {
        let notes = self.bytes(file, address, size, "a note")?;
        let mut rest = notes;
        while !rest.is_empty() {
            let (note, after) =
                Note::split(rest).ok_or_else(|| damaged("a note ends behind the notes"))?;
            if note.ty == SEAL_NOTE_TYPE && note.name == SEAL_NOTE_NAME {
                if note.description.len() < abi::Seal::SIZE {
                    return Err(damaged("the seal is too short"));
                }
                let offset = note.description.as_ptr().addr() - file.as_ptr().addr();
                let seal = Seal::new(offset, note.description);
                if self.seal.replace(seal).is_some() {
                    return Err(damaged("there are two seals"));
                }
            }
            rest = after;
        }
        Ok(())
    }

    /// Takes note of what is true of all code. There is one thing that can be.
    fn add_property(
        &mut self,
        program: &elf::ProgramHeader64<LE>,
        file: &[u8],
    ) -> Result<(), OpenError> {
        let (address, size) = (program.p_vaddr(LE), program.p_memsz(LE));
        let found = self.bytes(file, address, size, "a property")?;
        let note = BTI_NOTE.map(u32::to_le_bytes);
        // The dynamic linker overlooks what is not aligned.
        let is_aligned = program.p_align(LE) == 8 && address % 8 == 0;
        if found != note.as_flattened() || !is_aligned || self.landing_pads {
            return Err(forbidden("a property other than landing pads"));
        }
        self.landing_pads = true;
        Ok(())
    }

    fn add_segment(
        &mut self,
        program: &elf::ProgramHeader64<LE>,
        file_size: u64,
        target: Target,
    ) -> Result<(), OpenError> {
        let (address, size) = (program.p_vaddr(LE), program.p_memsz(LE));
        let (offset, align) = (program.p_offset(LE), program.p_align(LE));
        let flags = program.p_flags(LE);
        if flags & elf::PF_W != 0 {
            return Err(forbidden("a writable segment"));
        }
        // We read every segment, and so does the dynamic linker.
        if flags & elf::PF_R == 0 {
            return Err(damaged("a segment is not readable"));
        }
        if address >= ADDRESS_LIMIT || size >= ADDRESS_LIMIT || offset >= ADDRESS_LIMIT {
            return Err(damaged("a segment is out of range"));
        }
        if program.p_filesz(LE) != size {
            return Err(forbidden("zeroed memory"));
        }
        if offset + size > file_size {
            return Err(truncated("a segment"));
        }
        let page = target.max_page();
        if !align.is_power_of_two() || align < page || address % align != offset % align {
            return Err(damaged("a segment is not aligned to pages"));
        }
        let end = self
            .segments
            .last()
            .map_or(0, |last| last.address + last.size);
        // The dynamic linker maps whole pages: neighbours must not share one.
        if address < end.next_multiple_of(page) {
            return Err(damaged("segments overlap"));
        }
        self.segments.push(Segment {
            address,
            offset,
            size,
            executable: flags & elf::PF_X != 0,
        });
        Ok(())
    }

    /// The bytes of the file that are mapped at an address.
    fn bytes<'a>(
        &self,
        file: &'a [u8],
        address: u64,
        size: u64,
        what: &str,
    ) -> Result<&'a [u8], OpenError> {
        let segment = self
            .segment(address, size)
            .ok_or_else(|| damaged(&format!("{what} is in no segment")))?;
        let start = segment.offset + (address - segment.address);
        // In the file, since the segment is.
        Ok(&file[start as usize..][..size as usize])
    }
}

/// The file header, if it is one of an artefact's class.
fn header(file: &[u8]) -> Result<&Header, OpenError> {
    if !file.starts_with(&elf::ELFMAG) {
        return Err(match foreign(file) {
            Some(target) => OpenError::ForeignTarget {
                found: target.triple().to_owned(),
                host: HOST.triple(),
            },
            None if file.starts_with(b"!<arch>\n") => OpenError::NotSharedObject,
            None => OpenError::NotElf,
        });
    }
    let (header, _) = pod::from_bytes::<Header>(file).map_err(|()| truncated("the file header"))?;
    let ident = &header.e_ident;
    let is_shared_object = ident.class == elf::ELFCLASS64
        && ident.data == elf::ELFDATA2LSB
        && header.e_type(LE) == elf::ET_DYN;
    if !is_shared_object {
        return Err(OpenError::NotSharedObject);
    }
    if ident.version != elf::EV_CURRENT
        || header.e_version(LE) != u32::from(elf::EV_CURRENT)
        || usize::from(header.e_ehsize(LE)) != size_of::<Header>()
        || ident.padding != [0; 7]
    {
        return Err(damaged("the file header is of an unknown version"));
    }
    // The dynamic linker takes no others.
    if !matches!(ident.os_abi, elf::ELFOSABI_NONE | elf::ELFOSABI_GNU) || ident.abi_version != 0 {
        return Err(damaged("the file header names an unknown system"));
    }
    Ok(header)
}

/// The target of a file of another system: Mach-O, COFF, or the PE that a linker makes
/// of it.
fn foreign(file: &[u8]) -> Option<Target> {
    const AMD64: [u8; 2] = 0x8664_u16.to_le_bytes();
    match file.first_chunk::<8>()? {
        [0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1] => Some(Target::X86_64MacOs),
        [0xcf, 0xfa, 0xed, 0xfe, 12, 0, 0, 1] => Some(Target::Aarch64MacOs),
        [b'M', b'Z', ..] => Some(Target::X86_64Windows),
        [a, b, ..] if [*a, *b] == AMD64 => Some(Target::X86_64Windows),
        _ => None,
    }
}

/// The target of a file.
fn target(header: &Header) -> Result<Target, OpenError> {
    match header.e_machine(LE) {
        elf::EM_X86_64 => Ok(Target::X86_64Linux),
        elf::EM_AARCH64 => Ok(Target::Aarch64Linux),
        elf::EM_RISCV => Ok(Target::Riscv64Linux),
        other => Err(OpenError::ForeignTarget {
            found: format!("machine {other}"),
            host: HOST.triple(),
        }),
    }
}

/// The dynamic section: addresses of the tables in it.
#[derive(Default)]
struct Dynamic {
    hash: Option<u64>,
    gnu_hash: Option<u64>,
    symbols: Option<u64>,
    strings: Option<u64>,
    strings_size: Option<u64>,
    /// An offset in the strings.
    name: Option<u64>,
}

impl Dynamic {
    fn parse(entries: &[elf::Dyn64<LE>]) -> Result<Dynamic, OpenError> {
        let mut dynamic = Dynamic::default();
        for entry in entries {
            let value = entry.d_val(LE);
            let field = match entry.d_tag(LE) {
                elf::DT_NULL => return Ok(dynamic),
                elf::DT_HASH => &mut dynamic.hash,
                elf::DT_GNU_HASH => &mut dynamic.gnu_hash,
                elf::DT_SYMTAB => &mut dynamic.symbols,
                elf::DT_STRTAB => &mut dynamic.strings,
                elf::DT_STRSZ => &mut dynamic.strings_size,
                elf::DT_SYMENT if value == size_of::<Symbol>() as u64 => continue,
                elf::DT_SYMENT => return Err(damaged("symbols are of an unknown size")),
                elf::DT_SONAME => &mut dynamic.name,
                tag => return Err(forbidden(&entry_name(tag))),
            };
            if field.replace(value).is_some() {
                return Err(damaged("an entry of the dynamic section is there twice"));
            }
        }
        Err(damaged("the dynamic section does not end"))
    }

    /// The address of the descriptor's symbol, after a check of all symbols.
    fn find_descriptor(&self, elf: &Elf, file: &[u8]) -> Result<u64, OpenError> {
        let missing = || damaged("the dynamic section has no symbol table");
        let strings_size = self.strings_size.ok_or_else(missing)?;
        let strings = self.strings.ok_or_else(missing)?;
        let strings = elf.bytes(file, strings, strings_size, "the string table")?;
        // So every name that starts in it ends in it.
        if strings.last() != Some(&0) {
            return Err(damaged("the string table does not end"));
        }
        if self.name.is_some_and(|name| name >= strings_size) {
            return Err(damaged(
                "the name of the library is not in the string table",
            ));
        }
        // The hash table of the System V ABI has as many chains as there are
        // symbols, which is written nowhere else.
        let hash = self.hash.ok_or_else(missing)?;
        let count = check_hash(elf, file, hash)?;
        if let Some(address) = self.gnu_hash {
            check_gnu_hash(elf, file, address, count)?;
        }
        let size = u64::from(count) * size_of::<Symbol>() as u64;
        let symbols = self.symbols.ok_or_else(missing)?;
        let symbols = elf.bytes(file, symbols, size, "the symbol table")?;
        let (symbols, _) = pod::slice_from_bytes::<Symbol>(symbols, count as usize)
            .map_err(|()| damaged("the symbol table is not aligned"))?;
        let mut descriptor = Err(OpenError::NotArtefact);
        for symbol in symbols.iter().skip(1) {
            if symbol.st_shndx(LE) == elf::SHN_UNDEF {
                return Err(forbidden("undefined symbols"));
            }
            if !matches!(
                symbol.st_type(),
                elf::STT_FUNC | elf::STT_OBJECT | elf::STT_NOTYPE
            ) {
                return Err(forbidden(&format!("a symbol of type {}", symbol.st_type())));
            }
            let name = strings.get(symbol.st_name(LE) as usize..);
            let name = name.ok_or_else(|| damaged("a symbol has no name"))?;
            let expected = DESCRIPTOR_SYMBOL.as_bytes();
            if name.starts_with(expected) && name.get(expected.len()) == Some(&0) {
                descriptor = Ok(symbol.st_value(LE));
            }
        }
        let descriptor = descriptor?;
        if elf.segment(descriptor, 1).is_none() {
            return Err(damaged("the descriptor is in no segment"));
        }
        Ok(descriptor)
    }
}

/// Checks a System V hash table and returns its number of chains.
fn check_hash(elf: &Elf, file: &[u8], address: u64) -> Result<u32, OpenError> {
    let what = "the hash table";
    let header = elf.bytes(file, address, 8, what)?;
    let (buckets, chains) = (word(header, 0), word(header, 1));
    let size = (2 + u64::from(buckets) + u64::from(chains)) * 4;
    let table = elf.bytes(file, address, size, what)?;
    let (_, indices) = table.split_at(8);
    if buckets == 0 || words(indices).any(|symbol| symbol >= chains) {
        return Err(damaged("the hash table names symbols that do not exist"));
    }
    Ok(chains)
}

/// Checks a GNU hash table over `count` symbols, which the dynamic linker relies
/// on when it loads the file, and walks when somebody asks for a symbol's name.
fn check_gnu_hash(elf: &Elf, file: &[u8], address: u64, count: u32) -> Result<(), OpenError> {
    let what = "the GNU hash table";
    let header = elf.bytes(file, address, 16, what)?;
    let (buckets, first, bloom_words) = (word(header, 0), word(header, 1), word(header, 2));
    if buckets == 0 || !bloom_words.is_power_of_two() || word(header, 3) >= u64::BITS {
        return Err(damaged("the GNU hash table is impossible"));
    }
    let chained = count.saturating_sub(first);
    let bloom = u64::from(bloom_words) * 8;
    let size = 16 + bloom + (u64::from(buckets) + u64::from(chained)) * 4;
    let table = elf.bytes(file, address, size, what)?;
    let (_, table) = table.split_at(16 + bloom as usize);
    let (heads, chain) = table.split_at(buckets as usize * 4);
    // A chain ends at an odd word, so the last one ends them all.
    let ends = words(chain).last().is_none_or(|word| word & 1 == 1);
    let exist = |head: u32| head == 0 || (head >= first && head < count);
    if !ends || !words(heads).all(exist) {
        return Err(damaged(
            "the GNU hash table names symbols that do not exist",
        ));
    }
    Ok(())
}

/// A note, with the NUL at the end of its name.
struct Note<'a> {
    ty: u32,
    name: &'a [u8],
    description: &'a [u8],
}

impl<'a> Note<'a> {
    /// The first of `notes`, and the others.
    fn split(notes: &'a [u8]) -> Option<(Note<'a>, &'a [u8])> {
        /// Sizes of the name and of the description, and a type.
        const HEADER: usize = 12;
        let body = notes.get(HEADER..)?;
        let (name, description) = (word(notes, 0) as usize, word(notes, 1) as usize);
        let rest = body.get(name.next_multiple_of(4)..)?;
        let note = Note {
            ty: word(notes, 2),
            name: &body[..name],
            description: rest.get(..description)?,
        };
        Some((note, rest.get(description.next_multiple_of(4)..)?))
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    let (words, _) = bytes.as_chunks();
    words.iter().map(|&word| u32::from_le_bytes(word))
}

fn word(bytes: &[u8], index: usize) -> u32 {
    words(bytes).nth(index).expect("a word that is there")
}

/// What a forbidden entry of the dynamic section stands for.
fn entry_name(tag: i64) -> String {
    match tag {
        elf::DT_NEEDED => "a library that it needs".to_owned(),
        elf::DT_INIT | elf::DT_INIT_ARRAY | elf::DT_PREINIT_ARRAY => "constructors".to_owned(),
        elf::DT_FINI | elf::DT_FINI_ARRAY => "destructors".to_owned(),
        elf::DT_REL | elf::DT_RELA | elf::DT_JMPREL | elf::DT_TEXTREL | elf::DT_RELR => {
            "relocations".to_owned()
        }
        other => format!("an entry {other:#x} in its dynamic section"),
    }
}

fn truncated(what: &'static str) -> OpenError {
    OpenError::Truncated { what }
}

fn damaged(what: &str) -> OpenError {
    OpenError::Damaged {
        what: what.to_owned(),
    }
}

fn forbidden(what: &str) -> OpenError {
    OpenError::Forbidden(what.to_owned())
}
