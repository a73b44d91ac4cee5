//! Tests of the functions as a guest meets them: numbers in its own memory.

mod clocks;
mod descriptors;
mod exhaustion;
mod files;
mod harness;
mod hostile_paths;
mod paths;
mod poll;
mod readdir;
mod sockets;
mod stdio;
