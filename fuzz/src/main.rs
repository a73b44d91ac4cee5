//! Runs generated modules here, in Wasmtime and in wasmi, and compares what can be seen:
//! results, traps, exceptions, and the state that is left.
//!
//! Modules come from numbers, so each can be made again: `--seed N --count 1`.
//! They run in processes of their own, many in one: what kills a process is
//! reported with the number of the module, and the next ones still run.
//!
//! What differs is kept, and can be made smaller: `--file` runs a module that is there, and
//! fails if it differs.

use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use anyhow::Context;
use clap::Parser;
use differential::{Verdict, generated, run};
use wasm_aot_compiler::Codegen;

/// Modules of one process.
const CHUNK: u64 = 250;

/// Of so many modules wasmi may be alone with what it does to one. Version 2.0.0 is with 6
/// of 129,500, where Cranelift's code, LLVM's and Wasmtime do the same.
const ALONE: u64 = 5000;

#[derive(Parser)]
#[command(about)]
struct Args {
    /// How many modules to run
    #[arg(long, default_value_t = 500)]
    count: u64,
    /// The number of the first one
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Processes at once [default: one for each processor]
    #[arg(long)]
    jobs: Option<usize>,
    /// Where to put modules that differ
    #[arg(long, value_name = "DIR", default_value = "target/differential")]
    keep: PathBuf,
    /// What generates our code: cranelift, or llvm (feature `llvm`)
    #[arg(long, value_name = "NAME", default_value = Codegen::Cranelift.as_str())]
    codegen: Codegen,
    /// Run this module, with the arguments for that of number `--seed`
    #[arg(long, value_name = "WASM", conflicts_with = "count")]
    file: Option<PathBuf>,
    /// Run the modules here, and say so one by one
    #[arg(long, hide = true)]
    child: bool,
}

