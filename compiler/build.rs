//! Tells the compiler which code it is: cached code of another one is of no use.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    // What the code follows from besides other packages, which have versions. In a
    // published package the ABI has one as well.
    let mut files = Vec::new();
    for folder in ["src", "../runtime-abi/src"] {
        println!("cargo::rerun-if-changed={folder}");
        if Path::new(folder).exists() {
            collect(Path::new(folder), &mut files)?;
        }
    }
    files.sort();
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file.to_string_lossy().as_bytes());
        digest.update(Sha256::digest(fs::read(file)?));
    }
    let digest = digest.finalize();
    let id: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=WASM_AOT_COMPILER_ID={id}");
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => collect(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}
