//! `WASM_AOT_LOG`: what the compiler and the loader are doing, and how long each thing
//! takes, on standard error.

use std::io;

use anyhow::Context;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::fmt::time;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

const VARIABLE: &str = "WASM_AOT_LOG";

/// Starts writing what the environment asks for: nothing, as a rule.
pub(crate) fn start() -> anyhow::Result<()> {
    let Some(wanted) = std::env::var_os(VARIABLE) else {
        return Ok(());
    };
    let wanted = wanted.to_string_lossy();
    let targets: Option<Targets> = wanted.parse().ok();
    let targets = targets.with_context(|| {
        format!("{VARIABLE}={wanted}: expected info, debug, trace, or TARGET=LEVEL,...")
    })?;
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_timer(time::uptime())
        .with_writer(io::stderr)
        .with_filter(targets);
    tracing_subscriber::registry().with(lines).init();
    Ok(())
}
