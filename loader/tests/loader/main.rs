//! Tests of the loader with artefacts that the compiler makes from text: one
//! file for each subject, and test names that say what is claimed.

mod addresses64;
#[cfg(feature = "async")]
mod async_calls;
#[cfg(feature = "async")]
mod async_drops;
#[cfg(feature = "async")]
mod async_instances;
mod backtraces;
mod bulk;
mod calls;
mod damage;
#[cfg(feature = "async")]
mod deadlines;
mod edges;
mod embedding;
mod errors;
mod exceptions;
mod faults;
mod files;
mod fuel;
mod host_failures;
mod host_functions;
mod identity;
mod imports;
mod instances;
mod interruption;
mod kernel;
mod landing_pads;
mod leaks;
mod limits;
#[cfg(feature = "lines")]
mod lines;
mod linked;
mod linking;
mod memories;
mod mutations;
mod no_signals;
mod open;
mod page_sizes;
mod pending;
mod pre;
mod products;
mod programs;
mod reflection;
mod resources;
mod several_memories;
mod shared_memories;
mod sharing;
mod signals;
mod stack;
mod support;
mod symbols;
mod tables;
mod tail_calls;
mod threads;
#[cfg(feature = "tracing")]
mod tracing;
mod traps;
mod trust;
mod typed_references;
