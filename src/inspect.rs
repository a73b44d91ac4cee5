//! `wasm-aot inspect`.

use std::fmt::{self, Write};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use object::{Object, ObjectSection};
use serde::Serialize;
use wasm_aot_loader::{Description, OpenError, Seal};

use crate::print;

/// Show what is in a compiled module
///
/// What it was made for and with, its imports and exports, and how large its parts are. Nothing of
/// it is run.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  wasm-aot inspect app.so
  wasm-aot inspect app.so --json | jq .exports")]
pub(crate) struct Args {
    /// The compiled module
    #[arg(value_name = "FILE.so")]
    file: PathBuf,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let file =
        fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let report = Report::new(file).with_context(|| args.file.display().to_string())?;
    let mut text = if args.json {
        serde_json::to_string_pretty(&report).context("cannot write JSON")?
    } else {
        report.to_string()
    };
    if args.json {
        text.push('\n');
    }
    print::stdout(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What is printed. Sizes are in bytes.
#[derive(Serialize)]
struct Report {
    name: String,
    target: &'static str,
    abi: String,
    producer: String,
    options: String,
    required: Vec<String>,
    cpu_features: Vec<String>,
    landing_pads: bool,
    wasm_features: Vec<String>,
    source_sha256: String,
    digest: Option<Digest>,
    signer: Option<Signer>,
    memory_reservation: u64,
    memory_guard: u64,
    functions: Functions,
    sizes: Sizes,
    imports: Vec<Import>,
    exports: Vec<Export>,
    custom_sections: Vec<Section>,
    sections: Vec<Section>,
}

/// What the file says, and whether that is true.
#[derive(Serialize)]
struct Digest {
    sha256: String,
    correct: bool,
}

#[derive(Serialize)]
struct Signer {
    ed25519: String,
    correct: bool,
}

#[derive(Serialize)]
struct Functions {
    imported: u32,
    defined: u32,
    named: usize,
}

#[derive(Serialize)]
struct Sizes {
    file: u64,
    code: u64,
    metadata: u64,
    memory_image: u64,
    /// 0 without.
    debug_info: u64,
}

#[derive(Serialize)]
struct Import {
    module: String,
    name: String,
    #[serde(rename = "type")]
    ty: String,
}

#[derive(Serialize)]
struct Export {
    name: String,
    #[serde(rename = "type")]
    ty: String,
}

#[derive(Serialize)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) size: u64,
}

impl Report {
    fn new(file: Vec<u8>) -> anyhow::Result<Report> {
        let size = file.len() as u64;
        let sections = sections(&file);
        let (digest, signer) = seal(&file)?;
        let module = Description::from_bytes(file)?;
        let sections = sections?;
        let debug_info = (sections.iter())
            .filter(|section| section.name.starts_with(".debug_"))
            .map(|section| section.size)
            .sum();
        let (major, minor) = module.abi_version();
        let (memory_reservation, memory_guard) = module.memory_reservation();
        Ok(Report {
            name: module.name().to_owned(),
            target: module.target(),
            abi: format!("{major}.{minor}"),
            producer: module.producer().to_owned(),
            options: module.options().to_owned(),
            required: names(module.required()),
            cpu_features: names(module.cpu_features()),
            landing_pads: module.has_landing_pads(),
            wasm_features: names(module.wasm_features()),
            source_sha256: hex(module.source_hash()),
            digest,
            signer,
            memory_reservation,
            memory_guard,
            functions: Functions {
                imported: module.imported_functions(),
                defined: module.defined_functions(),
                named: module.function_names().len(),
            },
            sizes: Sizes {
                file: size,
                code: module.text_size(),
                metadata: module.metadata_size(),
                memory_image: module.image_size(),
                debug_info,
            },
            imports: (module.imports())
                .map(|import| Import {
                    module: import.module.to_owned(),
                    name: import.field.to_owned(),
                    ty: import.ty.to_string(),
                })
                .collect(),
            exports: (module.exports())
                .map(|export| Export {
                    name: export.name.to_owned(),
                    ty: export.ty.to_string(),
                })
                .collect(),
            custom_sections: (module.custom_sections())
                .map(|section| Section {
                    name: section.name.to_owned(),
                    size: section.bytes.len() as u64,
                })
                .collect(),
            sections,
        })
    }
}

/// The digest of a file and who has signed it, if it has them.
fn seal(file: &[u8]) -> anyhow::Result<(Option<Digest>, Option<Signer>)> {
    let seal = match Seal::read(file) {
        Err(OpenError::NoDigest) => return Ok((None, None)),
        seal => seal?,
    };
    let digest = Digest {
        sha256: hex(&seal.fields().digest),
        correct: seal.check_digest(file).is_ok(),
    };
    let signer = seal.signer().map(|signer| Signer {
        ed25519: signer.to_string(),
        correct: seal.check_signer(&[signer]).is_ok(),
    });
    Ok((Some(digest), signer))
}

/// The sections of an ELF file.
pub(crate) fn sections(file: &[u8]) -> anyhow::Result<Vec<Section>> {
    let file = object::read::elf::ElfFile64::<object::Endianness>::parse(file)?;
    (file.sections())
        .map(|section| {
            Ok(Section {
                name: section.name()?.to_owned(),
                size: section.size(),
            })
        })
        .collect()
}

/// The members of a set that prints as a comma-separated list.
fn names(set: impl fmt::Display) -> Vec<String> {
    let list = set.to_string();
    if list == "none" {
        return Vec::new();
    }
    list.split(", ").map(str::to_owned).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("strings take all that is written");
        text
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name           {}", self.name)?;
        writeln!(f, "target         {}", self.target)?;
        writeln!(f, "abi            {}", self.abi)?;
        writeln!(f, "producer       {}", self.producer)?;
        writeln!(f, "options        {}", self.options)?;
        writeln!(f, "required       {}", List(&self.required))?;
        writeln!(f, "cpu features   {}", List(&self.cpu_features))?;
        let landing_pads = if self.landing_pads { "bti" } else { "none" };
        writeln!(f, "landing pads   {landing_pads}")?;
        writeln!(f, "wasm features  {}", List(&self.wasm_features))?;
        writeln!(f, "source sha256  {}", self.source_sha256)?;
        let wrong = |correct| if correct { "" } else { " (WRONG)" };
        match &self.digest {
            Some(Digest { sha256, correct }) => {
                writeln!(f, "digest         {sha256}{}", wrong(*correct))?
            }
            None => writeln!(f, "digest         none")?,
        }
        match &self.signer {
            Some(Signer { ed25519, correct }) => {
                writeln!(f, "signed by      {ed25519}{}", wrong(*correct))?
            }
            None => writeln!(f, "signed by      nobody")?,
        }
        let Functions {
            imported,
            defined,
            named,
        } = self.functions;
        writeln!(
            f,
            "functions      {imported} imported, {defined} defined, {named} with a name"
        )?;
        let (reservation, guard) = (self.memory_reservation, self.memory_guard);
        writeln!(
            f,
            "memories       {reservation} bytes reserved, then {guard} of guard"
        )?;
        let Sizes {
            file,
            code,
            metadata,
            memory_image,
            debug_info,
        } = self.sizes;
        writeln!(f, "file           {file} bytes")?;
        writeln!(f, "  code         {code}")?;
        writeln!(f, "  metadata     {metadata}")?;
        writeln!(f, "  memory image {memory_image}")?;
        writeln!(f, "  debug info   {debug_info}")?;

        writeln!(f, "\nimports: {}", self.imports.len())?;
        for Import { module, name, ty } in &self.imports {
            writeln!(f, "  {module:?} {name:?} {ty}")?;
        }
        writeln!(f, "\nexports: {}", self.exports.len())?;
        for Export { name, ty } in &self.exports {
            writeln!(f, "  {name:?} {ty}")?;
        }
        for (title, sections) in [
            ("custom sections", &self.custom_sections),
            ("ELF sections", &self.sections),
        ] {
            writeln!(f, "\n{title}: {}", sections.len())?;
            for Section { name, size } in sections {
                writeln!(f, "  {size:10} {name}")?;
            }
        }
        Ok(())
    }
}

/// Names with commas between them.
struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("none")
        } else {
            f.write_str(&self.0.join(", "))
        }
    }
}
