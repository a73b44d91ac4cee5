//! What must hold for every file, checked with readers that share no code with
//! the writer.

use std::collections::BTreeSet;

use gimli::{BaseAddresses, EhFrame, EhFrameHdr, UnwindContext, UnwindSection};
use object::elf::{self, FileHeader64};
use object::read::elf::{
    Dyn, ElfFile64, FileHeader, ProgramHeader, SectionHeader, Sym, VersionTable,
};
use object::{LittleEndian, Object, ObjectSection};
use target_lexicon::Architecture;
use wasm_aot_compiler::layout::{Layout, Target};

type Header = FileHeader64<LittleEndian>;
const LE: LittleEndian = LittleEndian;

/// Checks a file that was written for `layout`.
pub(crate) fn check(layout: &Layout, bytes: &[u8]) {
    check_stripped(layout, bytes);
    check_symtab(layout, bytes);
    check_padding(bytes);
}

/// Like [`check`], for a file whose symbols may have been removed.
pub(crate) fn check_stripped(layout: &Layout, bytes: &[u8]) {
    check_segments(layout, bytes);
    check_sections(bytes);
    check_dynamic(bytes);
    check_dynamic_symbols(layout, bytes);
    check_metadata(layout, bytes);
    check_image(layout, bytes);
    check_unwind(layout, bytes);
}

/// Checks a library that a linker has made of an object file for `layout`.
pub(crate) fn check_linked(layout: &Layout, bytes: &[u8]) {
    let header = Header::parse(bytes).unwrap();
    for section in header.sections(LE, bytes).unwrap().iter() {
        let relocations = [elf::SHT_REL, elf::SHT_RELA, elf::SHT_RELR];
        let left = relocations.contains(&section.sh_type(LE)) && section.sh_size(LE) > 0;
        assert!(!left, "{section:?}");
    }
    let sections = header.sections(LE, bytes).unwrap();
    let symbols = sections.symbols(LE, bytes, elf::SHT_DYNSYM).unwrap();
    let address = |name: &str| {
        let named = |symbol: &&elf::Sym64<LittleEndian>| {
            symbol.name(LE, symbols.strings()).unwrap() == name.as_bytes()
        };
        symbols.iter().find(named).unwrap().st_value(LE)
    };
    for export in &layout.exports {
        assert_eq!(address(&export.name), text_address(bytes) + export.offset);
    }
    assert!(
        symbols
            .iter()
            .skip(1)
            .all(|symbol| !symbol.is_undefined(LE))
    );
    check_metadata(layout, bytes);
    check_image(layout, bytes);
    if !layout.unwind.is_empty() {
        check_unwind(layout, bytes);
    }
}

/// The id in the build id note.
pub(crate) fn build_id(bytes: &[u8]) -> Vec<u8> {
    let file = ElfFile64::<LittleEndian>::parse(bytes).unwrap();
    file.build_id().unwrap().expect("a build id").to_vec()
}

/// The content of a section, if there is one of that name.
pub(crate) fn section<'data>(bytes: &'data [u8], name: &str) -> Option<&'data [u8]> {
    let file = ElfFile64::<LittleEndian>::parse(bytes).unwrap();
    Some(file.section_by_name(name)?.data().unwrap())
}

fn check_segments(layout: &Layout, bytes: &[u8]) {
    let header = Header::parse(bytes).unwrap();
    assert_eq!(header.e_type(LE), elf::ET_DYN);
    let machine = match layout.target.architecture {
        Architecture::X86_64 => elf::EM_X86_64,
        Architecture::Riscv64(_) => elf::EM_RISCV,
        _ => elf::EM_AARCH64,
    };
    assert_eq!(header.e_machine(LE), machine);
    let page = max_page(layout);
    let headers = header.program_headers(LE, bytes).unwrap();

    let mut kinds = BTreeSet::new();
    let mut file_pages = BTreeSet::new();
    let mut end_page = 0;
    for segment in headers {
        let kind = segment.p_type(LE);
        let flags = segment.p_flags(LE);
        let (offset, address) = (segment.p_offset(LE), segment.p_vaddr(LE));
        let size = segment.p_filesz(LE);
        match kind {
            elf::PT_GNU_STACK => assert_eq!(flags, elf::PF_R | elf::PF_W),
            _ => assert_eq!(flags & elf::PF_W, 0, "{segment:?}"),
        }
        if kind != elf::PT_LOAD {
            assert!(kinds.insert(kind), "{segment:?} occurs twice");
            continue;
        }
        assert_eq!(size, segment.p_memsz(LE));
        assert!(
            segment.p_align(LE) >= page && offset % page == address % page,
            "{segment:?}"
        );
        assert!(offset + size <= bytes.len() as u64);
        // In order, each on pages of its own.
        assert!(address / page >= end_page, "{segment:?}");
        end_page = (address + size).div_ceil(page);
        for page in offset / 0x1000..(offset + size).div_ceil(0x1000) {
            assert!(file_pages.insert(page), "two segments map file page {page}");
        }
        if flags & elf::PF_X != 0 {
            let end = (offset + size) as usize;
            let text = &layout.text.bytes[..];
            assert_eq!(
                &bytes[offset as usize..end],
                text,
                "only the text is executable"
            );
            assert_eq!(address % layout.text.align, 0);
        }
    }
    assert_eq!(
        kinds.contains(&elf::PT_GNU_EH_FRAME),
        !layout.unwind.is_empty()
    );
    kinds.remove(&elf::PT_GNU_EH_FRAME);
    check_property(layout, bytes);
    kinds.remove(&elf::PT_GNU_PROPERTY);
    let expected = [elf::PT_DYNAMIC, elf::PT_NOTE, elf::PT_GNU_STACK];
    assert_eq!(kinds, BTreeSet::from(expected));
}

