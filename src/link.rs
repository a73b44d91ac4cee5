//! Programs of their own: a module, linked with the runtime library by the system's C
//! compiler.

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};

use anyhow::{Context, bail};
use rustix::fs::MemfdFlags;
use wasm_aot_compiler::names;

/// What linking can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct LinkArgs {
    /// With --emit exe: the C compiler that links, and compiles ten lines [default: $CC, or cc]
    #[arg(long, value_name = "CMD")]
    cc: Option<OsString>,

    /// With --emit exe: the runtime library [default: libwasm_aot.a where `make install` has put
    /// it beside this program]
    #[arg(long, value_name = "FILE")]
    runtime: Option<PathBuf>,

    /// With --emit exe: a further argument for the C compiler, as -static-pie or -s (repeatable)
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    link_arg: Vec<OsString>,

    /// With --emit exe: a directory that the program may use, and its name there, as in `run`; it
    /// is looked for where the program is started (repeatable)
    #[arg(long, value_name = "HOST[::GUEST]", value_parser = crate::args::parse_dir)]
    dir: Vec<(String, String)>,
}

impl LinkArgs {
    /// Whether nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.cc.is_none()
            && self.runtime.is_none()
            && self.link_arg.is_empty()
            && self.dir.is_empty()
    }

    /// Makes a program at `output` of the object file of a module called `name`.
    pub(crate) fn link(&self, object: &Object, name: &str, output: &Path) -> anyhow::Result<()> {
        let cc = (self.cc.clone())
            .or_else(|| env::var_os("CC").filter(|cc| !cc.is_empty()))
            .unwrap_or_else(|| "cc".into());
        let runtime = match &self.runtime {
            Some(file) => file.clone(),
            None => runtime()?,
        };
        let mut child = process::Command::new(&cc)
            .args(["-O1", "-x", "c", "-", "-x", "none"])
            .args([object.path().as_path(), &runtime])
            .args(["-Wl,--gc-sections", "-lm", "-lpthread", "-ldl"])
            .args(&self.link_arg)
            .arg("-o")
            .arg(output)
            .stdin(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {} to link", cc.display()))?;
        let mut stdin = child.stdin.take().expect("it is piped");
        // Should it not read all, it says why.
        let _ = stdin.write_all(main(name, &self.dir).as_bytes());
        drop(stdin);
        let status = child.wait()?;
        if !status.success() {
            bail!("{} could not link: {status}", cc.display());
        }
        Ok(())
    }
}

/// An object file that has no name on any disk.
pub(crate) struct Object(File);

impl Object {
    pub(crate) fn new() -> anyhow::Result<Object> {
        let file = rustix::fs::memfd_create("module.o", MemfdFlags::CLOEXEC)?;
        Ok(Object(file.into()))
    }

    pub(crate) fn writer(&mut self) -> &mut File {
        &mut self.0
    }

    /// Where other processes find it, as long as this one runs.
    fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", process::id(), self.0.as_raw_fd()).into()
    }
}

/// Where the runtime library is: in the tree that this program was installed in, or
/// was built in.
fn runtime() -> anyhow::Result<PathBuf> {
    const NAME: &str = "libwasm_aot.a";
    let program = env::current_exe().context("cannot find this program")?;
    let folder = program.parent().context("this program is in no folder")?;
    ["../lib", "../lib64", "../c-library"]
        .into_iter()
        .map(|place| folder.join(place).join(NAME))
        .find(|file| file.exists())
        .with_context(|| {
            format!(
                "cannot find {NAME} beside {}: `make install` puts it there; --runtime FILE \
                 names another one",
                program.display()
            )
        })
}

/// The program in C.
fn main(name: &str, dirs: &[(String, String)]) -> String {
    let module = names::descriptor_symbol(&names::identifier(name));
    let mut preopens = String::new();
    for (host, guest) in dirs {
        let (host, guest) = (literal(host), literal(guest));
        writeln!(
            preopens,
            "    if (!wasm_aot_wasi_config_preopen_dir(config, {host}, {guest}, true)) {{\n\
             \x20       fprintf(stderr, \"error: cannot open the directory %s\\n\", {host});\n\
             \x20       return 1;\n\
             \x20   }}"
        )
        .expect("a string takes everything");
    }
    format!(
        r#"#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
extern const unsigned char {module}[];
typedef struct wasm_aot_wasi_config_t config_t;
config_t *wasm_aot_wasi_config_new(void);
void wasm_aot_wasi_config_add_args(config_t *, size_t, const char *const *);
void wasm_aot_wasi_config_inherit_stdio(config_t *);
bool wasm_aot_wasi_config_preopen_dir(config_t *, const char *, const char *, bool);
int wasm_aot_linked_run(const void *, config_t *);
int main(int argc, char **argv)
{{
    config_t *config = wasm_aot_wasi_config_new();
    if (!config) {{
        fprintf(stderr, "error: the runtime library was built without WASI\n");
        return 1;
    }}
    wasm_aot_wasi_config_add_args(config, (size_t)argc, (const char *const *)argv);
    wasm_aot_wasi_config_inherit_stdio(config);
{preopens}    return wasm_aot_linked_run({module}, config);
}}
"#
    )
}

/// A string in C, whatever is in it.
fn literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'?' | ..b' ' | 127.. => {
                write!(literal, "\\{byte:03o}").expect("a string takes everything");
            }
            _ => literal.push(byte.into()),
        }
    }
    literal + "\""
}
