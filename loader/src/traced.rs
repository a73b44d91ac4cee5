//! Spans of `tracing`, with the feature of that name. Without it, nothing is left of them.

/// A span that lasts to the end of the block that it stands in.
macro_rules! span {
    ($level:ident, $($span:tt)*) => {
        #[cfg(feature = "tracing")]
        let _span = tracing::span!(tracing::Level::$level, $($span)*).entered();
    };
}

pub(crate) use span;

use crate::Trap;

/// A call has ended with a trap: a span with an event in it that has the backtrace.
pub(crate) fn trap(trap: &Trap) {
    #[cfg(feature = "tracing")]
    {
        let frame = trap.backtrace().frames().first();
        let module = frame.map(|frame| frame.module().name());
        let function = frame.and_then(|frame| frame.func_name());
        let offset = frame.and_then(|frame| frame.offset());
        span!(DEBUG, "trap", code = ?trap.code(), module, function, offset);
        tracing::debug!("{trap}");
    }
    let _ = trap;
}
