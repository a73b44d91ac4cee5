//! Getting a checked file into memory, so that debuggers, profilers and
//! unwinders know about it.
//!
//! The dynamic linker does the mapping. It has two habits to beware of: it
//! takes a name that is loaded for the same file, even if the file was replaced
//! since, and it takes a file that is loaded for the same library, under
//! whatever name. So a file is loaded under its own name only if that name is
//! free and is really what was opened; else a copy of it is loaded, from an
//! anonymous file that nobody else can have. That is also what is loaded if nobody may
//! change what was checked: the system has no way to keep others from writing to a file.

use std::ffi::{CStr, CString, OsStr, c_char, c_void};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
#[cfg(feature = "lines")]
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::arch::landing_pad_protection;
use super::elf::Elf;
use super::{pages, profile};
use crate::OpenError;

/// Which file it is, and whether it has been written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    /// Device and inode: no other file has them as long as this one is open.
    pub(super) file: (u64, u64),
    /// Size in bytes, and when it was written to, in seconds and nanoseconds.
    content: (u64, i64, i64),
}

impl Identity {
    pub(super) fn of(metadata: &fs::Metadata) -> Identity {
        Identity {
            file: (metadata.dev(), metadata.ino()),
            content: (metadata.size(), metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// In bytes.
    pub(super) fn size(&self) -> u64 {
        self.content.0
    }
}

/// An artefact in memory.
#[derive(Debug)]
pub(super) struct Mapping {
    origin: Origin,
    pub(super) elf: Elf,
    /// What is to be added to an address in the file.
    base: usize,
}

/// How an artefact got into memory.
#[derive(Debug)]
enum Origin {
    /// As a shared object that has passed [`Elf::parse`]. Unloaded when dropped.
    Loaded {
        library: Library,
        /// What was loaded, still open: the memory image is mapped from it, and
        /// the name of an anonymous file is its own only while it is open.
        file: File,
        /// What was copied, if it was a file, still open: else its inode would be
        /// free for another file, which would be taken for this one.
        original: Option<File>,
    },
    /// With the program, or by somebody else.
    Present {
        /// A copy of the memory image, if there is one: the file that it came
        /// from may be gone or replaced.
        image: Option<File>,
        /// What it came from.
        #[cfg_attr(not(feature = "lines"), expect(dead_code, reason = "has lines"))]
        path: PathBuf,
    },
}

impl Mapping {
    /// Loads `file`, which was opened as `path`, as it is.
    pub(super) fn open(path: &Path, file: File, identity: &Identity) -> Result<Mapping, OpenError> {
        let view = View::new(&file, identity.size())?;
        let elf = Elf::parse(view.bytes())?.for_host()?;
        if let Some(library) = load_by_name(path, identity)? {
            return Mapping::new(library, file, None, elf, view.bytes());
        }
        let copy = sealed_copy(view.bytes())?;
        // It was checked by whoever knows its identity.
        let metadata = file.metadata().map_err(|source| OpenError::Map {
            what: "the file",
            source,
        })?;
        if Identity::of(&metadata) != *identity {
            return Err(OpenError::Changed);
        }
        Mapping::load_anonymous(copy, Some(file), elf, view.bytes())
    }

    /// Loads a file that was checked, a copy of `original` if there is one.
    pub(super) fn of_anonymous(
        file: Anonymous,
        original: Option<&File>,
    ) -> Result<Mapping, OpenError> {
        let Anonymous { file, view, elf } = file;
        let mapping = Mapping::load_anonymous(file, None, elf, view.bytes())?;
        if let Some(original) = original {
            mapping.name_code(original)?;
        }
        Ok(mapping)
    }

    fn load_anonymous(
        file: File,
        original: Option<File>,
        elf: Elf,
        bytes: &[u8],
    ) -> Result<Mapping, OpenError> {
        // The number of the process, so that a debugger finds it too.
        let name = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let library = load(OsStr::new(&name), 0).map_err(OpenError::DynamicLinker)?;
        Mapping::new(library, file, original, elf, bytes)
    }

    /// Tells profilers that its code, which is from a copy, is from a file.
    fn name_code(&self, original: &File) -> Result<(), OpenError> {
        let mut segments = self.elf.segments().iter();
        let code = segments.find(|segment| segment.executable);
        // SAFETY: the dynamic linker has just mapped it so for us, and whoever looks at
        // what is loaded looks at headers and unwind information, which are elsewhere.
        let named = code.map_or(Ok(()), |code| unsafe {
            profile::name_code(code, self.base, original)
        });
        named.map_err(|source| OpenError::Map {
            what: "the code",
            source,
        })
    }

    fn new(
        library: Library,
        file: File,
        original: Option<File>,
        elf: Elf,
        bytes: &[u8],
    ) -> Result<Mapping, OpenError> {
        let (library, link_map) = link_map(library);
        let mapping = Mapping {
            origin: Origin::Loaded {
                library,
                file,
                original,
            },
            elf,
            base: link_map.base,
        };
        mapping.guard();
        // A last look at whether this is what was checked: cheap, and at the
        // part that says most about the rest.
        let segment = mapping.segment(mapping.elf.descriptor);
        let size = segment.len().min(512);
        let offset = mapping.file_offset(mapping.elf.descriptor) as usize;
        if segment[..size] != bytes[offset..offset + size] {
            return Err(OpenError::Changed);
        }
        Ok(mapping)
    }

    /// Has the processor see to it that indirect branches lead to the landing pads of the
    /// code, if it has them and if that can be had. New dynamic linkers have done so
    /// already (glibc since 2.32), and may where we may not: some hosts allow no
    /// changes of code that is mapped. So the code is left as it is if this is refused.
    fn guard(&self) {
        let how = landing_pad_protection();
        if !self.elf.landing_pads || how == 0 {
            return;
        }
        let code = self.elf.segments().iter().filter(|code| code.executable);
        for segment in code {
            let before = segment.address as usize % pages::size();
            let start = self.base + segment.address as usize - before;
            let len = segment.size as usize + before;
            // SAFETY: the segment is mapped so, and nobody else has pages of it; what
            // jumps to where it may not gets a signal instead.
            unsafe {
                let start = ptr::with_exposed_provenance_mut(start);
                libc::mprotect(start, len, libc::PROT_READ | libc::PROT_EXEC | how);
            }
        }
    }

    /// What is in memory already, from the file at a path, and stays there.
    pub(super) fn in_memory(elf: Elf, base: usize, path: PathBuf) -> Mapping {
        Mapping {
            origin: Origin::Present { image: None, path },
            elf,
            base,
        }
    }

    /// A file's segments as they are in memory, in memory of the allocator: all but code is
    /// as if it was mapped.
    #[cfg(test)]
    pub(super) fn in_heap(file: &[u8]) -> Mapping {
        /// What tests have, for ever.
        static ALL: std::sync::Mutex<Vec<Vec<[u128; 256]>>> = std::sync::Mutex::new(Vec::new());
        let elf = Elf::parse(file).expect("an artefact");
        let end = elf.segments().last().map(|last| last.address + last.size);
        let pages = end.expect("it has segments").div_ceil(4096) as usize;
        let mut memory = vec![[0u128; 256]; pages];
        let start: *mut u8 = memory.as_mut_ptr().cast();
        for segment in elf.segments() {
            let bytes = &file[segment.offset as usize..][..segment.size as usize];
            // SAFETY: there is room for all segments.
            unsafe {
                let to = start.add(segment.address as usize);
                ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
            }
        }
        ALL.lock().expect("no test fails there").push(memory);
        Mapping::in_memory(elf, start.expose_provenance(), PathBuf::new())
    }

    /// Sees to it that the memory image, which is at an address in the file, can
    /// be mapped from a file.
    pub(super) fn prepare_image(&mut self, address: u64, size: u64) -> Result<(), OpenError> {
        if let Origin::Present { image: None, .. } = self.origin {
            let copy = sealed_copy(&self.segment(address)[..size as usize])?;
            if let Origin::Present { image, .. } = &mut self.origin {
                *image = Some(copy);
            }
        }
        Ok(())
    }

    /// The file of a shared object that was loaded.
    pub(super) fn file(&self) -> Option<&File> {
        match &self.origin {
            Origin::Loaded { file, .. } => Some(file),
            Origin::Present { .. } => None,
        }
    }

    /// The bytes of a file that has the `size` bytes of memory at an address in it: that
    /// of the artefact, or the program that it is linked into if that is still there.
    #[cfg(feature = "lines")]
    pub(super) fn whole_file(&self, address: u64, size: usize) -> Option<Vec<u8>> {
        let bytes = match &self.origin {
            Origin::Loaded { file, .. } => {
                let mut bytes = vec![0; file.metadata().ok()?.len().try_into().ok()?];
                file.read_exact_at(&mut bytes, 0).ok()?;
                bytes
            }
            Origin::Present { path, .. } => fs::read(path).ok()?,
        };
        let found = bytes
            .get(self.file_offset(address) as usize..)?
            .get(..size)?;
        (found == self.segment(address).get(..size)?).then_some(bytes)
    }

    /// A file that has the memory image, and where in it.
    pub(super) fn image(&self, address: u64) -> (&File, u64) {
        match &self.origin {
            Origin::Loaded { file, .. } => (file, self.file_offset(address)),
            Origin::Present { image, .. } => (image.as_ref().expect("it was prepared"), 0),
        }
    }

    /// The bytes from an address in the file to the end of its segment; none if
    /// it is in no segment.
    pub(super) fn segment(&self, address: u64) -> &[u8] {
        let Some(segment) = self.elf.segment(address, 1) else {
            return &[];
        };
        let size = segment.address + segment.size - address;
        let start = ptr::with_exposed_provenance(self.base + address as usize);
        // SAFETY: program or library are loaded as long as `self` lives, with the
        // segments that `elf` has, which are readable; what we read of them is
        // never written.
        unsafe { std::slice::from_raw_parts(start, size as usize) }
    }

    /// Where in the file an address in a segment is.
    fn file_offset(&self, address: u64) -> u64 {
        let segment = self
            .elf
            .segment(address, 1)
            .expect("an address in a segment");
        segment.offset + (address - segment.address)
    }

    /// Unloads the library. Same as dropping; says where it happens.
    pub(super) fn unload(self) {
        if let Origin::Loaded {
            library,
            file,
            original,
        } = self.origin
        {
            drop(library);
            drop((file, original));
        }
    }
}

/// A file in memory, which cannot be changed any more; an artefact for this machine as
/// far as its structure as an ELF file goes.
pub(super) struct Anonymous {
    file: File,
    view: View,
    elf: Elf,
}

impl Anonymous {
    /// Of a file of that size. `name` is what it is called in `/proc/PID/maps`.
    pub(super) fn of_file(name: &OsStr, file: &File, size: u64) -> Result<Anonymous, OpenError> {
        let copy = memfd(name).map_err(not_copied)?;
        let mut buffer = vec![0; (size as usize).min(BUFFER)];
        let mut rest = size as usize;
        while rest > 0 {
            let part = &mut buffer[..rest.min(BUFFER)];
            (&*file)
                .read_exact(part)
                .map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => OpenError::Changed,
                    _ => not_copied(error),
                })?;
            (&copy).write_all(part).map_err(not_copied)?;
            rest -= part.len();
        }
        seal(&copy)?;
        Anonymous::new(copy, size)
    }

    /// Of bytes.
    pub(super) fn of_bytes(bytes: &[u8]) -> Result<Anonymous, OpenError> {
        Anonymous::new(sealed_copy(bytes)?, bytes.len() as u64)
    }

    fn new(file: File, size: u64) -> Result<Anonymous, OpenError> {
        let view = View::new(&file, size)?;
        let elf = Elf::parse(view.bytes())?.for_host()?;
        Ok(Anonymous { file, view, elf })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.view.bytes()
    }

    pub(super) fn elf(&self) -> &Elf {
        &self.elf
    }
}

/// Loads a file under its real name, if that works out to be this very file.
fn load_by_name(path: &Path, identity: &Identity) -> Result<Option<Library>, OpenError> {
    // Absolute: names without a slash are searched for elsewhere.
    let Ok(path) = fs::canonicalize(path) else {
        return Ok(None);
    };
    if load(path.as_os_str(), libc::RTLD_NOLOAD).is_ok() {
        return Ok(None);
    }
    let library = load(path.as_os_str(), 0).map_err(OpenError::DynamicLinker)?;
    let (library, link_map) = link_map(library);
    let renamed = link_map.name != path.as_os_str().as_bytes();
    let replaced = fs::metadata(&path).map_or(true, |found| Identity::of(&found) != *identity);
    Ok(if renamed || replaced {
        None
    } else {
        Some(library)
    })
}

fn load(name: &OsStr, flags: i32) -> Result<Library, libloading::Error> {
    // SAFETY: it has no constructors, which is what loading would run, and
    // nothing that makes the dynamic linker write anything: see `elf`.
    unsafe { Library::open(Some(name), RTLD_NOW | RTLD_LOCAL | flags) }
}

/// What the dynamic linker knows of a library.
struct LinkMap {
    base: usize,
    name: Vec<u8>,
}

fn link_map(library: Library) -> (Library, LinkMap) {
    /// The start of the system's `struct link_map`.
    #[repr(C)]
    struct Raw {
        base: usize,
        name: *const c_char,
    }
    let handle = library.into_raw();
    let mut raw = MaybeUninit::<*const Raw>::uninit();
    // SAFETY: the handle is open; the request stores one pointer, to a structure
    // that lives as long as the library is loaded.
    let link_map = unsafe {
        let result = libc::dlinfo(handle, libc::RTLD_DI_LINKMAP, raw.as_mut_ptr().cast());
        assert_eq!(result, 0, "an open library has a link map");
        let raw = raw.assume_init();
        LinkMap {
            base: (*raw).base,
            name: CStr::from_ptr((*raw).name).to_bytes().to_vec(),
        }
    };
    // SAFETY: the handle is the one that we took out.
    (unsafe { Library::from_raw(handle) }, link_map)
}

/// A file's bytes, for as long as it takes to check them.
pub(super) struct View {
    start: NonNull<c_void>,
    size: usize,
}

impl View {
    pub(super) fn new(file: &File, size: u64) -> Result<View, OpenError> {
        if size == 0 {
            return Err(OpenError::NotElf);
        }
        let size = size as usize;
        let (read, private) = (libc::PROT_READ, libc::MAP_PRIVATE);
        // SAFETY: the kernel chooses fresh addresses; nothing else is touched.
        let start =
            unsafe { libc::mmap(ptr::null_mut(), size, read, private, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(OpenError::Map {
                what: "the file",
                source: io::Error::last_os_error(),
            });
        }
        let start = NonNull::new(start).expect("the kernel does not map at 0");
        Ok(View { start, size })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped as long as `self` lives. Nobody writes to a file that is sealed;
        // of others this is asked of those who choose `Verify::Cached` or
        // `Verify::TrustedPath`, as it is of the users of any shared library.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.size) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: we own the range, and nobody refers to it any more.
        unsafe { libc::munmap(self.start.as_ptr(), self.size) };
    }
}

/// An anonymous file with these bytes, which cannot be changed any more.
fn sealed_copy(bytes: &[u8]) -> Result<File, OpenError> {
    if cfg!(miri) {
        return File::open("/dev/null").map_err(not_copied); // no image is mapped there
    }
    let mut file = memfd(OsStr::new("wasm-aot")).map_err(not_copied)?;
    file.write_all(bytes).map_err(not_copied)?;
    seal(&file)?;
    Ok(file)
}

/// How much of a file is read at a time, in bytes.
const BUFFER: usize = 256 << 10;

fn not_copied(source: io::Error) -> OpenError {
    OpenError::Map {
        what: "an anonymous file",
        source,
    }
}

/// Makes an anonymous file one that nobody can change any more.
fn seal(file: &File) -> Result<(), OpenError> {
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_GROW | libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;
    // SAFETY: takes an open file and an integer.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
        return Err(not_copied(io::Error::last_os_error()));
    }
    Ok(())
}

/// An empty anonymous file that can be sealed.
pub(super) fn memfd(name: &OsStr) -> io::Result<File> {
    /// What the system allows.
    const NAME_MAX: usize = 249;
    let name = name.as_bytes();
    let name = CString::new(&name[..name.len().min(NAME_MAX)]).expect("a name without NUL");
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // It is mapped, but no program: some systems allow no others. Those before Linux 6.3
    // do not know the flag.
    let fd = [flags | libc::MFD_NOEXEC_SEAL, flags]
        .into_iter()
        // SAFETY: the name is a C string; the call does not keep it.
        .map(|flags| unsafe { libc::memfd_create(name.as_ptr(), flags) })
        .find(|&fd| fd >= 0);
    let Some(fd) = fd else {
        return Err(io::Error::last_os_error());
    };
    // SAFETY: the descriptor is fresh, so nobody else owns it.
    Ok(unsafe { File::from_raw_fd(fd) })
}

#[cfg(all(test, target_arch = "aarch64", not(miri)))]
mod tests {
    use super::super::elf::Segment;
    use super::*;

