//! From the finished parts to a [`Layout`]: the module described for a loader
//! (`describe`, on a `block` of bytes), and its functions named for the tools
//! (`symbols`).

mod block;
mod describe;
mod symbols;

use crate::Options;
use crate::backend::Backend;
use crate::error::Result;
use crate::image::Image;
use crate::layout::{self, Layout};
use crate::module::Contents;
use crate::names;
use crate::text::Text;
use crate::translate::Context;

/// What a layout is made of.
pub(crate) struct Parts<'a> {
    pub(crate) options: &'a Options,
    pub(crate) backend: &'a Backend,
    pub(crate) cx: &'a Context<'a>,
    pub(crate) contents: &'a Contents<'a>,
    pub(crate) image: Image,
    pub(crate) text: Text,
    pub(crate) debug: Vec<layout::DebugSection>,
}

impl Parts<'_> {
    /// Describes the module and gives everything its name.
    ///
    /// # Errors
    ///
    /// If the metadata exceed what their offsets can express.
    pub(crate) fn into_layout(self) -> Result<Layout> {
        let metadata = describe::describe(&self)?;
        let (functions, exports) = symbols::symbols(&self);
        Ok(Layout {
            target: self.cx.isa.triple().clone(),
            metadata,
            text: layout::Text {
                bytes: self.text.bytes,
                align: self.text.align,
                landing_pads: self.text.landing_pads,
            },
            image: (!self.image.bytes.is_empty()).then_some(layout::Image {
                bytes: self.image.bytes,
            }),
            exports,
            functions,
            unwind: self.text.unwind,
            debug: self.debug,
            descriptor_symbol: names::descriptor_symbol(&names::identifier(&self.options.name)),
        })
    }
}
