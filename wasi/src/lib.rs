//! wasm-aot-wasi
