//! Gives the shared library its name in programs that are linked against it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libwasm_aot.so.0");
}
