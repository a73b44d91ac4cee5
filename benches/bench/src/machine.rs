//! The machine, and whether it was quiet.

use std::fs::read_to_string;

use serde::{Deserialize, Serialize};

/// Where, and in what company, something was measured.
#[derive(Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// The part of the machine's CPU time that other processes took meanwhile, from
    /// 0 to 1.
    pub(crate) others: f64,
}

/// CPU time since the machine, or this process, was started, in ticks.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    /// Of all CPUs, idle or not.
    all: f64,
    /// Of all CPUs, working.
    busy: f64,
    /// Of this process and its children.
    ours: f64,
}

impl Clock {
    /// What it shows now.
    pub(crate) fn now() -> Self {
        let stat = read_to_string("/proc/stat").unwrap_or_default();
        // user nice system idle iowait irq softirq steal
        let cpu = numbers(stat.lines().next().unwrap_or_default(), 1..9);
        let idle: f64 = cpu.iter().skip(3).take(2).sum();
        let all: f64 = cpu.iter().sum();
        let own = read_to_string("/proc/self/stat").unwrap_or_default();
        // The name, in brackets, may have spaces; utime is field 14 of the line.
        let after_name = own.rfind(')').map_or("", |end| &own[end..]);
        Self {
            all,
            busy: all - idle,
            ours: numbers(after_name, 12..16).iter().sum(),
        }
    }

    /// Describes the machine, and what others did on it since then.
    pub(crate) fn machine(self) -> Machine {
        let now = Self::now();
        let others = (now.busy - self.busy) - (now.ours - self.ours);
        let info = read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Machine {
            cpu: model
                .unwrap_or("unknown")
                .trim_start_matches([' ', '\t', ':'])
                .to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.trim().to_owned(),
            others: (others / (now.all - self.all).max(1.0)).clamp(0.0, 1.0),
        }
    }
}

/// The numbers in some of a line's columns.
fn numbers(line: &str, columns: std::ops::Range<usize>) -> Vec<f64> {
    let words = line.split_whitespace();
    let chosen = words.skip(columns.start).take(columns.len());
    chosen.filter_map(|word| word.parse().ok()).collect()
}