/// The file says that its code has landing pads exactly if that is so, and nothing else.
pub(crate) fn check_property(layout: &Layout, bytes: &[u8]) {
    #[rustfmt::skip]
    const BTI: &[u8] = &[
        4, 0, 0, 0,  16, 0, 0, 0,  5, 0, 0, 0,  b'G', b'N', b'U', 0,
        0, 0, 0, 0xc0,  4, 0, 0, 0,  1, 0, 0, 0,  0, 0, 0, 0,
    ];
    let header = Header::parse(bytes).unwrap();
    let mut segments = header.program_headers(LE, bytes).unwrap().iter();
    let segment = segments.find(|segment| segment.p_type(LE) == elf::PT_GNU_PROPERTY);
    let content = segment.map(|segment| {
        assert_eq!(segment.p_align(LE), 8);
        assert_eq!(segment.p_vaddr(LE) % 8, 0);
        assert_eq!(segment.p_memsz(LE), segment.p_filesz(LE));
        segment.data(LE, bytes).unwrap()
    });
    let expected = layout.text.landing_pads.then_some(BTI);
    assert_eq!(content, expected);
    assert_eq!(section(bytes, ".note.gnu.property"), expected);
}

fn check_sections(bytes: &[u8]) {
    let header = Header::parse(bytes).unwrap();
    for section in header.sections(LE, bytes).unwrap().iter() {
        let kind = section.sh_type(LE);
        assert!(
            ![
                elf::SHT_REL,
                elf::SHT_RELA,
                elf::SHT_RELR,
                elf::SHT_INIT_ARRAY
            ]
            .contains(&kind),
            "{section:?}"
        );
        assert_eq!(section.sh_flags(LE) & u64::from(elf::SHF_WRITE), 0);
        let align = section.sh_addralign(LE).max(1);
        assert_eq!(section.sh_addr(LE) % align, 0, "{section:?}");
    }
}

fn check_dynamic(bytes: &[u8]) {
    let header = Header::parse(bytes).unwrap();
    let sections = header.sections(LE, bytes).unwrap();
    let (entries, _) = sections.dynamic(LE, bytes).unwrap().expect(".dynamic");
    let mut tags: Vec<_> = entries.iter().map(|entry| entry.d_tag(LE)).collect();
    tags.retain(|&tag| tag != elf::DT_SONAME);
    let expected = [
        elf::DT_HASH,
        elf::DT_GNU_HASH,
        elf::DT_STRTAB,
        elf::DT_SYMTAB,
        elf::DT_STRSZ,
        elf::DT_SYMENT,
        elf::DT_NULL,
    ];
    assert_eq!(tags, expected);
    for (tag, name) in [
        (elf::DT_HASH, ".hash"),
        (elf::DT_GNU_HASH, ".gnu.hash"),
        (elf::DT_STRTAB, ".dynstr"),
        (elf::DT_SYMTAB, ".dynsym"),
    ] {
        let (_, section) = sections.section_by_name(LE, name.as_bytes()).unwrap();
        let entry = entries.iter().find(|entry| entry.d_tag(LE) == tag);
        assert_eq!(entry.unwrap().d_val(LE), section.sh_addr(LE), "{name}");
    }
}