    /// The signal that a process ends with which calls `code`, if it does.
    fn signal(code: extern "C" fn()) -> Option<i32> {
        // SAFETY: the child calls what it was given, and ends.
        match unsafe { libc::fork() } {
            0 => {
                code();
                // SAFETY: it ends the child.
                unsafe { libc::_exit(0) }
            }
            child => {
                let mut status = 0;
                // SAFETY: it waits for the child.
                assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status))
            }
        }
    }

    /// Whatever the dynamic linker does.
    #[test]
    fn guarded_code_is_called_at_landing_pads_only() {
        const NOP_RET: [u32; 2] = [0xd503_201f, 0xd65f_03c0];
        const BTI_RET: [u32; 2] = [0xd503_245f, 0xd65f_03c0];
        let size = pages::size();
        let start = pages::reserve(size).unwrap();
        // SAFETY: the page is ours; it has code behind it as well as in front.
        let [without, with] = unsafe {
            pages::open(start.as_ptr(), size).unwrap();
            start.cast().write(NOP_RET);
            start.cast::<[u32; 2]>().add(1).write(BTI_RET);
            let code = start.as_ptr().cast::<c_void>();
            let protection = libc::PROT_READ | libc::PROT_EXEC;
            assert_eq!(libc::mprotect(code, size, protection), 0);
            [0, 8].map(|at| std::mem::transmute::<*mut c_void, extern "C" fn()>(code.byte_add(at)))
        };
        let segment = Segment {
            address: 0,
            offset: 0,
            size: 16,
            executable: true,
        };
        let base = start.as_ptr().expose_provenance();
        let mut mapping = Mapping::in_memory(Elf::loaded(0, vec![segment]), base, PathBuf::new());
        mapping.guard();
        assert_eq!([without, with].map(signal), [None; 2], "without the mark");
        mapping.elf.landing_pads = true;
        mapping.guard();
        let expected = (landing_pad_protection() != 0).then_some(libc::SIGILL);
        assert_eq!([without, with].map(signal), [expected, None]);
    }
}
