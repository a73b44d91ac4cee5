//! From function bodies to CLIF.
//!
//! One pass over the operators of a body: each is validated, then translated.
//! `dispatch` has a row for every operator; the methods behind the rows live in
//! one file per operator family.

mod address;
mod bulk;
mod call;
mod control;
mod conversion;
mod dispatch;
mod env;
mod float;
mod integer;
mod memory;
mod reference;
mod stack;
mod table;
mod variable;
mod vector;

use cranelift_codegen::ir::{Function, SourceLoc, Value, types};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use wasm_aot_abi::Tunables;
use wasmparser::{FuncValidatorAllocations, ValType};

pub(crate) use call::TEXT_ROW;
pub(crate) use env::declare;

use crate::abi::{Vmctx, clif_type, wasm_signature};
use crate::error::Result;
use crate::module::{Body, Module};
use crate::passes::Escapes;
use env::Entities;
use stack::Stack;

/// What is known of the module while its functions are translated.
pub(crate) struct Context<'m> {
    pub(crate) module: &'m Module<'m>,
    pub(crate) escapes: &'m Escapes,
    pub(crate) vmctx: &'m Vmctx,
    pub(crate) tunables: Tunables,
    pub(crate) isa: &'m dyn TargetIsa,
}

/// Memory that one translation leaves to the next.
#[derive(Default)]
pub(crate) struct Scratch {
    builder: FunctionBuilderContext,
    validator: FuncValidatorAllocations,
}

/// Translates the body of function `index` into `func`, which is empty.
///
/// # Errors
///
/// If the body is invalid.
pub(crate) fn translate(
    cx: &Context<'_>,
    index: u32,
    body: &Body<'_>,
    scratch: &mut Scratch,
    func: &mut Function,
) -> Result<()> {
    let ty = cx.module.function_type(index);
    func.signature = wasm_signature(ty);
    env::check_stack(func);

    let mut validator = body.validator(std::mem::take(&mut scratch.validator));
    let mut translator = Translator::new(cx, FunctionBuilder::new(func, &mut scratch.builder));
    translator.enter(ty.params(), ty.results());

    let mut locals = body.code.get_locals_reader()?;
    for _ in 0..locals.get_count() {
        let offset = locals.original_position();
        let (count, ty) = locals.read()?;
        validator.define_locals(offset, count, ty)?;
        translator.declare_locals(count, ty);
    }

    let mut operators = body.code.get_operators_reader()?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        validator.op(offset, &operator)?;
        translator.source(offset);
        translator.operator(&operator);
    }
    operators.finish()?;
    translator.finish();
    scratch.validator = validator.into_allocations();
    Ok(())
}

/// The state of one translation.
struct Translator<'f, 'm> {
    cx: &'f Context<'m>,
    builder: FunctionBuilder<'f>,
    entities: Entities,
    /// Operands and control frames.
    stack: Stack,
    /// Parameters first.
    locals: Vec<Variable>,
    /// The context parameter.
    vmctx: Value,
}

impl<'f, 'm> Translator<'f, 'm> {
    fn new(cx: &'f Context<'m>, mut builder: FunctionBuilder<'f>) -> Self {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let vmctx = builder.block_params(entry)[0];
        Translator {
            cx,
            builder,
            entities: Entities::default(),
            stack: Stack::default(),
            locals: Vec::new(),
            vmctx,
        }
    }

    /// Makes locals of the parameters and opens the outermost frame.
    fn enter(&mut self, params: &[ValType], results: &[ValType]) {
        let entry = self.builder.current_block().expect("the entry block");
        for (index, &ty) in params.iter().enumerate() {
            let local = self.builder.declare_var(clif_type(ty));
            let value = self.builder.block_params(entry)[index + 1];
            self.builder.def_var(local, value);
            self.locals.push(local);
        }
        self.open_function(results);
    }

    /// `count` locals of type `ty`, zero at first.
    fn declare_locals(&mut self, count: u32, ty: ValType) {
        if count == 0 {
            return;
        }
        let zero = self.zero(clif_type(ty));
        for _ in 0..count {
            let local = self.builder.declare_var(clif_type(ty));
            self.builder.def_var(local, zero);
            self.locals.push(local);
        }
    }

    /// What follows comes from `offset` in the module. Offsets beyond 4 GiB do
    /// not occur: the validator limits modules to 1 GiB.
    fn source(&mut self, offset: u64) {
        self.builder.set_srcloc(SourceLoc::new(offset as u32));
    }

    fn finish(self) {
        let config = self.cx.isa.frontend_config();
        self.builder.finalize(config);
    }

    fn iconst32(&mut self, value: u32) -> Value {
        use cranelift_codegen::ir::InstBuilder;
        self.builder.ins().iconst(types::I32, i64::from(value))
    }
}
