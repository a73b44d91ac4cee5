//! Machine code as text.

use anyhow::anyhow;
use capstone::arch::x86::ArchSyntax;
use capstone::arch::{BuildsCapstone, BuildsCapstoneExtraMode, BuildsCapstoneSyntax};
use capstone::{Capstone, CsResult, arch};
use wasm_aot_compiler::{ExploredFunction, Target};
use wasm_aot_loader::abi::Architecture;

use super::page::Row;

pub(super) struct Disassembler(Capstone);

impl Disassembler {
    pub(super) fn new(target: Target) -> anyhow::Result<Disassembler> {
        let made = (|| -> CsResult<Capstone> {
            let mut made = match target.architecture() {
                Architecture::X86_64 => Capstone::new()
                    .x86()
                    .mode(arch::x86::ArchMode::Mode64)
                    .syntax(ArchSyntax::Intel)
                    .build()?,
                Architecture::Aarch64 => Capstone::new()
                    .arm64()
                    .mode(arch::arm64::ArchMode::Arm)
                    .build()?,
                Architecture::Riscv64 => Capstone::new()
                    .riscv()
                    .mode(arch::riscv::ArchMode::RiscV64)
                    .extra_mode([arch::riscv::ArchExtraMode::RiscVC].into_iter())
                    .build()?,
            };
            // Constants are between the functions.
            made.set_skipdata(true)?;
            Ok(made)
        })();
        made.map(Disassembler)
            .map_err(|error| anyhow!("cannot disassemble: {error}"))
    }

    /// The instructions of a function, with the operators that they come from and the names
    /// of functions that they call.
    pub(super) fn rows<'a>(
        &self,
        bytes: &[u8],
        function: &ExploredFunction,
        name: impl Fn(u64) -> Option<&'a str>,
    ) -> Vec<Row> {
        let start = function.code.start as u64;
        let Ok(instructions) = self.0.disasm_all(bytes, start) else {
            return Vec::new();
        };
        let mut origins = function.origins.iter().peekable();
        let rows = instructions.iter().map(|instruction| {
            let at = (instruction.address() - start) as u32;
            while origins.next_if(|(code, _)| code.end <= at).is_some() {}
            let origin = origins.peek().filter(|(code, _)| code.start <= at);
            let mnemonic = instruction.mnemonic().unwrap_or_default();
            let operands = instruction.op_str().unwrap_or_default();
            let address = operands.trim_start_matches('#').trim_start_matches("0x");
            let callee = u64::from_str_radix(address, 16).ok();
            let callee = callee.and_then(&name).map(|name| format!("  ; {name}"));
            let text = format!("{mnemonic:8} {operands}");
            Row {
                offsets: origin.map(|(_, source)| *source).into_iter().collect(),
                label: format!("{:#x}", instruction.address()),
                text: text.trim_end().to_owned() + &callee.unwrap_or_default(),
            }
        });
        rows.collect()
    }
}
