//! What single operations cost: those of an embedder are measured by `embedding`,
//! which has both runtimes in one process; here, whole processes that do nothing.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Result, anyhow};

use crate::machine::Clock;
use crate::measure::{child, output};
use crate::program::Program;
use crate::results::{Cost, Costs};
use crate::sides::{Places, Side};
use crate::statistics;

/// Measures all of them; `hello` is the program that starts.
pub(crate) fn measure(
    hello: Option<&Program>,
    sides: &[Box<dyn Side>],
    places: &Places,
    samples: usize,
) -> Result<Costs> {
    let clock = Clock::now();
    let mut rows = Vec::new();
    if let Some(hello) = hello {
        eprintln!("start    {}", hello.name);
        rows.push(start(hello, sides, samples));
    }
    eprintln!("embed");
    let mut embedding = Command::new(places.release.join("embedding"));
    embedding.arg(samples.to_string()).arg(&places.artefacts);
    let (text, _) = output(&mut embedding).map_err(|reason| anyhow!("embedding: {reason}"))?;
    let samples: Vec<Samples> = serde_json::from_slice(&text)?;
    rows.extend(samples.into_iter().map(Samples::cost));
    Ok(Costs {
        machine: clock.machine(),
        rows,
    })
}

/// What `embedding` prints.
#[derive(serde::Deserialize)]
struct Samples {
    what: String,
    unit: String,
    sides: BTreeMap<String, Vec<f64>>,
}

impl Samples {
    fn cost(self) -> Cost {
        let summaries = self.sides.into_iter().filter_map(|(name, samples)| {
            statistics::summary(&samples).map(|summary| (name, summary))
        });
        Cost {
            what: self.what,
            unit: self.unit,
            sides: summaries.collect(),
        }
    }
}

/// Processes that print a line, from an artefact that was made before: the time that
/// passes.
fn start(hello: &Program, sides: &[Box<dyn Side>], times: usize) -> Cost {
    let mut samples: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for round in 0..times {
        for turn in 0..sides.len() {
            let side = &sides[(round + turn) % sides.len()];
            // Sides that cannot run it were named when it was compiled.
            let Ok(mut command) = side.run(hello) else {
                continue;
            };
            let used = hello.feed(&mut command).and_then(child);
            if let Ok(usage) = used {
                let milliseconds = usage.wall_seconds * 1e3;
                samples
                    .entry(side.name().to_owned())
                    .or_default()
                    .push(milliseconds);
            }
        }
    }
    Samples {
        what: "process: start, a line printed, exit".to_owned(),
        unit: "ms".to_owned(),
        sides: samples,
    }
    .cost()
}
