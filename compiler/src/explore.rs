//! What a module is compiled to, for people to look at.

use std::io::{Seek, Write};
use std::ops::Range;

use crate::Options;
use crate::abi::Symbol;
use crate::compile::compile_and_look;
use crate::error::Result;
use crate::text::Text;

/// The machine code of a module, function by function.
#[derive(Clone, Debug, Default)]
pub struct Exploration {
    /// All machine code, as it is in the artefact.
    pub text: Vec<u8>,
    /// Functions that the module defines, in their order.
    pub functions: Vec<ExploredFunction>,
}

/// The machine code of a function.
#[derive(Clone, Debug)]
pub struct ExploredFunction {
    /// Its index in the module, imports first.
    pub index: u32,
    /// Where it is in the text.
    pub code: Range<usize>,
    /// Ranges of its code, from its start on, each with the offset in the module of the
    /// operator that it comes from; in ascending order, without overlap.
    pub origins: Vec<(Range<u32>, u32)>,
}

/// As [`compile_to`](crate::compile_to) without a cache, and tells what machine code comes
/// from what.
///
/// # Errors
///
/// See [`Error`](crate::Error).
///
/// ```
/// let wat = "(module (func (param i32) (result i32) (i32.mul (local.get 0) (local.get 0))))";
/// let wasm = wat::parse_str(wat).unwrap();
/// let out = std::io::Cursor::new(Vec::new());
/// let explored = wasm_aot_compiler::explore(&wasm, &Default::default(), out)?;
/// let function = &explored.functions[0];
/// assert!(!explored.text[function.code.clone()].is_empty());
/// // The opcode of the multiplication.
/// assert!(function.origins.iter().any(|(_, source)| wasm[*source as usize] == 0x6c));
/// # Ok::<(), wasm_aot_compiler::Error>(())
/// ```
pub fn explore(module: &[u8], options: &Options, out: impl Write + Seek) -> Result<Exploration> {
    let mut explored = Exploration::default();
    let options = Options {
        // What is kept need not say what it comes from.
        cache: None,
        ..options.clone()
    };
    let mut look = |text: &Text| {
        explored.text.clone_from(&text.bytes);
        for piece in &text.pieces {
            let Symbol::Function(index) = piece.symbol else {
                continue;
            };
            let origins = piece.origins.iter();
            explored.functions.push(ExploredFunction {
                index,
                code: piece.offset as usize..(piece.offset + piece.size) as usize,
                origins: origins
                    .map(|origin| (origin.start..origin.end, origin.source))
                    .collect(),
            });
        }
    };
    compile_and_look(module, &options, &(), Some(&mut look), out)?;
    Ok(explored)
}
