//! What formats and machines call things.

use object::write::{MachOBuildVersion, Object, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, FileFlags, RelocationEncoding, RelocationFlags,
    RelocationKind, SectionKind, SymbolFlags, SymbolKind, SymbolScope, elf, macho,
};
use target_lexicon::Triple;
use wasm_aot_abi::Target;

use crate::elf::Machine;
use crate::writer::Error;

/// A format, for one machine.
pub(super) struct Format {
    pub(super) binary: BinaryFormat,
    architecture: Architecture,
    /// The alignment of the image.
    pub(super) max_page: u64,
    /// What ELF says of the machine.
    pub(super) machine: Option<Machine>,
}

/// A block besides the text.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Metadata,
    Image,
}

impl Format {
    /// Finds the format for a target.
    pub(super) fn new(target: &Triple) -> Result<Format, Error> {
        use target_lexicon::Architecture::{Aarch64, X86_64};
        use target_lexicon::{Aarch64Architecture, BinaryFormat::*};

        let (binary, architecture, known) = match (target.binary_format, target.architecture) {
            (Elf, _) => return Format::elf(Machine::new(target)?),
            (Macho, X86_64) => (
                BinaryFormat::MachO,
                Architecture::X86_64,
                Target::X86_64MacOs,
            ),
            (Macho, Aarch64(Aarch64Architecture::Aarch64)) => (
                BinaryFormat::MachO,
                Architecture::Aarch64,
                Target::Aarch64MacOs,
            ),
            (Coff, X86_64) => (
                BinaryFormat::Coff,
                Architecture::X86_64,
                Target::X86_64Windows,
            ),
            _ => {
                return Err(Error::Target {
                    what: "an object file",
                    target: target.clone(),
                });
            }
        };
        Ok(Format {
            binary,
            architecture,
            max_page: known.max_page(),
            machine: None,
        })
    }

    fn elf(machine: Machine) -> Result<Format, Error> {
        Ok(Format {
            binary: BinaryFormat::Elf,
            architecture: match machine.id {
                elf::EM_X86_64 => Architecture::X86_64,
                elf::EM_AARCH64 => Architecture::Aarch64,
                elf::EM_RISCV => Architecture::Riscv64,
                other => unreachable!("the writer does not know machine {other}"),
            },
            max_page: machine.max_page,
            machine: Some(machine),
        })
    }

    /// A file without anything in it.
    pub(super) fn object(&self) -> Object<'static> {
        let mut object = Object::new(self.binary, self.architecture, Endianness::Little);
        match self.binary {
            BinaryFormat::Elf => {
                object.flags = FileFlags::Elf {
                    os_abi: elf::ELFOSABI_NONE,
                    abi_version: 0,
                    e_flags: self.machine.map_or(0, |machine| machine.flags),
                };
            }
            // The oldest systems that Rust and Go programs run on. What is there
            // besides: the file does not say that its symbols divide its sections,
            // as code finds its neighbours by distance.
            BinaryFormat::MachO => object.set_macho_build_version({
                let mut version = MachOBuildVersion::default();
                version.platform = macho::PLATFORM_MACOS;
                version.minos = match self.architecture {
                    Architecture::Aarch64 => 11 << 16,
                    _ => 10 << 16 | 12 << 8,
                };
                version
            }),
            _ => {}
        }
        object
    }

    /// Adds the section of a block.
    ///
    /// On macOS both are read-only as the code is, and like constants of C: a
    /// segment of their own would be writable to begin with. On Windows they become
    /// part of `.rdata`, since images have room for eight letters of a name.
    pub(super) fn section(&self, object: &mut Object<'_>, place: Place) -> SectionId {
        let (segment, name) = match (self.binary, place) {
            (BinaryFormat::MachO, Place::Metadata) => ("__TEXT", "__wasm_aot"),
            (BinaryFormat::MachO, Place::Image) => ("__TEXT", "__wasm_image"),
            (BinaryFormat::Coff, Place::Metadata) => ("", ".rdata$wasm_aot"),
            (BinaryFormat::Coff, Place::Image) => ("", ".rdata$wasm_image"),
            (_, Place::Metadata) => ("", ".wasm_aot"),
            (_, Place::Image) => ("", ".wasm_image"),
        };
        object.add_section(segment.into(), name.into(), SectionKind::ReadOnlyData)
    }

    /// What relocations to a section name.
    ///
    /// Mach-O can subtract only from symbols with a name; `name` starts with an `l`
    /// for a linker to forget it.
    pub(super) fn start(&self, object: &mut Object<'_>, of: SectionId, name: &str) -> SymbolId {
        match self.binary {
            BinaryFormat::MachO => object.add_symbol(Symbol {
                name: name.into(),
                value: 0,
                size: 0,
                // Which is written as it is, without another letter in front.
                kind: SymbolKind::Unknown,
                scope: SymbolScope::Compilation,
                weak: false,
                section: SymbolSection::Section(of),
                flags: SymbolFlags::None,
            }),
            _ => object.section_symbol(of),
        }
    }

    /// A relocation for a distance of 32 bits: in Mach-O, from a symbol that is to
    /// be subtracted, else from the place itself.
    pub(super) fn distance(&self) -> RelocationFlags {
        match self.binary {
            // Its number is the same on both machines.
            BinaryFormat::MachO => RelocationFlags::MachO {
                r_type: macho::X86_64_RELOC_UNSIGNED,
                r_pcrel: false,
                r_length: 2,
            },
            _ => generic(RelocationKind::Relative, 32),
        }
    }
}

/// A relocation as the `object` crate calls it.
pub(super) fn generic(kind: RelocationKind, size: u8) -> RelocationFlags {
    RelocationFlags::Generic {
        kind,
        encoding: RelocationEncoding::Generic,
        size,
    }
}
