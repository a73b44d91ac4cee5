// What the examples of the documentation have in common: text to a module.
|wat: &str| -> Result<wasm_aot_loader::Module, Box<dyn std::error::Error>> {
    let artefact = wasm_aot_compiler::compile(wat.as_bytes(), &Default::default())?;
    Ok(wasm_aot_loader::Module::from_bytes(&artefact)?)
}
