//! Any bytes: an error, or an artefact that the verifier takes; and the same in pieces.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use wasm_aot_compiler::{Emit, Level, Options, StreamCompiler, compile, validate};
use wasm_aot_loader::Module;

fuzz_target!(init: differential::write_seeds(), |input: &[u8]| {
    let Some((&choice, module)) = input.split_first() else {
        return;
    };
    let levels = [Level::O0, Level::O1, Level::O2, Level::Os];
    let options = Options {
        level: levels[usize::from(choice % 4)],
        debug: choice & 4 != 0,
        interruptible: choice & 8 != 0,
        emit: match choice & 16 {
            0 => Emit::SharedObject,
            _ => Emit::Object,
        },
        ..Options::default()
    };
    let whole = compile(module, &options);
    let valid = validate(module, options.features);
    // The code generator may refuse what is valid, and never the other way round.
    assert!(whole.is_err() || valid.is_ok());
    if let (Ok(artefact), Emit::SharedObject) = (&whole, options.emit) {
        Module::from_bytes(artefact).expect("what was compiled is sound");
    }
    let pieces = || {
        let mut compiler = StreamCompiler::new(&options)?;
        for piece in module.chunks(usize::from(choice) + 1) {
            compiler.push(piece)?;
        }
        let mut out = Cursor::new(Vec::new());
        compiler.finish(&mut out)?;
        Ok::<_, wasm_aot_compiler::Error>(out.into_inner())
    };
    match (whole, pieces()) {
        (Ok(whole), Ok(pieces)) => assert!(whole == pieces, "in pieces it is another one"),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => panic!("only in pieces: {error}"),
        (Err(error), Ok(_)) => panic!("only as a whole: {error}"),
    }
});