/// Every export is found through either hash table, and nothing else is there.
fn check_dynamic_symbols(layout: &Layout, bytes: &[u8]) {
    let header = Header::parse(bytes).unwrap();
    let sections = header.sections(LE, bytes).unwrap();
    let symbols = sections.symbols(LE, bytes, elf::SHT_DYNSYM).unwrap();
    let (hash, _) = sections.hash(LE, bytes).unwrap().expect(".hash");
    let (gnu_hash, _) = sections.gnu_hash(LE, bytes).unwrap().expect(".gnu.hash");
    let no_versions = VersionTable::default();
    let find = |name: &str| {
        let name = name.as_bytes();
        let by_hash = hash.find(LE, name, elf::hash(name), None, &symbols, &no_versions);
        let by_gnu = gnu_hash.find(LE, name, elf::gnu_hash(name), None, &symbols, &no_versions);
        assert_eq!(by_hash.map(|found| found.0), by_gnu.map(|found| found.0));
        by_gnu.map(|found| found.1)
    };

    for export in &layout.exports {
        let symbol = find(&export.name).unwrap_or_else(|| panic!("no symbol {}", export.name));
        assert_eq!(symbol.st_info(), elf::STB_GLOBAL << 4 | elf::STT_FUNC);
        assert_eq!(symbol.st_value(LE), text_address(bytes) + export.offset);
        assert_eq!(symbol.st_size(LE), export.size);
    }
    let descriptor = find(&layout.descriptor_symbol).expect("the descriptor");
    assert_eq!(descriptor.st_info(), elf::STB_GLOBAL << 4 | elf::STT_OBJECT);
    let same = find(wasm_aot_abi::DESCRIPTOR_SYMBOL).expect("the descriptor");
    assert_eq!(same.st_value(LE), descriptor.st_value(LE));
    assert_eq!(
        find("no such symbol").map(|symbol| symbol.st_value(LE)),
        None
    );
    assert_eq!(symbols.len(), layout.exports.len() + 3);
    for (index, symbol) in symbols.enumerate().skip(1) {
        assert!(!symbol.is_undefined(LE), "{index:?}");
    }
}

