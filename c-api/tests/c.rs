//! Every program `tests/c/NAME.c` prints `tests/c/NAME.stdout` and exits with 0,
//! also under valgrind, which finds no error and no leak.
//!
//! Beside it may be `NAME.wat`: the program finds it in its working directory as
//! `NAME.wasm`, and compiled as `NAME.so`.
//!
//! Comments at the start of a program say what is special about it:
//!
//! | line | means |
//! |---|---|
//! | `// module: PATH` | in place of `NAME.wat`, compiled with its debug information |
//! | `// features: compiler` | runs only if the library has this feature |
//! | `// features: !compiler` | or has not |
//! | `// aborts: TEXT` | is killed by SIGABRT, having printed TEXT to standard error |
//! | `// valgrind: no, REASON` | does not run under valgrind |

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Failed, Trial};
use tempfile::TempDir;

const FEATURES: [(&str, bool); 4] = [
    ("compiler", cfg!(feature = "compiler")),
    ("lines", cfg!(feature = "lines")),
    ("signatures", cfg!(feature = "signatures")),
    ("wasi", cfg!(feature = "wasi")),
];

/// What the compiler of C programs is asked to be strict about.
const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

fn main() -> ExitCode {
    let sources = root().join("tests/c");
    let mut trials: Vec<Trial> = files(&sources, "c").flat_map(program).collect();
    trials.push(Trial::test("the_headers_are_clean_in_c_and_cpp", headers));
    trials.push(Trial::test("only_our_symbols_are_exported", exports));
    trials.extend(program(root().join("../examples/c-embed/embed.c")));
    let program = programs().join("wasm-aot");
    trials.push(
        Trial::test("an_installed_library_is_found_by_pkg_config", install)
            .with_ignored_flag(!program.exists()),
    );
    trials.push(Trial::test("unsafe_code_is_behind_the_fence", fence));
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder whose names end in `.extension`.
fn files(folder: &Path, extension: &str) -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir(folder).expect("the folder can be read");
    files
        .map(|file| file.expect("the folder can be read").path())
        .filter(move |path| path.extension().is_some_and(|found| found == extension))
}

/// The folder that `cargo test` has built the library in: that of the tests.
fn libraries() -> PathBuf {
    let test = std::env::current_exe().expect("we are a file");
    test.parent().expect("it is in a folder").to_owned()
}

fn library() -> PathBuf {
    libraries().join("libwasm_aot.so")
}

/// The folder of programs.
fn programs() -> PathBuf {
    libraries()
        .parent()
        .expect("tests are in PROFILE/deps")
        .to_owned()
}

/// The value of a comment `// key: value` at the start of a program.
fn directive<'a>(source: &'a str, key: &str) -> Option<&'a str> {
    let comments = source
        .lines()
        .map_while(|line| line.strip_prefix("// "))
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    comments.map(str::trim)
}

/// The trials of a program.
fn program(path: PathBuf) -> Vec<Trial> {
    let source = fs::read_to_string(&path).expect("the source is text");
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let wanted = directive(&source, "features").unwrap_or_default();
    let missing = FEATURES.iter().any(|(feature, present)| {
        wanted.split(' ').any(|want| match want.strip_prefix('!') {
            Some(unwanted) => unwanted == *feature && *present,
            None => want == *feature && !present,
        })
    });
    let aborts = directive(&source, "aborts").map(str::to_owned);
    let by_hand = directive(&source, "valgrind").is_none() && aborts.is_none();
    let again = path.clone();
    let mut trials = vec![
        Trial::test(name.clone(), move || run(&path, aborts.as_deref(), false))
            .with_ignored_flag(missing),
    ];
    if by_hand && Command::new("valgrind").arg("--version").output().is_ok() {
        trials.push(
            Trial::test(format!("{name}_under_valgrind"), move || {
                run(&again, None, true)
            })
            .with_ignored_flag(missing),
        );
    }
    trials
}

/// Builds a program and runs it.
fn run(source: &Path, aborts: Option<&str>, valgrind: bool) -> Result<(), Failed> {
    let folder = prepare(source)?;
    let program = folder.path().join("program");
    let mut command = match valgrind {
        false => Command::new(&program),
        true => {
            let mut command = Command::new("valgrind");
            command.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
            command.args([
                "--show-leak-kinds=definite",
                "--errors-for-leak-kinds=definite",
            ]);
            command.arg(&program);
            command
        }
    };
    // Where `cargo` says to look first, there may be a library that is older.
    command.env_remove("LD_LIBRARY_PATH");
    let output = command.current_dir(folder.path()).output()?;
    let expected = fs::read(source.with_extension("stdout"))?;
    let ended = match aborts {
        None => output.status.success(),
        Some(text) => {
            // SIGABRT, whose number is the same everywhere.
            output.status.signal() == Some(6)
                && String::from_utf8_lossy(&output.stderr).contains(text)
        }
    };
    if std::env::var_os("BLESS").is_some() && ended {
        fs::write(source.with_extension("stdout"), output.stdout)?;
        return Ok(());
    }
    if !ended || output.stdout != expected {
        return Err(format!("expected another output, {}", describe(&output)).into());
    }
    Ok(())
}

