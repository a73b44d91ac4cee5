//! Small functions once more, as what C calls them by.
//!
//! A call from C has to be ready for traps, and a record of that takes longer than
//! what an accessor does. So the C symbol of a function that calls nobody contains
//! the function itself, with what may trap checked *in advance*: wherever it would
//! trap, this code instead leaves the call to the real function, which does it all
//! again from the start, and traps as it should. That works where nothing has been
//! changed by then; other functions do not get such code.

use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{
    Block, ExtFuncData, ExternalName, Function, InstBuilder, MemFlagsData, Opcode, Value, types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use wasmparser::{FuncType, ValType};

use super::{Context, Translator, declare};
use crate::abi::{Symbol, typed_signature};
use crate::error::Result;
use crate::module::Body;
use crate::passes::Fact;

/// Bytes of a body that is worth having twice.
const LIMIT: usize = 96;

/// What is different about such code.
pub(super) struct Direct {
    /// Where results go.
    outputs: Vec<Value>,
    /// Where the real function is called, if anything may trap.
    pub(super) otherwise: Option<Block>,
}

/// Translates a valid `body` into `func`, which is empty, as a C symbol that falls
/// back on [`Symbol::Entered`]. Returns what the code relies on; nothing if the
/// function is none that this is possible with, or worth it; paying for it is a change.
///
/// # Errors
///
/// If the body cannot be read.
pub(crate) fn translate_direct(
    cx: &Context<'_>,
    body: &Body<'_>,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
) -> Result<Option<Vec<Fact>>> {
    let ty = cx.module.function_type(body.index);
    if body.len() > LIMIT || !is_plain(ty) || cx.fuel {
        return Ok(None);
    }
    func.signature = typed_signature(ty, cx.isa);
    let mut translator = Translator::new(cx, FunctionBuilder::new(func, scratch));
    let entry = translator.builder.current_block().expect("the entry block");
    let outputs = &translator.builder.block_params(entry)[1 + ty.params().len()..];
    translator.direct = Some(Direct {
        outputs: outputs.to_vec(),
        otherwise: None,
    });
    translator.body(body, ty)?;
    translator.fall_back(body.index, ty, entry);
    let otherwise = translator.direct.take().and_then(|direct| direct.otherwise);
    let facts = translator.finish();
    Ok(is_repeatable(func, otherwise).then_some(facts))
}

/// Whether values are passed as they are.
fn is_plain(ty: &FuncType) -> bool {
    let number = |ty: &ValType| !ty.is_reference_type() && *ty != ValType::V128;
    ty.params().iter().chain(ty.results()).all(number) && ty.params().len() <= 4
}

impl Translator<'_, '_> {
    /// Returns from the function.
    pub(super) fn return_values(&mut self, results: &[Value]) {
        let Some(direct) = &self.direct else {
            self.builder.ins().return_(results);
            return;
        };
        for (&result, &output) in results.iter().zip(&direct.outputs) {
            let flags = MemFlagsData::new().with_notrap();
            self.builder.ins().store(flags, result, output, 0);
        }
        let ok = self.builder.ins().iconst(types::I32, 0);
        self.builder.ins().return_(&[ok]);
    }

    /// Calls the real function, with the arguments that came in.
    fn fall_back(&mut self, index: u32, ty: &FuncType, entry: Block) {
        let Some(otherwise) = self.direct.as_ref().and_then(|direct| direct.otherwise) else {
            return;
        };
        let builder = &mut self.builder;
        builder.seal_block(otherwise);
        builder.switch_to_block(otherwise);
        let signature = builder.import_signature(typed_signature(ty, self.isa));
        let name = declare(builder.func, Symbol::Entered(index));
        let function = builder.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: true,
            patchable: false,
        });
        let args = builder.block_params(entry).to_vec();
        let call = builder.ins().call(function, &args);
        let status = builder.inst_results(call)[0];
        builder.ins().return_(&[status]);
    }
}

/// Whether the code can be left for `otherwise` without a trace, and needs no other
/// way out.
fn is_repeatable(func: &Function, otherwise: Option<Block>) -> bool {
    let traps = |inst| {
        let data = &func.dfg.insts[inst];
        match data.opcode() {
            // Guarded.
            Opcode::Udiv | Opcode::Sdiv | Opcode::Urem | Opcode::Srem => false,
            opcode => opcode.can_trap() || data.memflags_trap_code(&func.dfg).is_some(),
        }
    };
    let own_blocks = || {
        func.layout
            .blocks()
            .filter(|&block| Some(block) != otherwise)
    };
    let mut insts = own_blocks().flat_map(|block| func.layout.block_insts(block));
    if insts.any(|inst| func.dfg.insts[inst].opcode().is_call() || traps(inst)) {
        return false;
    }
    let Some(otherwise) = otherwise else {
        return true;
    };
    // The blocks that may be left for `otherwise`, sooner or later.
    let graph = ControlFlowGraph::with_function(func);
    let mut before = vec![otherwise];
    let mut next = 0;
    while let Some(&block) = before.get(next) {
        next += 1;
        for predecessor in graph.pred_iter(block) {
            if !before.contains(&predecessor.block) {
                before.push(predecessor.block);
            }
        }
    }
    let mut insts = before[1..]
        .iter()
        .flat_map(|&block| func.layout.block_insts(block));
    !insts.any(|inst| func.dfg.insts[inst].opcode().can_store())
}
