//! wasm-aot-abi
