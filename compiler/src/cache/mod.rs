//! Functions that need not be compiled again.
//!
//! A folder has a [pack](pack) for every environment of functions: the compiler, its
//! options, and everything of a module that the code of a function can depend on and
//! that stands before the first one. In it is the code of each function of the last
//! module with that environment, by the function's body. What else the code relies on
//! are [facts](crate::passes::Fact) of the module as a whole, which are kept with it and
//! looked at again: see [`key`].
//!
//! Of LLVM there are object files instead, by the text that they are made of.
//!
//! A cache never makes a difference but in time. What cannot be read is compiled; what
//! cannot be written is not kept, and the observer is told.

mod entry;
mod folder;
mod key;
mod pack;

use std::io;
use std::path::PathBuf;

use self::key::Environment;
pub(crate) use self::key::Key;
use self::pack::Pack;
use crate::backend::Backend;
use crate::compile::Generated;
use crate::functions::Compiled;
use crate::module::{Body, Contents, Module};
use crate::passes::Whole;

/// Where compiled functions are kept for the next compilation, in
/// [`Options::cache`](crate::Options::cache).
///
/// Any number of processes may use a folder at a time. Whoever can write to it decides
/// what artefacts contain, so it should be as private as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// The folder; made when something is to be kept, for nobody else to read.
    pub folder: PathBuf,
    /// How large all files in it may be together, in bytes. Those that have not been
    /// used for longest are removed first.
    pub limit: u64,
}

impl Cache {
    /// [`limit`](Cache::limit), if nothing else is said: 1 GiB, which is the code of
    /// some hundred MB of modules.
    pub const DEFAULT_LIMIT: u64 = 1 << 30;

    /// A cache in a folder, with the default limit.
    pub fn new(folder: impl Into<PathBuf>) -> Cache {
        Cache {
            folder: folder.into(),
            limit: Cache::DEFAULT_LIMIT,
        }
    }
}

/// What is kept of the functions of one module.
pub(crate) struct Kept {
    cache: Cache,
    environment: Environment,
    pack: Pack,
}

impl Kept {
    /// What there is for functions of `module`, which must be complete but for them.
    pub(crate) fn open(cache: &Cache, backend: &Backend, module: &Module) -> Kept {
        let environment = Environment::new(backend, module);
        Kept {
            pack: Pack::read(&environment.file(cache)),
            cache: cache.clone(),
            environment,
        }
    }

    pub(crate) fn key(&self, body: &Body<'_>, module: &Module, whole: &Whole) -> Key {
        self.environment.key(body, module, whole)
    }

    /// The code of a function with this key, if all that it relies on is so.
    pub(crate) fn find(&self, key: Key, body: &Body<'_>, whole: &Whole) -> Option<Compiled> {
        let entry = self.pack.get(key)?;
        let compiled = entry::decode(entry, body.offset as u32)?;
        whole.confirms(&compiled.facts).then_some(Compiled {
            key: Some(key),
            ..compiled
        })
    }

    /// The object file with this key.
    #[cfg(feature = "llvm")]
    pub(crate) fn object(&self, key: Key) -> Option<&[u8]> {
        self.pack.get(key)
    }

    /// Keeps what has been made for the module, and forgets what was there before.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to. What was there before stays.
    pub(crate) fn keep(&self, made: &Generated, contents: &Contents<'_>) -> io::Result<()> {
        let file = self.environment.file(&self.cache);
        let Generated {
            functions, objects, ..
        } = made;
        let of_functions = functions
            .iter()
            .filter_map(|function| Some((function.key?, function.is_kept)));
        let of_objects = objects.iter().map(|object| (object.key, object.is_kept));
        let all: Vec<(Key, bool)> = of_functions.chain(of_objects).collect();
        let keys = all.iter().map(|(key, _)| *key);
        if all.iter().all(|(_, is_kept)| *is_kept) && self.pack.has_exactly(keys) {
            return folder::touch(&file);
        }
        let functions = functions.iter().zip(&contents.bodies);
        let functions = functions.filter_map(|(function, body)| {
            let key = function.key?;
            let entry = match self.pack.get(key) {
                Some(entry) if function.is_kept => entry.into(),
                _ => entry::encode(function, body.start).into(),
            };
            Some((key, entry))
        });
        let objects = objects
            .iter()
            .map(|object| (object.key, object.bytes.as_slice().into()));
        folder::replace(&self.cache, &file, |out| {
            pack::write(functions.chain(objects), out)
        })
    }
}