/// How the modules fared.
#[derive(Default)]
struct Totals {
    /// Ran to the end here and in Wasmtime, with the same results; and those of them that
    /// did so in wasmi.
    same: u64,
    interpreted: u64,
    /// Have nothing to compare: both sides refuse them, or they wait.
    skipped: u64,
    /// Calls that were compared, and those among them that trapped or threw.
    calls: u64,
    failed_calls: u64,
    different: Vec<u64>,
    /// Only wasmi does something else with them.
    alone: Vec<u64>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if args.child {
        return child(args.seed..args.seed + args.count, &args.keep, args.codegen);
    }
    if let Some(file) = &args.file {
        let verdict = run(&fs::read(file)?, args.seed, args.codegen)?;
        println!("{verdict:?}");
        return Ok(match verdict {
            Verdict::Different(_) | Verdict::Alone(_) => ExitCode::FAILURE,
            Verdict::Same { .. } | Verdict::Skipped => ExitCode::SUCCESS,
        });
    }
    let start = Instant::now();
    let jobs = args
        .jobs
        .or_else(|| thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(1);
    let end = args.seed + args.count;
    let next = Mutex::new(args.seed);
    let totals = Mutex::new(Totals::default());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(chunk) = take(&next, end) {
                        run_chunk(chunk, &args.keep, args.codegen, &totals)?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().expect("workers do not panic"))
    })?;
    let totals = totals.into_inner().expect("workers do not panic");
    println!(
        "{} modules the same, {} of them in wasmi too, {} skipped, {} different, {} in wasmi alone; {} calls, {} of them trapped or threw; {:.0?}",
        totals.same,
        totals.interpreted,
        totals.skipped,
        totals.different.len(),
        totals.alone.len(),
        totals.calls,
        totals.failed_calls,
        start.elapsed()
    );
    for (what, seeds) in [("different", &totals.different), ("wasmi", &totals.alone)] {
        for seed in seeds {
            println!("{what}: --seed {seed} --count 1");
        }
    }
    // What is never compared proves nothing.
    let compared = totals.same * 2 >= args.count || args.count < 10;
    let few_alone = totals.alone.len() as u64 * ALONE <= args.count;
    Ok(match totals.different.is_empty() && few_alone && compared {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn take(next: &Mutex<u64>, end: u64) -> Option<Range<u64>> {
    let mut next = next.lock().expect("workers do not panic");
    let start = *next;
    *next = end.min(start + CHUNK);
    (start < *next).then_some(start..*next)
}

/// Runs modules in processes, one for each time that one dies.
fn run_chunk(
    mut seeds: Range<u64>,
    keep: &Path,
    codegen: Codegen,
    totals: &Mutex<Totals>,
) -> anyhow::Result<()> {
    while !seeds.is_empty() {
        let mut child = Command::new(env::current_exe()?)
            .args(["--child", "--seed", &seeds.start.to_string()])
            .args(["--count", &(seeds.end - seeds.start).to_string()])
            .args(["--codegen", codegen.as_str()])
            .arg("--keep")
            .arg(keep)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a process")?;
        let output = child.stdout.take().expect("piped");
        let last = Mutex::new(Instant::now());
        let finished = Mutex::new(false);
        let id = child.id();
        thread::scope(|scope| {
            scope.spawn(|| watch(id, &last, &finished));
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                *last.lock().expect("no panic") = Instant::now();
                let mut totals = totals.lock().expect("workers do not panic");
                if let Some(counts) = line.strip_prefix("same ") {
                    let mut counts = counts.split(' ').flat_map(str::parse::<u64>);
                    totals.same += 1;
                    totals.calls += counts.next().unwrap_or(0);
                    totals.failed_calls += counts.next().unwrap_or(0);
                    totals.interpreted += counts.next().unwrap_or(0);
                    seeds.start += 1;
                } else if line == "skipped" {
                    totals.skipped += 1;
                    seeds.start += 1;
                } else if line == "different" {
                    totals.different.push(seeds.start);
                    seeds.start += 1;
                } else if line == "alone" {
                    totals.alone.push(seeds.start);
                    seeds.start += 1;
                } else {
                    println!("{line}");
                }
            }
            *finished.lock().expect("no panic") = true;
        });
        let status = child.wait()?;
        if !status.success() {
            let seed = seeds.start;
            println!("module {seed}: the process ended with {status}");
            totals
                .lock()
                .expect("workers do not panic")
                .different
                .push(seed);
            seeds.start += 1;
        }
    }
    Ok(())
}

/// Kills a process that has said nothing for a minute.
fn watch(id: u32, last: &Mutex<Instant>, finished: &Mutex<bool>) {
    while !*finished.lock().expect("no panic") {
        thread::sleep(Duration::from_millis(50));
        if last.lock().expect("no panic").elapsed() > Duration::from_secs(60) {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
            return;
        }
    }
}

/// Runs modules, and prints a line for each.
fn child(seeds: Range<u64>, keep: &Path, codegen: Codegen) -> anyhow::Result<ExitCode> {
    for seed in seeds {
        let line = match one(seed, keep, codegen)? {
            Verdict::Same {
                calls,
                failed,
                interpreted,
            } => format!("same {calls} {failed} {}", u8::from(interpreted)),
            Verdict::Skipped => "skipped".to_owned(),
            Verdict::Different(what) => {
                println!("module {seed}: {what}");
                "different".to_owned()
            }
            Verdict::Alone(what) => {
                println!("module {seed}: {what}");
                "alone".to_owned()
            }
        };
        println!("{line}");
        io::stdout().flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn one(seed: u64, keep: &Path, codegen: Codegen) -> anyhow::Result<Verdict> {
    let Some(wasm) = generated(seed)? else {
        return Ok(Verdict::Skipped);
    };
    let path = keep.join(format!("{seed}.wasm"));
    fs::create_dir_all(keep)?;
    fs::write(&path, &wasm)?;
    let verdict = run(&wasm, seed, codegen)?;
    match verdict {
        Verdict::Different(_) | Verdict::Alone(_) => {
            let text = wasmprinter::print_bytes(&wasm)?;
            fs::write(path.with_extension("wat"), text)?;
        }
        _ => fs::remove_file(&path)?,
    }
    Ok(verdict)
}
