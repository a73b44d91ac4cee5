//! What LLVM does: parses IR, optimises it and makes an object file of it.

use inkwell::OptimizationLevel;
use inkwell::context::Context;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::{
    CodeModel, FileType, InitializationConfig, RelocMode, Target, TargetMachine, TargetTriple,
};
use wasm_aot_abi::CpuFeatures;

use super::{dispatch, folded, stack, wide};
use crate::Level;
use crate::backend::Backend;
use crate::cache::Key;

/// What LLVM calls the machine.
pub(super) struct Machine {
    pub(super) cpu: &'static str,
    pub(super) features: String,
    level: Level,
    /// Whether traps are faults, and not calls.
    signals: bool,
}

impl Machine {
    pub(super) fn new(backend: &Backend) -> Machine {
        let all = CpuFeatures::of(wasm_aot_abi::Target::X86_64Linux);
        let has = all
            .filter(|(feature, _)| backend.features.contains(*feature))
            .map(|(feature, _)| format!("+{}", feature_name(feature)));
        // With masks of bytes and words, which others bring along, LLVM looks for
        // integers to keep in mask registers: that takes time with the square of a
        // function's size, four fifths of all, and finds next to none.
        let list = has.chain(["-avx512bw".to_owned()]);
        Machine {
            cpu: "x86-64",
            features: list.collect::<Vec<_>>().join(","),
            level: backend.level,
            signals: backend.signals,
        }
    }

    /// What the object file of a module in text form follows from.
    pub(super) fn key(&self, text: &str) -> Key {
        let traps = if self.signals { "faults" } else { "calls" };
        Key::of(&[&super::name(), self.passes(), traps, text])
    }

    /// The object file of a module in text form.
    ///
    /// # Errors
    ///
    /// LLVM's message.
    pub(super) fn compile(&self, text: String) -> Result<Vec<u8>, String> {
        let context = Context::create();
        let buffer = MemoryBuffer::create_from_memory_range_copy(text.as_bytes(), "wasm");
        drop(text);
        let module = context
            .create_module_from_ir(buffer)
            .map_err(|error| error.to_string())?;
        let machine = self.target()?;
        module.set_data_layout(&machine.get_target_data().get_data_layout());
        module
            .run_passes(self.passes(), &machine, PassBuilderOptions::create())
            .map_err(|error| error.to_string())?;
        let mut in_memory = false;
        let is_fast = matches!(self.level, Level::O2 | Level::O3);
        for function in module.get_functions().filter(|_| is_fast) {
            in_memory |=
                dispatch::spread(&context, &module, function).map_err(|error| error.to_string())?;
        }
        if in_memory {
            let options = PassBuilderOptions::create();
            let result = module.run_passes("mem2reg", &machine, options);
            result.map_err(|error| error.to_string())?;
        }
        for function in module.get_functions() {
            wide::divide_by_digits(&context, function).map_err(|error| error.to_string())?;
            stack::finish(&context, &module, function, self.signals)?;
            folded::keep_apart(&context, function).map_err(|error| error.to_string())?;
        }
        if cfg!(debug_assertions) {
            module.verify().map_err(|error| error.to_string())?;
        }
        let object = machine
            .write_to_memory_buffer(&module, FileType::Object)
            .map_err(|error| error.to_string())?;
        Ok(object.as_slice().to_vec())
    }

    /// LLVM's own pipeline.
    fn passes(&self) -> &'static str {
        match self.level {
            Level::O0 => "default<O0>",
            Level::O1 => "default<O1>",
            Level::O2 => "default<O2>",
            Level::Os => "default<Os>",
            Level::O3 => "default<O3>",
        }
    }

    fn target(&self) -> Result<TargetMachine, String> {
        Target::initialize_x86(&InitializationConfig::default());
        let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
        let target = Target::from_triple(&triple).map_err(|error| error.to_string())?;
        let level = match self.level {
            Level::O0 => OptimizationLevel::None,
            Level::O1 => OptimizationLevel::Less,
            Level::O2 | Level::Os => OptimizationLevel::Default,
            Level::O3 => OptimizationLevel::Aggressive,
        };
        let machine = target.create_target_machine(
            &triple,
            self.cpu,
            &self.features,
            level,
            RelocMode::PIC,
            CodeModel::Small,
        );
        machine.ok_or_else(|| "LLVM has no such machine".to_owned())
    }
}

/// What LLVM calls a feature.
fn feature_name(feature: CpuFeatures) -> &'static str {
    match feature {
        CpuFeatures::SSE3 => "sse3",
        CpuFeatures::SSSE3 => "ssse3",
        CpuFeatures::SSE41 => "sse4.1",
        CpuFeatures::SSE42 => "sse4.2",
        CpuFeatures::POPCNT => "popcnt",
        CpuFeatures::AVX => "avx",
        CpuFeatures::AVX2 => "avx2",
        CpuFeatures::FMA => "fma",
        CpuFeatures::BMI1 => "bmi",
        CpuFeatures::BMI2 => "bmi2",
        CpuFeatures::LZCNT => "lzcnt",
        CpuFeatures::AVX512F => "avx512f",
        CpuFeatures::AVX512VL => "avx512vl",
        CpuFeatures::AVX512DQ => "avx512dq",
        CpuFeatures::AVX512BITALG => "avx512bitalg",
        CpuFeatures::AVX512VBMI => "avx512vbmi",
        CpuFeatures::CMPXCHG16B => "cx16",
        other => unreachable!("{other:?} is a feature of x86-64"),
    }
}
