//! Modules that follow from the input, here, in Wasmtime and in wasmi.
#![no_main]

use differential::{Verdict, generated_from, run};
use libfuzzer_sys::{Corpus, fuzz_target};
use wasm_aot_compiler::Codegen;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((seed, bytes)) = input.split_first_chunk() else {
        return Corpus::Reject;
    };
    let seed = u64::from_le_bytes(*seed);
    let Ok(Some(wasm)) = generated_from(bytes, seed) else {
        return Corpus::Reject;
    };
    match run(&wasm, seed, Codegen::Cranelift) {
        Ok(Verdict::Different(what)) => {
            let text = wasmprinter::print_bytes(&wasm).unwrap_or_default();
            panic!("{what}\n{text}");
        }
        Ok(Verdict::Same { .. }) => Corpus::Keep,
        _ => Corpus::Reject,
    }
});
