//! The sections that the file may have, and what is the same in every file
//! about each.

use gimli::SectionId;
use object::elf;
use object::write::elf::Class;
use wasm_aot_abi::SEAL_SECTION;

const METADATA_ALIGN: u64 = wasm_aot_abi::ALIGNMENT as u64;

/// The sizes of the structures of a 64-bit file.
pub(super) const CLASS: Class = Class { is_64: true };

/// What a section is. Each occurs at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Property,
    BuildId,
    Seal,
    GnuHash,
    Hash,
    Dynsym,
    Dynstr,
    Dynamic,
    Metadata,
    EhFrameHdr,
    EhFrame,
    Text,
    Image,
    Debug(SectionId),
    Symtab,
    Strtab,
}

/// The fixed part of a section header.
#[derive(Debug)]
pub(super) struct Traits {
    pub(super) name: &'static str,
    /// `sh_type`.
    pub(super) sh_type: u32,
    /// `sh_flags`.
    pub(super) flags: u32,
    /// `sh_addralign`. Text and image may ask for more.
    pub(super) align: u64,
    /// `sh_entsize`.
    pub(super) entry_size: usize,
    /// The section that `sh_link` refers to.
    pub(super) link: Option<Kind>,
}

impl Kind {
    /// The fixed part of the section's header.
    pub(super) fn traits(self) -> Traits {
        use elf::{SHF_ALLOC, SHF_EXECINSTR, SHT_PROGBITS};
        let row = |name, sh_type, flags, align, entry_size, link| Traits {
            name,
            sh_type,
            flags,
            align,
            entry_size,
            link,
        };
        let sym = CLASS.sym_size();
        #[rustfmt::skip]
        let traits = match self {
            Kind::Property   => row(".note.gnu.property", elf::SHT_NOTE, SHF_ALLOC, 8, 0, None),
            Kind::BuildId    => row(".note.gnu.build-id", elf::SHT_NOTE, SHF_ALLOC, 4, 0, None),
            Kind::Seal       => row(SEAL_SECTION, elf::SHT_NOTE, SHF_ALLOC, 4, 0, None),
            Kind::GnuHash    => row(".gnu.hash", elf::SHT_GNU_HASH, SHF_ALLOC, 8, 0, Some(Kind::Dynsym)),
            Kind::Hash       => row(".hash", elf::SHT_HASH, SHF_ALLOC, 4, 4, Some(Kind::Dynsym)),
            Kind::Dynsym     => row(".dynsym", elf::SHT_DYNSYM, SHF_ALLOC, 8, sym, Some(Kind::Dynstr)),
            Kind::Dynstr     => row(".dynstr", elf::SHT_STRTAB, SHF_ALLOC, 1, 0, None),
            Kind::Dynamic    => row(".dynamic", elf::SHT_DYNAMIC, SHF_ALLOC, 8, CLASS.dyn_size(), Some(Kind::Dynstr)),
            Kind::Metadata   => row(".wasm_aot", SHT_PROGBITS, SHF_ALLOC, METADATA_ALIGN, 0, None),
            Kind::EhFrameHdr => row(".eh_frame_hdr", SHT_PROGBITS, SHF_ALLOC, 4, 0, None),
            Kind::EhFrame    => row(".eh_frame", SHT_PROGBITS, SHF_ALLOC, 8, 0, None),
            Kind::Text       => row(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 16, 0, None),
            Kind::Image      => row(".wasm_image", SHT_PROGBITS, SHF_ALLOC, 4096, 0, None),
            Kind::Debug(id)  => row(id.name(), SHT_PROGBITS, 0, 1, 0, None),
            Kind::Symtab     => row(".symtab", elf::SHT_SYMTAB, 0, 8, sym, Some(Kind::Strtab)),
            Kind::Strtab     => row(".strtab", elf::SHT_STRTAB, 0, 1, 0, None),
        };
        traits
    }
}