/// A folder with the program and what it works on.
fn prepare(source: &Path) -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let name = source.file_stem().unwrap().to_str().unwrap();
    let text = source.with_extension("wat");
    if text.exists() {
        let wasm = wat::parse_file(&text)?;
        let artefact = wasm_aot_compiler::compile(&wasm, &Default::default())?;
        fs::write(folder.path().join(name).with_extension("wasm"), wasm)?;
        fs::write(folder.path().join(name).with_extension("so"), artefact)?;
    }
    if let Some(module) = directive(&fs::read_to_string(source)?, "module") {
        let wasm = fs::read(source.with_file_name(module))?;
        let options = wasm_aot_compiler::Options {
            debug: true,
            ..Default::default()
        };
        let artefact = wasm_aot_compiler::compile(&wasm, &options)?;
        fs::write(folder.path().join(name).with_extension("so"), artefact)?;
    }
    // Programs ask for the name that the library says it has.
    symlink(library(), folder.path().join("libwasm_aot.so.0"))?;
    let output = compiler("cc", "-std=c11")
        .args(["-D_GNU_SOURCE", "-g"])
        .arg(source)
        .arg("-o")
        .arg(folder.path().join("program"))
        .arg(library())
        .arg(format!("-Wl,-rpath,{}", folder.path().display()))
        .arg("-pthread")
        .output()?;
    check(&output)?;
    Ok(folder)
}

fn compiler(program: &str, standard: &str) -> Command {
    let mut command = Command::new(program);
    command.args(STRICT).arg(standard);
    command.arg("-I").arg(root().join("include"));
    command
}