fn check_metadata(layout: &Layout, bytes: &[u8]) {
    let file = ElfFile64::<LittleEndian>::parse(bytes).unwrap();
    let section = file.section_by_name(".wasm_aot").unwrap();
    let address = section.address();
    assert_eq!(address % 64, 0);
    assert_eq!(descriptor_address(layout, bytes), address);
    let mut expected = layout.metadata.bytes.clone();
    for fixup in &layout.metadata.fixups {
        let target = match fixup.target {
            Target::Text => text_address(bytes),
            Target::Image => file.section_by_name(".wasm_image").unwrap().address(),
        };
        let value = (target + fixup.addend).wrapping_sub(address) as i32;
        let offset = fixup.offset as usize;
        expected[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    }
    assert_eq!(section.data().unwrap(), expected);
}

fn check_image(layout: &Layout, bytes: &[u8]) {
    let file = ElfFile64::<LittleEndian>::parse(bytes).unwrap();
    let section = file.section_by_name(".wasm_image");
    let content = layout
        .image
        .as_ref()
        .filter(|image| !image.bytes.is_empty());
    assert_eq!(section.is_some(), content.is_some());
    let (Some(section), Some(image)) = (section, content) else {
        return;
    };
    let (offset, size) = section.file_range().unwrap();
    let page = max_page(layout);
    assert_eq!(
        (offset % page, section.address() % page, size % page),
        (0, 0, 0)
    );
    let (data, zeros) = section.data().unwrap().split_at(image.bytes.len());
    assert_eq!(data, image.bytes);
    assert!(zeros.iter().all(|&byte| byte == 0));
}

/// The search table is sorted, complete, and leads to entries that gimli can
/// evaluate.
fn check_unwind(layout: &Layout, bytes: &[u8]) {
    let file = ElfFile64::<LittleEndian>::parse(bytes).unwrap();
    let Some(header) = file.section_by_name(".eh_frame_hdr") else {
        assert!(layout.unwind.is_empty() && file.section_by_name(".eh_frame").is_none());
        return;
    };
    let entries = file.section_by_name(".eh_frame").unwrap();
    let bases = BaseAddresses::default()
        .set_eh_frame_hdr(header.address())
        .set_eh_frame(entries.address())
        .set_text(text_address(bytes));
    let eh_frame = EhFrame::new(entries.data().unwrap(), gimli::LittleEndian);
    let parsed = EhFrameHdr::new(header.data().unwrap(), gimli::LittleEndian)
        .parse(&bases, 8)
        .unwrap();
    assert_eq!(parsed.eh_frame_ptr().direct().unwrap(), entries.address());
    let table = parsed.table().unwrap();

    let mut rows = table.iter(&bases);
    let mut starts = Vec::new();
    while let Some((start, _)) = rows.next().unwrap() {
        starts.push(start.direct().unwrap() - text_address(bytes));
    }
    assert!(starts.is_sorted());
    let mut expected: Vec<_> = layout.unwind.iter().map(|unwind| unwind.offset).collect();
    expected.sort_unstable();
    assert_eq!(starts, expected);

    let mut context = UnwindContext::new();
    let sizes = layout
        .functions
        .iter()
        .map(|function| (function.offset, function.size));
    for (offset, size) in sizes.filter(|(offset, _)| starts.contains(offset)) {
        let first = text_address(bytes) + offset;
        for address in [first, first + size - 1] {
            let entry = table
                .fde_for_address(&eh_frame, &bases, address, EhFrame::cie_from_offset)
                .unwrap();
            assert_eq!((entry.initial_address(), entry.len()), (first, size));
            let row = entry.unwind_info_for_address(&eh_frame, &bases, &mut context, address);
            assert!(row.unwrap().contains(address));
        }
    }

    let mut all = eh_frame.entries(&bases);
    let mut count = 0;
    while let Some(entry) = all.next().unwrap() {
        count += usize::from(matches!(entry, gimli::CieOrFde::Fde(_)));
    }
    assert_eq!(count, starts.len());
}

/// What tools that rewrite the file do not keep.
fn check_padding(bytes: &[u8]) {
    let file = ElfFile64::<LittleEndian>::parse(bytes).unwrap();
    if let Some(text) = file.section_by_name(".text") {
        // What is left of the last page is executable too.
        let (offset, size) = text.file_range().unwrap();
        let end = (offset + size) as usize;
        let tail = &bytes[end..end.next_multiple_of(0x1000)];
        assert!(tail.iter().all(|&byte| byte == 0));
    }
    if let Some(image) = file.section_by_name(".wasm_image") {
        let (offset, _) = image.file_range().unwrap();
        let address = image.address();
        let page = match file.architecture() {
            object::Architecture::Aarch64 => 64 << 10,
            _ => 4 << 10,
        };
        assert_eq!((offset % page, address % page), (0, 0));
    }
}

fn check_symtab(layout: &Layout, bytes: &[u8]) {
    let header = Header::parse(bytes).unwrap();
    let sections = header.sections(LE, bytes).unwrap();
    let symbols = sections.symbols(LE, bytes, elf::SHT_SYMTAB).unwrap();
    let expected = layout
        .functions
        .iter()
        .map(|symbol| (elf::STB_LOCAL, symbol));
    let exports = layout
        .exports
        .iter()
        .map(|symbol| (elf::STB_GLOBAL, symbol));
    let expected: Vec<_> = expected.chain(exports).collect();
    let found: Vec<_> = symbols
        .iter()
        .filter(|symbol| symbol.st_type() == elf::STT_FUNC)
        .collect();
    assert_eq!(found.len(), expected.len());
    for (found, (binding, symbol)) in found.into_iter().zip(expected) {
        let name = found.name(LE, symbols.strings()).unwrap();
        assert_eq!(name, symbol.name.replace('\0', "?").as_bytes());
        assert_eq!(found.st_bind(), binding);
        assert_eq!(found.st_value(LE), text_address(bytes) + symbol.offset);
        assert_eq!(found.st_size(LE), symbol.size);
    }
}

/// The largest page of the machine.
fn max_page(layout: &Layout) -> u64 {
    match layout.target.architecture {
        Architecture::X86_64 | Architecture::Riscv64(_) => 0x1000,
        _ => 0x1_0000,
    }
}

fn text_address(bytes: &[u8]) -> u64 {
    let file = ElfFile64::<LittleEndian>::parse(bytes).unwrap();
    file.section_by_name(".text")
        .map_or(0, |text| text.address())
}

fn descriptor_address(layout: &Layout, bytes: &[u8]) -> u64 {
    let header = Header::parse(bytes).unwrap();
    let sections = header.sections(LE, bytes).unwrap();
    let symbols = sections.symbols(LE, bytes, elf::SHT_DYNSYM).unwrap();
    let named = |symbol: &&elf::Sym64<LittleEndian>| {
        symbol.name(LE, symbols.strings()).unwrap() == layout.descriptor_symbol.as_bytes()
    };
    symbols.iter().find(named).unwrap().st_value(LE)
}
