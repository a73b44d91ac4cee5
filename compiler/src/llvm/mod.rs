//! LLVM as the code generator of functions: of many at a time, which it inlines and
//! specialises as it likes.
//!
//! `plan` divides the functions of a module into units; `write` makes IR of the CLIF that
//! translation makes of a unit's, `machine` has LLVM make an object file of that, `object`
//! and `sites` read it, and `assemble` makes a [`Code`](crate::backend::Code) of it for
//! each function, as Cranelift does. Trampolines are Cranelift's; so are the few functions
//! that need what LLVM has no way to say (`write::can_write`), those of enormous
//! frames, and those of which LLVM would make calls of a library. Whoever made it, a function can be called in the wasm convention where its
//! code begins; see `shape`.

mod assemble;
mod copies;
mod dispatch;
mod folded;
mod inlined;
mod machine;
mod object;
mod plan;
mod shape;
mod sites;
mod stack;
mod trap;
mod unit;
mod wide;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use cranelift_codegen::ir::Function;
use cranelift_frontend::FunctionBuilderContext;
use rayon::prelude::*;

use self::assemble::assemble;
use self::machine::Machine;
use self::object::Name;
use self::plan::{Plan, Summary};
use self::unit::{Generator, Output};
use crate::Observer;
use crate::backend::Backend;
use crate::compile::Generated;
use crate::error::Result;
use crate::module::Body;
use crate::translate::{self, Context};

/// Name and version of LLVM.
pub(crate) fn name() -> String {
    let (major, minor, patch) = inkwell::support::get_llvm_version();
    format!("llvm {major}.{minor}.{patch}")
}

/// Compiles all functions. Of several errors, the first is returned.
pub(crate) fn functions(
    cx: &Context<'_>,
    backend: &Backend,
    bodies: &[Body<'_>],
    observer: &(impl Observer + ?Sized),
) -> Result<Generated> {
    observer.functions(0, bodies.len());
    // LLVM's code looks at the stack by itself.
    let unchecked = Context {
        guarded: true,
        ..*cx
    };
    let summaries = summaries(&unchecked, bodies)?;
    let machine = Machine::new(backend);
    let generator = Generator {
        cx: &unchecked,
        bodies,
        machine: &machine,
    };
    let unwritable = summaries.iter().filter(|function| !function.is_writable);
    let mut others: BTreeSet<u32> = unwritable.map(|function| function.index).collect();
    let mut known = BTreeMap::new();
    loop {
        let plan = Plan::new(cx, backend, bodies, &summaries, &others);
        let done = AtomicUsize::new(others.len());
        let outputs: Vec<Result<Output>> = plan
            .units
            .par_iter()
            .map(|unit| {
                let output = generator.compile(&plan, unit, &known)?;
                let own = unit.own().count();
                let before = done.fetch_add(own, Ordering::Relaxed);
                observer.functions(before + own, bodies.len());
                Ok(output)
            })
            .collect();
        let outputs: Vec<Output> = outputs.into_iter().collect::<Result<_>>()?;
        let pieces = outputs.iter().flat_map(|output| &output.pieces);
        let unfit: Vec<u32> = pieces
            .filter_map(|(name, piece)| match name {
                Name::Function(index) | Name::Arrival(index) => piece.is_unfit().then_some(*index),
                _ => None,
            })
            .collect();
        if unfit.is_empty() {
            return assemble(cx, backend, bodies, &plan, summaries, outputs);
        }
        others.extend(unfit);
        // What does not change is not made again.
        known = outputs.into_iter().map(|it| (it.key, it.object)).collect();
    }
}

/// Translates all functions, to see what there is. Only of those that are being compiled
/// CLIF is kept in memory: they are translated again then.
fn summaries(cx: &Context<'_>, bodies: &[Body<'_>]) -> Result<Vec<Summary>> {
    let summaries: Vec<Result<Summary>> = bodies
        .par_iter()
        .map_init(FunctionBuilderContext::new, |scratch, body| {
            let mut func = Function::new();
            let facts = translate::translate(cx, body, scratch, &mut func)?;
            Ok(Summary::new(body.index, &func, facts))
        })
        .collect();
    summaries.into_iter().collect()
}
