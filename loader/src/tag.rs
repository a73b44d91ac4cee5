//! Tags.

use crate::raw::Origin;
use crate::{Store, TagType};

/// A tag of a store: a kind of exceptions, by which handlers select. Equal if it is
/// the same one.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{CallError, Imports, Instance, Store, Tag, TagType, Val, ValType};
///
/// let module = compile(r#"(module (import "host" "bad" (tag $bad (param i32)))
///   (func (export "run") (throw $bad (i32.const 7))))"#)?;
/// let mut store = Store::new();
/// let bad = Tag::new(&mut store, TagType::new([ValType::I32]));
/// let mut imports = Imports::new();
/// imports.define("host", "bad", bad);
/// let instance = Instance::new(&mut store, &module, &imports)?;
/// let run = instance.get_typed_func::<(), ()>(&store, "run")?;
/// match run.call(&mut store, ()) {
///     Err(CallError::Exception(exception)) => {
///         assert_eq!(exception.tag(), bad);
///         assert_eq!(exception.values(), [Val::I32(7)]);
///     }
///     other => panic!("{other:?}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    pub(crate) origin: Origin,
}

impl Tag {
    /// A tag that differs from all others.
    pub fn new(store: &mut Store, ty: TagType) -> Tag {
        store.raw_mut().add_tag(ty, None)
    }

    /// Its type.
    pub fn ty(self, store: &Store) -> TagType {
        store.raw().tag_type(self)
    }
}
