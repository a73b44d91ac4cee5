//! The program prints what is in `stdout` for the compiled `plugins`, and leaves
//! out what is none.

use std::process::Command;
use std::{fs, path::Path};

use wasm_aot_compiler::Options;

#[test]
fn it_loads_every_plugin_and_survives_the_faulty_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
    for source in fs::read_dir(sources).expect("the plugins") {
        let source = source.expect("the plugins").path();
        let name = source
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let text = fs::read(&source).expect("a plugin");
        let target = folder.path().join(format!("{name}.so"));
        let options = Options {
            name,
            ..Options::default()
        };
        let artefact = wasm_aot_compiler::compile(&text, &options).expect("a valid plugin");
        fs::write(target, artefact).expect("room for it");
    }
    fs::write(folder.path().join("notes.so"), "no plugin").expect("room for it");
    fs::write(folder.path().join("notes.txt"), "nor this").expect("room for it");

    let output = Command::new(env!("CARGO_BIN_EXE_plugin-host"))
        .arg(folder.path())
        .output()
        .expect("the program can be run");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed, include_str!("../stdout"));
}
