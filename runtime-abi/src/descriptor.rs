//! The root of the metadata block.

use crate::wire::{Slice, Str, records};

/// The machine that an artefact's code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Target {
    /// x86-64, System V, Linux.
    X86_64Linux = 1,
    /// AArch64, little-endian, Linux.
    Aarch64Linux = 2,
    /// RISC-V, 64 bits (at least RV64G), Linux, floats in registers (LP64D).
    Riscv64Linux = 3,
    /// x86-64, System V, macOS. As an object file only.
    X86_64MacOs = 4,
    /// AArch64, Apple's variant of its procedure call standard, macOS. As an
    /// object file only.
    Aarch64MacOs = 5,
    /// x86-64, the convention of Windows. As an object file only.
    X86_64Windows = 6,
}

/// The instruction set of a [`Target`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// x86-64.
    X86_64,
    /// AArch64, little-endian.
    Aarch64,
    /// RISC-V with 64 bits.
    Riscv64,
}

/// The operating system of a [`Target`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum System {
    /// Linux: ELF.
    Linux,
    /// macOS: Mach-O.
    MacOs,
    /// Windows: COFF.
    Windows,
}

/// What "the wasm convention" is in an artefact. Code pointers of different
/// conventions must not meet: a store takes artefacts of one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Convention {
    /// Cranelift's `tail`, as it is since version 0.135.
    CraneliftTail = 1,
}

records! {
    /// What a module is and where its parts are. Starts the metadata block.
    pub struct Descriptor {
        /// [`MAGIC`](crate::MAGIC).
        pub magic: [u8; 8],
        /// [`ABI_MAJOR`](crate::ABI_MAJOR) of the writer.
        pub abi_major: u16,
        /// [`ABI_MINOR`](crate::ABI_MINOR) of the writer.
        pub abi_minor: u16,
        /// Size of this structure in bytes, as the writer knew it.
        pub size: u32,
        /// Size of the whole metadata block in bytes.
        pub metadata_size: u32,
        /// A [`Target`].
        pub target: u32,
        /// Bits of [`Required`](crate::Required): what a loader must know to
        /// run this artefact.
        pub required: u64,
        /// Hints that a loader may ignore; none are defined yet.
        pub optional: u64,
        /// Bits of [`CpuFeatures`](crate::CpuFeatures) of the target that the
        /// code uses.
        pub cpu_features: u64,
        /// Bits of [`WasmFeatures`](crate::WasmFeatures) that were on when the
        /// module was validated.
        pub wasm_features: u64,
        /// A [`Convention`].
        pub convention: u32,
        /// Index of the start function, or [`NONE`](crate::NONE).
        pub start: u32,
        /// Signed distance from the start of the descriptor to the text, bytes.
        pub text: i32,
        /// Signed distance from the start of the descriptor to the memory image,
        /// bytes; 0 without one. In a file, the image starts at a multiple of
        /// the target's largest page size.
        pub image: i32,
        /// Size of the text in bytes.
        pub text_size: u64,
        /// Size of the image in bytes, a multiple of the target's largest page
        /// size; 0 without one.
        pub image_size: u64,
        /// Byte offset in memory 0 at which the image is mapped; a multiple of
        /// [`IMAGE_ALIGNMENT`](crate::IMAGE_ALIGNMENT).
        pub image_offset: u64,
        /// What the code relies on.
        pub tunables: Tunables,
        /// What a vmctx looks like.
        pub vmctx: VmctxLayout,
        /// Of [`FuncType`](crate::FuncType). Their recursion groups are in the
        /// order of the module.
        pub types: Slice,
        /// Of [`Import`](crate::Import).
        pub imports: Slice,
        /// Of [`Export`](crate::Export).
        pub exports: Slice,
        /// Of [`Function`](crate::Function): those defined here.
        pub functions: Slice,
        /// Of [`Trampoline`](crate::Trampoline), by kind, then by type.
        pub trampolines: Slice,
        /// Of `u32`: indices of the functions that can become values, ascending;
        /// the position of one is its slot among the vmctx's function
        /// references. Exported functions are among them.
        pub funcrefs: Slice,
        /// Of [`Table`](crate::Table): those defined here.
        pub tables: Slice,
        /// Of [`Memory`](crate::Memory): those defined here.
        pub memories: Slice,
        /// Of [`Global`](crate::Global): those defined here.
        pub globals: Slice,
        /// Of [`ElementSegment`](crate::ElementSegment).
        pub elements: Slice,
        /// Of [`DataSegment`](crate::DataSegment).
        pub data: Slice,
        /// Of bytes: see [`sites`](crate::sites).
        pub sites: Slice,
        /// Of [`FunctionName`](crate::FunctionName).
        pub function_names: Slice,
        /// Of [`CustomSection`](crate::CustomSection).
        pub custom_sections: Slice,
        /// Name of the module: the source's, else the file's stem.
        pub name: Str,
        /// Who wrote the artefact: compiler and code generator with versions.
        pub producer: Str,
        /// The options that it was compiled with, as on a command line.
        pub options: Str,
        /// SHA-256 of the source module's binary.
        pub source_hash: [u8; 32],
        /// Of [`SubType`](crate::SubType), one for each of `types`; or empty if
        /// every type is a recursion group of its own, final, and has no
        /// supertype.
        pub subtypes: Slice,
        /// Of [`Tag`](crate::Tag): those defined here.
        pub tags: Slice,
        /// Of [`GuardedCall`](crate::GuardedCall).
        pub guarded_calls: Slice,
        /// Of [`Handler`](crate::Handler).
        pub handlers: Slice,
        /// Of [`Inlined`](crate::Inlined). A loader may ignore them.
        pub inlined: Slice,
    }

    /// What the code relies on. Requirements, not wishes: a loader which cannot
    /// meet one refuses the artefact.
    pub struct Tunables {
        /// Address space behind the base of every memory, in bytes, in which an
        /// access either hits the memory or faults. A memory with 32-bit addresses
        /// is never larger; one with 64-bit addresses can be, if there is address
        /// space for it at the same base.
        pub memory_reservation: u64,
        /// Further bytes behind the reservation, and behind all that a memory can
        /// grow to, in which every access faults.
        pub memory_guard: u64,
    }

    /// The size of a vmctx, and the offsets of what is not placed by a record
    /// of its own (imports, globals, tables, memories are).
    pub struct VmctxLayout {
        /// Size in bytes.
        pub size: u32,
        /// Byte offset of an array of `u32`: the host's ids of
        /// [`Descriptor::types`], in their order.
        pub type_ids: u32,
        /// Byte offset of an array of [`FuncRef`](crate::FuncRef), one for each
        /// of [`Descriptor::funcrefs`]. Zeroed at first; the host fills a slot
        /// before it hands its address out.
        pub funcrefs: u32,
        /// Reserved; zero.
        pub reserved: u32,
    }
}

