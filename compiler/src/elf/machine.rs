//! What the file owes to the machine it is for.

use gimli::write::{CallFrameInstruction, CommonInformationEntry};
use gimli::{AArch64, Encoding, Format, RiscV, X86_64};
use object::elf;
use target_lexicon::{Aarch64Architecture, Architecture, OperatingSystem, PointerWidth, Triple};

use wasm_aot_abi::Target;

use crate::writer::Error;

/// A machine that the writer knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    /// `e_machine`.
    pub(crate) id: u16,
    /// `e_flags`.
    pub(crate) flags: u32,
    /// The largest page that a kernel for this machine may use: the alignment
    /// of segments.
    pub(crate) max_page: u64,
    isa: Isa,
}

#[derive(Debug, Clone, Copy)]
enum Isa {
    X86_64,
    AArch64,
    RiscV64,
}

impl Machine {
    /// Finds the machine for a target.
    pub(crate) fn new(target: &Triple) -> Result<Machine, Error> {
        if target.pointer_width() != Ok(PointerWidth::U64) {
            return Err(unknown(target)); // x32 and the like
        }
        let machine = match (target.architecture, target.operating_system) {
            (Architecture::X86_64, OperatingSystem::Linux) => Machine {
                id: elf::EM_X86_64,
                flags: 0,
                max_page: Target::X86_64Linux.max_page(),
                isa: Isa::X86_64,
            },
            (Architecture::Aarch64(Aarch64Architecture::Aarch64), OperatingSystem::Linux) => {
                Machine {
                    id: elf::EM_AARCH64,
                    flags: 0,
                    max_page: Target::Aarch64Linux.max_page(),
                    isa: Isa::AArch64,
                }
            }
            (Architecture::Riscv64(_), OperatingSystem::Linux) => Machine {
                id: elf::EM_RISCV,
                // That code may be compressed is part of the systems that we are
                // for; the linker would take both, with it or without.
                flags: elf::EF_RISCV_FLOAT_ABI_DOUBLE | elf::EF_RISCV_RVC,
                max_page: Target::Riscv64Linux.max_page(),
                isa: Isa::RiscV64,
            },
            _ => return Err(unknown(target)),
        };
        Ok(machine)
    }

    /// What is true of every frame when its function is entered, by the
    /// machine's call instruction.
    pub(crate) fn entry_frame(&self) -> CommonInformationEntry {
        // The address size serves gimli to encode absolute addresses, of which
        // there are none here, and to pad the entries. Pc-relative ones are 4
        // bytes wide and need no more alignment than that.
        let encoding = Encoding {
            address_size: 4,
            format: Format::Dwarf32,
            version: 1,
        };
        let mut cie;
        match self.isa {
            Isa::X86_64 => {
                // The return address was pushed.
                cie = CommonInformationEntry::new(encoding, 1, -8, X86_64::RA);
                cie.add_instruction(CallFrameInstruction::Cfa(X86_64::RSP, 8));
                cie.add_instruction(CallFrameInstruction::Offset(X86_64::RA, -8));
            }
            Isa::AArch64 => {
                // The return address is in the link register.
                cie = CommonInformationEntry::new(encoding, 4, -8, AArch64::X30);
                cie.add_instruction(CallFrameInstruction::Cfa(AArch64::SP, 0));
            }
            Isa::RiscV64 => {
                // As above. Instructions may be two bytes long.
                cie = CommonInformationEntry::new(encoding, 2, -8, RiscV::RA);
                cie.add_instruction(CallFrameInstruction::Cfa(RiscV::SP, 0));
            }
        }
        cie.fde_address_encoding = gimli::DW_EH_PE_pcrel | gimli::DW_EH_PE_sdata4;
        cie
    }
}

fn unknown(target: &Triple) -> Error {
    Error::Target {
        what: "an ELF file",
        target: target.clone(),
    }
}
