//! What the code of a function depends on.
//!
//! That is, besides the facts that are recorded with the code: the compiler and its
//! options; of the [`Module`] the types of everything that has an index, how many of it
//! is imported, and the values of constant globals; the body itself and its branch
//! hints; and whether C can call the function. Everything else that a translation looks
//! at has to be added here or be a fact.

use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::Cache;
use crate::backend::Backend;
use crate::module::{Body, Module};
use crate::passes::Whole;

/// A digest of what the code of a function depends on, in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(super) [u8; 32]);

impl Key {
    /// That of what depends on texts alone.
    #[cfg(feature = "llvm")]
    pub(crate) fn of(texts: &[&str]) -> Key {
        let mut digest = Feed::default();
        texts.hash(&mut digest);
        Key(digest.0.finalize().into())
    }
}

/// A digest of what is the same for all functions of a module.
#[derive(Clone, Copy)]
pub(super) struct Environment([u8; 32]);

impl Environment {
    pub(super) fn new(backend: &Backend, module: &Module) -> Environment {
        let mut digest = Feed::default();
        env!("WASM_AOT_COMPILER_ID").hash(&mut digest);
        cranelift_codegen::VERSION.hash(&mut digest);
        let isa = backend.isa();
        isa.triple().to_string().hash(&mut digest);
        isa.flags().to_string().hash(&mut digest);
        for flag in isa.isa_flags() {
            flag.to_string().hash(&mut digest);
        }
        backend.codegen.hash(&mut digest);
        backend.relaxed.hash(&mut digest);
        backend.polls.hash(&mut digest);
        backend.fuel.hash(&mut digest);
        backend.spectre_guards.hash(&mut digest);
        // Then it is known of the code where it comes from.
        backend.origins.hash(&mut digest);
        backend.keeps_locals.hash(&mut digest);

        // Exhaustive, so that nothing that is added is forgotten.
        let Module {
            types,
            subtypes,
            type_section,
            functions,
            imported_functions,
            tables,
            imported_tables,
            memories,
            imported_memories,
            globals,
            imported_globals,
            tags,
            imported_tags,
            // Names are not in code; of exports it matters which functions they are.
            imports: _,
            exports: _,
            // They are behind facts.
            start: _,
            elements: _,
            // They are part of the keys of functions.
            hints: _,
        } = module;
        (types, subtypes, type_section).hash(&mut digest);
        (functions, imported_functions).hash(&mut digest);
        imported_tables.hash(&mut digest);
        for table in tables {
            table.ty.hash(&mut digest);
        }
        imported_memories.hash(&mut digest);
        for memory in memories {
            // Their size at first follows from how much data there is.
            let mut memory = *memory;
            memory.initial = 0;
            memory.hash(&mut digest);
        }
        imported_globals.hash(&mut digest);
        for global in globals {
            global.ty.hash(&mut digest);
            // That of a mutable one is data.
            (!global.ty.mutable)
                .then_some(&global.init)
                .hash(&mut digest);
        }
        (tags, imported_tags).hash(&mut digest);
        Environment(digest.0.finalize().into())
    }

    /// The file for functions in this environment.
    pub(super) fn file(&self, cache: &Cache) -> PathBuf {
        let mut name = String::new();
        for byte in self.0 {
            write!(name, "{byte:02x}").expect("a string takes everything");
        }
        name.push_str(super::folder::SUFFIX);
        cache.folder.join(name)
    }

    pub(super) fn key(&self, body: &Body<'_>, module: &Module, whole: &Whole) -> Key {
        let mut digest = Feed::default();
        self.0.hash(&mut digest);
        body.index.hash(&mut digest);
        whole.exported.contains(&body.index).hash(&mut digest);
        body.bytes().hash(&mut digest);
        module.hints.of(body.index).hash(&mut digest);
        Key(digest.0.finalize().into())
    }
}

/// Digests what is hashed. The result is only ever compared with others of the same
/// build of the compiler, on machines of the same kind.
#[derive(Default)]
struct Feed(Sha256);

impl Hasher for Feed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("nobody asks for 64 bits")
    }
}
