//! The kinds of files that a module can become.

use std::io::{Cursor, Seek, Write};
use std::str::FromStr;

use ar_archive_writer::{
    ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream,
};

use target_lexicon::BinaryFormat;

use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::{elf, names, object, writer};

/// What becomes of a module. The content is the same in each, and so are the
/// symbols of its exports.
///
/// ```
/// use wasm_aot_compiler::Emit;
///
/// assert_eq!(Emit::SharedObject.file_name("app"), "app.so");
/// assert_eq!(Emit::Object.file_name("app"), "app.o");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Emit {
    /// A shared object, for a loader or `dlopen`.
    #[default]
    SharedObject,
    /// An object file, to be linked into a program or another library.
    Object,
    /// A static library with the object file in it.
    StaticLibrary,
}

/// Reads a name as in `--emit`.
impl FromStr for Emit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Emit> {
        match text {
            "so" => Ok(Emit::SharedObject),
            "obj" => Ok(Emit::Object),
            "staticlib" => Ok(Emit::StaticLibrary),
            other => Err(Error::Options(format!(
                "unknown kind of output `{other}`: expected so, obj or staticlib"
            ))),
        }
    }
}

impl Emit {
    /// The name as in `--emit`.
    pub fn as_str(self) -> &'static str {
        match self {
            Emit::SharedObject => "so",
            Emit::Object => "obj",
            Emit::StaticLibrary => "staticlib",
        }
    }

    /// The usual name of the file for a module that is called `stem`.
    pub fn file_name(self, stem: &str) -> String {
        match self {
            Emit::SharedObject => format!("{stem}.so"),
            Emit::Object => format!("{stem}.o"),
            Emit::StaticLibrary => format!("lib{stem}.a"),
        }
    }
}

/// Writes `layout` to `out`.
pub(crate) fn write(layout: &Layout, emit: Emit, mut out: impl Write + Seek) -> Result<()> {
    match emit {
        Emit::SharedObject => elf::write(layout, &elf::Options::default(), out)?,
        Emit::Object => object::write(layout, out)?,
        Emit::StaticLibrary => {
            let mut content = Cursor::new(Vec::new());
            object::write(layout, &mut content)?;
            archive(layout, content.into_inner(), &mut out).map_err(writer::Error::Io)?;
        }
    }
    Ok(())
}

/// Writes a static library with one object file in it, and an index of symbols
/// for linkers. It has neither times nor users.
fn archive(layout: &Layout, object: Vec<u8>, out: &mut (impl Write + Seek)) -> std::io::Result<()> {
    // Named after the module, as linkers do not look at it.
    let suffix = names::descriptor_symbol("");
    let prefix = layout.descriptor_symbol.strip_suffix(&suffix);
    let member = NewArchiveMember {
        buf: Box::new(object),
        object_reader: &DEFAULT_OBJECT_READER,
        member_name: format!("{}.o", prefix.unwrap_or("module")),
        mtime: 0,
        uid: 0,
        gid: 0,
        perms: 0o644,
    };
    let kind = match layout.target.binary_format {
        BinaryFormat::Macho => ArchiveKind::Darwin,
        BinaryFormat::Coff => ArchiveKind::Coff,
        _ => ArchiveKind::Gnu,
    };
    write_archive_to_stream(out, &[member], kind, false, None)
}
