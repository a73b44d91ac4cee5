//! Changed artefacts whose digest is right again: refused or sound. Their code is not run,
//! since it may be anything.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use wasm_aot_loader::{Description, Module, Seal};

fuzz_target!(init: differential::write_seeds(), |input: &[u8]| -> Corpus {
    let mut bytes = input.to_vec();
    let Ok(seal) = Seal::read(&bytes) else {
        assert!(Module::from_bytes(&bytes).is_err());
        return Corpus::Keep;
    };
    if let Ok(digest) = seal.compute_digest(&bytes) {
        bytes[seal.offset() + 8..][..digest.len()].copy_from_slice(&digest);
    }
    let described = Description::from_bytes(bytes.clone());
    let module = match Module::from_bytes(&bytes) {
        Ok(module) => module,
        Err(_) => return Corpus::Keep,
    };
    assert!(described.is_ok(), "what can be opened can be described");
    for import in module.imports() {
        let _ = (
            import.module.len(),
            import.field.len(),
            import.ty.to_string(),
        );
    }
    for export in module.exports() {
        let _ = (export.name.len(), export.ty.to_string());
    }
    for section in module.custom_sections() {
        let _ = section
            .bytes
            .iter()
            .map(|&byte| u64::from(byte))
            .sum::<u64>();
    }
    for (index, name) in module.function_names() {
        assert_eq!(module.function_name(index), Some(name));
    }
    let _ = [module.name(), module.producer(), module.options()].concat();
    assert_eq!(module.read_artefact().unwrap(), bytes);
    Corpus::Keep
});