fn headers() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let names = ["wasm.h", "wasm_aot.h", "wasm_aot_linked.h"];
    let forwards: Vec<&str> = names.iter().chain(&names).copied().collect();
    let backwards: Vec<&str> = forwards.iter().rev().copied().collect();
    for (program, standard, name) in [
        ("cc", "-std=c99", "c99.c"),
        ("cc", "-std=c11", "c11.c"),
        ("c++", "-std=c++17", "cpp17.cc"),
    ] {
        // Each twice, and in either order.
        for order in [&forwards, &backwards] {
            let source = folder.path().join(name);
            let includes = order.iter().map(|name| format!("#include <{name}>\n"));
            let main = "int main(void) { wasm_engine_delete(wasm_engine_new()); return 0; }\n";
            fs::write(&source, includes.collect::<String>() + main)?;
            let mut built = compiler(program, standard);
            built.arg("-c").arg(&source).args(["-o", "/dev/null"]);
            match built.output() {
                Ok(output) => check(&output)?,
                Err(_) if program == "c++" => println!("skipped C++: no compiler is installed"),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn exports() -> Result<(), Failed> {
    let output = Command::new("nm")
        .args(["--dynamic", "--defined-only", "--format=posix"])
        .arg(library())
        .output()?;
    check(&output)?;
    let text = String::from_utf8(output.stdout)?;
    let found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let foreign: Vec<_> = found
        .iter()
        .filter(|name| !name.starts_with("wasm_"))
        .collect();
    if !foreign.is_empty() {
        return Err(format!("exported: {foreign:?}").into());
    }
    let text = ["wasm_aot.h", "wasm_aot_linked.h"]
        .iter()
        .map(|name| preprocessed(&root().join("include").join(name)))
        .collect::<Result<String, Failed>>()?;
    let declared: HashSet<&str> = declared(&text).collect();
    let found: HashSet<&str> = found.into_iter().collect();
    if declared != found {
        let missing: Vec<_> = declared.difference(&found).collect();
        let secret: Vec<_> = found.difference(&declared).collect();
        return Err(format!("not exported: {missing:?}; in no header: {secret:?}").into());
    }
    Ok(())
}

/// Installs what was built, and builds the example against that: dynamically,
/// statically, and without any shared library. Needs the command line, which
/// `cargo test --workspace` builds.
fn install() -> Result<(), Failed> {
    if Command::new("pkg-config")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: pkg-config is not installed");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let (stage, work) = (folder.path().join("stage"), folder.path().join("work"));
    fs::create_dir(&work)?;
    let prefix = "/opt/wasm-aot";
    let output = Command::new(root().join("install"))
        .arg(programs())
        .env("LIBRARIES", libraries())
        .env("DESTDIR", &stage)
        .env("PREFIX", prefix)
        .output()?;
    check(&output)?;
    let installed = PathBuf::from(format!("{}{prefix}", stage.display()));
    for file in [
        "bin/wasm-aot",
        "include/wasm.h",
        "include/wasm_aot.h",
        "include/wasm_aot_linked.h",
        "include/wasm_aot_trap.h",
        "lib/libwasm_aot.a",
        "lib/libwasm_aot.so",
        "lib/libwasm_aot.so.0",
        "share/man/man1/wasm-aot.1",
        "share/man/man1/wasm-aot-compile.1",
        "share/bash-completion/completions/wasm-aot",
        "share/zsh/site-functions/_wasm-aot",
        "share/fish/vendor_completions.d/wasm-aot.fish",
    ] {
        let length =
            fs::metadata(installed.join(file)).map_err(|error| format!("{file}: {error}"))?;
        if length.len() == 0 {
            return Err(format!("{file} is empty").into());
        }
    }
    let config = fs::read_to_string(installed.join("lib/pkgconfig/wasm_aot.pc"))?;
    if config.contains(&*stage.to_string_lossy()) || config.contains('@') {
        return Err(config.into());
    }

    /// What programs say that are linked with a library without WASI.
    const ABSENT: &str = "error: the runtime library was built without WASI";
    let example = root().join("../examples/c-embed");
    let script = r#"
        set -e
        export PKG_CONFIG_PATH="$INSTALLED/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$STAGE"
        "$INSTALLED/bin/wasm-aot" compile "$EXAMPLE/embed.wat" -o embed.so
        flags=$(pkg-config --cflags --libs wasm_aot)
        private=$(pkg-config --static --libs wasm_aot | sed 's/.*-lwasm_aot//')
        archive=$(pkg-config --variable=libdir wasm_aot)/libwasm_aot.a
        eval cc "'$EXAMPLE/embed.c'" -o shared $flags
        eval cc "'$EXAMPLE/embed.c'" -o static -Wl,--gc-sections $(pkg-config --cflags wasm_aot) "$archive" $private
        LD_LIBRARY_PATH="$INSTALLED/lib" ./shared
        ./static
        if ldd ./static | grep -q wasm_aot; then echo "static is not static"; fi
        "$INSTALLED/bin/wasm-aot" compile "$EXAMPLE/../forth/forth.wasm" --emit exe -o forth
        [ "$(echo '1 2 + .' | ./forth 2>&1)" = "$FORTH" ] || echo "another sum"
        echo '(module (func (export "f")))' > library.wat
        "$INSTALLED/bin/wasm-aot" compile library.wat --emit exe -o library
        if ./library 2> error; then echo "it has nothing to run"; fi
        [ "$(cat error)" = "$NOTHING" ] || cat error
    "#;
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(&work)
        .env("INSTALLED", &installed)
        .env("STAGE", &stage)
        .env("EXAMPLE", &example)
        .env("FORTH", if cfg!(feature = "wasi") { "3 " } else { ABSENT })
        .env(
            "NOTHING",
            match cfg!(feature = "wasi") {
                true => "error: the module exports neither _start nor _initialize",
                false => ABSENT,
            },
        )
        .output()?;
    let expected = fs::read(example.join("embed.stdout"))?.repeat(2);
    if !output.status.success() || output.stdout != expected {
        return Err(describe(&output).into());
    }
    Ok(())
}

/// A header after its macros, with `@` before declarations.
fn preprocessed(header: &Path) -> Result<String, Failed> {
    let output = Command::new("cc")
        .args(["-E", "-P", "-DWASM_API_EXTERN=@"])
        .arg(header)
        .output()?;
    check(&output)?;
    Ok(String::from_utf8(output.stdout)?)
}

/// The functions that are declared.
fn declared(text: &str) -> impl Iterator<Item = &str> {
    text.split('@').skip(1).filter_map(|declaration| {
        let head = declaration.split('(').next()?;
        head.trim().rsplit([' ', '*']).next()
    })
}

fn fence() -> Result<(), Failed> {
    for file in files(&root().join("src"), "rs") {
        let text = fs::read_to_string(&file)?;
        let word = text.lines().find(|line| {
            let code = line.trim_start();
            !code.starts_with("//")
                && ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"]
                    .iter()
                    .any(|word| code.contains(word))
        });
        if let Some(line) = word {
            return Err(format!("{}: {line}", file.display()).into());
        }
    }
    Ok(())
}

fn check(output: &Output) -> Result<(), Failed> {
    match output.status.success() {
        true => Ok(()),
        false => Err(describe(output).into()),
    }
}

/// How a process ended and what it printed, for a message.
fn describe(output: &Output) -> String {
    format!(
        "{}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
