//! Tags, and what throwing relies on.

use wasm_aot_abi::{Function, GuardedCall, Handler, NONE};

use super::super::metadata::Records;
use super::records::{Checker, Nth, Result};
use super::{damaged, ensure};

/// The largest frame that there can be, bytes.
const FRAME_LIMIT: u32 = 1 << 27;

impl Checker<'_> {
    pub(super) fn tags(&self) -> Result {
        for (index, tag) in self.tags.clone().enumerate() {
            let what = &Nth("tag", index);
            self.tag_type(tag.ty, what)?;
            self.slot(tag.slot, 8, 8, what)?;
        }
        Ok(())
    }

    /// A type that describes a tag.
    pub(super) fn tag_type(&self, index: u32, what: &Nth) -> Result {
        self.type_index(index, what)?;
        let results = self.types.at(index).results.count;
        ensure(results == 0, what, "its type has results")
    }

    pub(super) fn tag_count(&self) -> u32 {
        self.imported_tags + self.tags.len() as u32
    }

    /// That a frame is as large as it is said to be, and has its context where it is
    /// said to have it, is left to the compiler, as the code is.
    pub(super) fn guarded_calls(&self) -> Result {
        let handlers = self.handlers()?;
        let calls = self.descriptor.guarded_calls;
        let calls: Records<'_, GuardedCall> = self.block.records(calls, "the guarded calls")?;
        let end = |function: &Function| function.code + function.size;
        let mut functions = self.functions.clone().peekable();
        let mut next = 0;
        for (index, call) in calls.enumerate() {
            let what = &Nth("guarded call", index);
            ensure(call.code >= next, what, "it is not in order")?;
            next = call.code.saturating_add(1);
            // Both ascend.
            while functions
                .next_if(|function| end(function) <= call.code)
                .is_some()
            {}
            let function = functions.peek();
            let function = function.filter(|function| function.code < call.code);
            let function = function.ok_or_else(|| damaged(what, "it is in no function"))?;
            ensure(
                call.frame <= FRAME_LIMIT
                    && call.frame.is_multiple_of(16)
                    && call.ctx.is_multiple_of(8)
                    && call.ctx < call.frame,
                what,
                "its frame is impossible",
            )?;
            let last = call.first.checked_add(call.count);
            let last = last.filter(|&last| call.count > 0 && last as usize <= handlers.len());
            let last = last.ok_or_else(|| damaged(what, "its handlers do not exist"))?;
            for handler in call.first..last {
                let code = handlers.at(handler).code;
                ensure(
                    function.code < code && code < end(function),
                    what,
                    "a handler is in another function",
                )?;
            }
        }
        Ok(())
    }

    fn handlers(&self) -> Result<Records<'_, Handler>> {
        let handlers = self.descriptor.handlers;
        let handlers: Records<'_, Handler> = self.block.records(handlers, "the handlers")?;
        for (index, handler) in handlers.clone().enumerate() {
            let what = &Nth("handler", index);
            let known = handler.tag == NONE || handler.tag < self.tag_count();
            ensure(known, what, "its tag does not exist")?;
            ensure(handler.keeps <= 1, what, "what it keeps is unknown")?;
        }
        Ok(handlers)
    }
}
