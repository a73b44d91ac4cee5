//! Compiles the program in C that is fuzzed.

fn main() {
    println!("cargo::rerun-if-changed=fuzz_targets/c_api.c");
    #[cfg(feature = "libfuzzer")]
    {
        cc::Build::new()
            .file("fuzz_targets/c_api.c")
            .include("../c-api/include")
            .warnings_into_errors(true)
            // Only the target that is it links it.
            .cargo_metadata(false)
            .compile("fuzz_c_api");
        let out = std::env::var("OUT_DIR").expect("cargo says where");
        println!("cargo::rustc-link-search=native={out}");
    }
}
