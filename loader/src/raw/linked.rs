//! Artefacts that are in memory already: part of the program, or of a library
//! that somebody else has loaded.

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use object::elf::{PF_R, PF_X, PT_LOAD};

use super::artefact::Artefact;
use super::elf::{Elf, Segment};
use super::map::Mapping;
use crate::{Module, OpenError};

/// A module that is linked into the program, by the prefix of its symbols: the
/// `NAME` of `wasm-aot compile --emit obj --name NAME`. Stands for
/// [`Module::from_linked`] with the right symbol, and is unsafe like it: whoever
/// writes it vouches that the compiler has made what is linked under that name.
///
/// ```ignore
/// let fib = unsafe { wasm_aot_loader::linked_module!("fib") }?;
/// ```
#[macro_export]
macro_rules! linked_module {
    ($name:literal) => {{
        unsafe extern "C" {
            #[link_name = ::core::concat!($name, "_Zmodule")]
            static DESCRIPTOR: u8;
        }
        $crate::Module::from_linked(&raw const DESCRIPTOR)
    }};
}

/// The Rust module that `wasm-aot-build` has made of a WebAssembly module in the
/// build script, as a module of the crate: `include_module!(mod fib);`, with `pub`
/// or `pub(crate)` before `mod` if it is to be seen elsewhere, or with attributes.
/// Its name is that of the WebAssembly module.
///
/// In it are a structure with a method for each export, and one of what is to be
/// imported.
#[macro_export]
macro_rules! include_module {
    ($(#[$attribute:meta])* $visibility:vis mod $name:ident) => {
        $(#[$attribute])*
        $visibility mod $name {
            ::core::include!(::core::concat!(
                ::core::env!("OUT_DIR"),
                "/",
                ::core::stringify!($name),
                ".rs"
            ));
        }
    };
}

impl Module {
    /// A module whose artefact is in memory already: linked into the program as
    /// an object file or static library, or part of a library that somebody has
    /// loaded. `descriptor` is the address of its descriptor, which is what the
    /// symbol `NAME_Zmodule` stands for, and in a shared object also
    /// `wasm_aot_module`.
    ///
    /// The artefact is checked as that of [`Module::open`] is; for its segments,
    /// those of the program or library are taken. Opened again while it is open,
    /// it is the same module. A memory image is copied once, to an anonymous file
    /// that memories map copy-on-write.
    ///
    /// # Safety
    ///
    /// 1. `descriptor` is the address of a descriptor that the compiler has made,
    ///    unchanged since.
    /// 2. Program or library stay loaded until all modules, stores and frames that
    ///    refer to it are gone.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]. [`OpenError::NotArtefact`] if the address is in no loaded
    /// program or library.
    pub unsafe fn from_linked(descriptor: *const u8) -> Result<Module, OpenError> {
        // SAFETY: the same duties, passed on.
        let artefact = unsafe { Artefact::linked(descriptor)? };
        Ok(Module::from_artefact(artefact))
    }
}

impl Mapping {
    /// The program or library around `descriptor`.
    ///
    /// # Safety
    ///
    /// It stays loaded as long as the mapping lives.
    pub(super) unsafe fn linked(descriptor: *const u8) -> Result<Mapping, OpenError> {
        let mut search = Search {
            address: descriptor.expose_provenance(),
            found: None,
        };
        // SAFETY: the callback gets what we hand over, and nobody else has it.
        unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut search).cast()) };
        let (base, elf, path) = search.found.ok_or(OpenError::NotArtefact)?;
        Ok(Mapping::in_memory(elf, base, path))
    }
}

/// Looks for what is loaded around an address.
struct Search {
    address: usize,
    /// What is to be added to addresses in the file, what the file is, and its path.
    found: Option<(usize, Elf, PathBuf)>,
}

/// Looks at one program or library.
unsafe extern "C" fn look(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    search: *mut c_void,
) -> c_int {
    // SAFETY: the dynamic linker gives us a valid description, whose program
    // headers are readable, and the argument that we gave it.
    let (info, search) = unsafe { (&*info, &mut *search.cast::<Search>()) };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: as above.
    let headers =
        unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let segments = headers.iter().filter(|header| {
        header.p_type == PT_LOAD && header.p_flags & PF_R != 0 && header.p_filesz > 0
    });
    let segments = segments.map(|header| Segment {
        address: header.p_vaddr,
        offset: header.p_offset,
        size: header.p_filesz,
        executable: header.p_flags & PF_X != 0,
    });
    let base = info.dlpi_addr as usize;
    let descriptor = search.address.wrapping_sub(base) as u64;
    let elf = Elf::loaded(descriptor, segments.collect());
    if elf.segment(descriptor, 1).is_none() {
        return 0;
    }
    let path = match !cfg!(feature = "lines") || info.dlpi_name.is_null() {
        true => c"",
        // SAFETY: as above; it is a C string.
        false => unsafe { CStr::from_ptr(info.dlpi_name) },
    };
    let path = match path.to_bytes() {
        // The program, whatever has become of its path.
        b"" if cfg!(feature = "lines") => PathBuf::from("/proc/self/exe"),
        path => PathBuf::from(OsStr::from_bytes(path)),
    };
    search.found = Some((base, elf, path));
    1
}
