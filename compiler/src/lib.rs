//! wasm-aot-compiler
