//! Spans of `tracing`, with the feature of that name. Without it, nothing is left of them.

/// A span that lasts to the end of the block that it stands in.
macro_rules! span {
    ($level:ident, $($span:tt)*) => {
        #[cfg(feature = "tracing")]
        let _span = tracing::span!(tracing::Level::$level, $($span)*).entered();
    };
}

pub(crate) use span;