impl Target {
    /// Every target of this version.
    pub const ALL: [Target; 6] = [
        Target::X86_64Linux,
        Target::Aarch64Linux,
        Target::Riscv64Linux,
        Target::X86_64MacOs,
        Target::Aarch64MacOs,
        Target::X86_64Windows,
    ];

    /// The target of the machine that this runs on, if there is one.
    pub const HOST: Option<Target> = if cfg!(target_endian = "big") {
        None
    } else if cfg!(target_os = "macos") {
        if cfg!(target_arch = "x86_64") {
            Some(Target::X86_64MacOs)
        } else if cfg!(target_arch = "aarch64") {
            Some(Target::Aarch64MacOs)
        } else {
            None
        }
    } else if cfg!(windows) {
        if cfg!(target_arch = "x86_64") {
            Some(Target::X86_64Windows)
        } else {
            None
        }
    } else if cfg!(target_arch = "x86_64") {
        Some(Target::X86_64Linux)
    } else if cfg!(target_arch = "aarch64") {
        Some(Target::Aarch64Linux)
    } else if cfg!(target_arch = "riscv64") {
        Some(Target::Riscv64Linux)
    } else {
        None
    };

    /// The number behind the variant, checked.
    ///
    /// # Errors
    ///
    /// The number itself, if this version does not know it.
    pub const fn from_number(number: u32) -> Result<Target, u32> {
        match number {
            1 => Ok(Target::X86_64Linux),
            2 => Ok(Target::Aarch64Linux),
            3 => Ok(Target::Riscv64Linux),
            4 => Ok(Target::X86_64MacOs),
            5 => Ok(Target::Aarch64MacOs),
            6 => Ok(Target::X86_64Windows),
            other => Err(other),
        }
    }

    /// The instruction set.
    pub const fn architecture(self) -> Architecture {
        match self {
            Target::X86_64Linux | Target::X86_64MacOs | Target::X86_64Windows => {
                Architecture::X86_64
            }
            Target::Aarch64Linux | Target::Aarch64MacOs => Architecture::Aarch64,
            Target::Riscv64Linux => Architecture::Riscv64,
        }
    }

    /// The operating system.
    pub const fn system(self) -> System {
        match self {
            Target::X86_64Linux | Target::Aarch64Linux | Target::Riscv64Linux => System::Linux,
            Target::X86_64MacOs | Target::Aarch64MacOs => System::MacOs,
            Target::X86_64Windows => System::Windows,
        }
    }

    /// The usual triple.
    pub const fn triple(self) -> &'static str {
        match self {
            Target::X86_64Linux => "x86_64-unknown-linux-gnu",
            Target::Aarch64Linux => "aarch64-unknown-linux-gnu",
            Target::Riscv64Linux => "riscv64gc-unknown-linux-gnu",
            Target::X86_64MacOs => "x86_64-apple-darwin",
            Target::Aarch64MacOs => "aarch64-apple-darwin",
            Target::X86_64Windows => "x86_64-pc-windows-gnu",
        }
    }

    /// The largest page, in bytes, that a kernel for the target may use: what
    /// segments of an artefact, and its memory image, are aligned to.
    pub const fn max_page(self) -> u64 {
        match self {
            Target::Aarch64Linux => 64 << 10,
            Target::Aarch64MacOs => 16 << 10,
            _ => 4 << 10,
        }
    }
}
