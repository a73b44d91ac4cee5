//! Declarations of a module for other languages: a C header and a Rust module
//! for what [`compile`](crate::compile()) makes of it with the same options.

mod c;
mod rust;

use wasmparser::{FuncType, ValType};

use crate::compile::binary;
use crate::module::{Intake, Item, Read, Wanted};
use crate::{Error, Options, Result, names};

/// A C header, for C99 and later and C++11 and later. It includes
/// `wasm_aot_linked.h`, which comes with the runtime library.
///
/// # Errors
///
/// Those of compiling, apart from function bodies, which are not looked at; and
/// [`Error::Options`] if something in the module has no name in C.
pub fn c_header(module: &[u8], options: &Options) -> Result<String> {
    let wasm = binary(module)?;
    let read = read(&wasm, options)?;
    Ok(c::header(&Interface::new(&read, options)?))
}

/// The source of a Rust module, to be included in a crate that depends on
/// `wasm-aot-loader`.
///
/// # Errors
///
/// As for [`c_header`].
pub fn rust_module(module: &[u8], options: &Options) -> Result<String> {
    let wasm = binary(module)?;
    let read = read(&wasm, options)?;
    rust::module(&Interface::new(&read, options)?)
}

fn read<'a>(wasm: &'a [u8], options: &Options) -> Result<Read<'a>> {
    let mut intake = Intake::new(options.features, Wanted::default());
    intake.take(wasm)?;
    intake.finish()
}

/// What there is to declare.
struct Interface<'a> {
    /// Before every symbol.
    prefix: String,
    /// SHA-256 of the binary.
    hash: [u8; 32],
    /// In the order of the module.
    imports: Vec<Import<'a>>,
    /// In the order of the module.
    exports: Vec<Export<'a>>,
}

struct Import<'a> {
    module: &'a str,
    name: &'a str,
    ty: Type<'a>,
    /// Whether an import before it has the same names and type.
    repeated: bool,
}

struct Export<'a> {
    name: &'a str,
    ty: Type<'a>,
}

#[derive(Clone, Copy, PartialEq)]
enum Type<'a> {
    Func(&'a FuncType),
    Table,
    Memory,
    Global { content: ValType, mutable: bool },
    Tag(&'a FuncType),
}

impl<'a> Interface<'a> {
    fn new(read: &'a Read<'_>, options: &Options) -> Result<Interface<'a>> {
        let module = &*read.module;
        let ty = |item| match item {
            Item::Func(index) => Type::Func(module.function_type(index)),
            Item::Table(_) => Type::Table,
            Item::Memory(_) => Type::Memory,
            Item::Tag(index) => Type::Tag(&module.types[module.tags[index as usize] as usize]),
            Item::Global(index) => {
                let ty = &module.globals[index as usize].ty;
                Type::Global {
                    content: ty.content_type,
                    mutable: ty.mutable,
                }
            }
        };
        let mut imports: Vec<Import<'a>> = Vec::new();
        for import in &module.imports {
            let same = |before: &&Import<'_>| {
                (before.module, before.name) == (&*import.module, &*import.name)
            };
            let import = Import {
                module: &import.module,
                name: &import.name,
                ty: ty(import.item),
                repeated: imports.iter().any(|before| same(&before)),
            };
            if let Some(before) = imports.iter().find(same)
                && before.ty != import.ty
            {
                return Err(Error::Options(format!(
                    "cannot declare {:?} {:?}: it is imported twice, with different types",
                    import.module, import.name
                )));
            }
            imports.push(import);
        }
        let exports = module.exports.iter().map(|export| Export {
            name: &export.name,
            ty: ty(export.item),
        });
        Ok(Interface {
            prefix: names::identifier(&options.name),
            hash: read.contents.digest,
            exports: exports.collect(),
            imports,
        })
    }

    /// The namespaces that something is imported from, in the order of their
    /// first use.
    fn namespaces(&self) -> Vec<&'a str> {
        let mut namespaces = Vec::new();
        for import in &self.imports {
            if !namespaces.contains(&import.module) {
                namespaces.push(import.module);
            }
        }
        namespaces
    }
}

/// `text` as far as it is harmless in a comment of any language.
fn comment(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_.:$@-+,;#&<>()[]= ".contains(c);
    let mut comment = String::new();
    for c in text.chars().take(200) {
        comment.push(if harmless(c) { c } else { '~' });
    }
    comment
}

/// The type as the WebAssembly text format has it.
impl std::fmt::Display for Type<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |f: &mut std::fmt::Formatter<'_>, what: &str, types: &[ValType]| {
            if types.is_empty() {
                return Ok(());
            }
            write!(f, " ({what}")?;
            for &ty in types {
                write!(f, " {}", crate::abi::val_type(ty))?;
            }
            f.write_str(")")
        };
        match self {
            Type::Func(ty) => {
                f.write_str("(func")?;
                list(f, "param", ty.params())?;
                list(f, "result", ty.results())?;
                f.write_str(")")
            }
            Type::Tag(ty) => {
                f.write_str("(tag")?;
                list(f, "param", ty.params())?;
                f.write_str(")")
            }
            Type::Table => f.write_str("(table)"),
            Type::Memory => f.write_str("(memory)"),
            Type::Global { content, mutable } => {
                let content = crate::abi::val_type(*content);
                match mutable {
                    true => write!(f, "(global (mut {content}))"),
                    false => write!(f, "(global {content})"),
                }
            }
        }
    }
}
