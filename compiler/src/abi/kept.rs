//! What frames keep for debuggers, in Cranelift's numbering and in ours.

use cranelift_codegen::ir::StackSlotKey;

/// What a slot of a frame is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept {
    /// The context.
    Vmctx,
    /// The local of WebAssembly with this index.
    Local(u32),
}

impl From<Kept> for StackSlotKey {
    fn from(kept: Kept) -> StackSlotKey {
        StackSlotKey::new(match kept {
            Kept::Vmctx => 0,
            Kept::Local(index) => u64::from(index) + 1,
        })
    }
}

/// The meaning of a number that came back with the machine code.
impl From<StackSlotKey> for Kept {
    fn from(key: StackSlotKey) -> Kept {
        match key.bits().checked_sub(1) {
            None => Kept::Vmctx,
            Some(index) => Kept::Local(index as u32),
        }
    }
}
