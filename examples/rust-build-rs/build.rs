//! Compiles the module, and links it in.

fn main() {
    if let Err(error) = wasm_aot_build::compile("src/fib.wat") {
        println!("cargo::error={error}");
    }
}
