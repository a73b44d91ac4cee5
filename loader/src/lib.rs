//! wasm-aot-loader
