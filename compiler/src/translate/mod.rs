//! From function bodies to CLIF.
//!
//! One pass over the operators of a valid body.
//! `dispatch` has a row for every operator; the methods behind the rows live in
//! one file per operator family.

mod address;
mod atomic;
mod bulk;
mod call;
mod control;
mod conversion;
mod direct;
mod dispatch;
mod env;
mod exception;
mod float;
mod flow;
mod fuel;
mod integer;
mod interrupt;
mod known;
mod memory;
mod reference;
mod stack;
mod table;
mod trap;
mod variable;
mod vector;

use cranelift_codegen::ir::{Function, SourceLoc, StackSlot, Value, types};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use wasm_aot_abi::Tunables;
use wasmparser::{FuncType, ValType};

pub(crate) use call::{BEYOND, TEXT_ROW};
pub(crate) use direct::translate_direct;
pub(crate) use env::{declare, declare_asking, stack_is_used_up};

use crate::RelaxedSimd;
use crate::abi::{clif_type, wasm_signature};
use crate::cache::Kept;
use crate::error::Result;
use crate::module::{Body, Module};
use crate::options::Polls;
use crate::passes::{Fact, Whole};
use direct::Direct;
use env::Entities;
use fuel::Run;
use known::Known;
use stack::Stack;
use trap::Checks;

/// What functions are compiled with.
#[derive(Clone, Copy)]
pub(crate) struct Context<'m> {
    pub(crate) module: &'m Module,
    pub(crate) whole: &'m Whole,
    pub(crate) tunables: Tunables,
    pub(crate) relaxed: RelaxedSimd,
    pub(crate) polls: Polls,
    pub(crate) fuel: bool,
    pub(crate) spectre_guards: bool,
    pub(crate) signals: bool,
    /// Whether something else looks at the stack before.
    pub(crate) guarded: bool,
    pub(crate) keeps_locals: bool,
    pub(crate) isa: &'m dyn TargetIsa,
    /// Code that was compiled before.
    pub(crate) kept: Option<&'m Kept>,
}

/// Translates a valid `body` into `func`, which is empty. Returns what the code
/// relies on.
///
/// # Errors
///
/// If the body cannot be read.
pub(crate) fn translate(
    cx: &Context<'_>,
    body: &Body<'_>,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
) -> Result<Vec<Fact>> {
    let ty = cx.module.function_type(body.index);
    func.signature = wasm_signature(ty);
    if cx.signals {
        env::check_stack(func);
    }

    let mut translator = Translator::new(cx, FunctionBuilder::new(func, scratch));
    if cx.keeps_locals {
        translator.keep_locals(body, ty)?;
    }
    translator.body(body, ty)?;
    Ok(translator.finish())
}

/// The state of one translation.
struct Translator<'f, 'm> {
    module: &'m Module,
    known: Known<'m>,
    tunables: Tunables,
    relaxed: RelaxedSimd,
    polls: Polls,
    /// Whether it has to look whether to go on, before it branches.
    poll_due: bool,
    /// How many times the code reads from the page that can be taken away.
    polled: u32,
    /// Whether the code pays for what it executes.
    fuel: bool,
    spectre_guards: bool,
    /// Whether what is to trap may fault.
    signals: bool,
    /// Whether the function compares the stack pointer itself, not its prologue.
    checks_stack: bool,
    /// What is known to be in bounds.
    checks: Checks,
    /// What is being paid for.
    run: Option<Run>,
    isa: &'m dyn TargetIsa,
    builder: FunctionBuilder<'f>,
    entities: Entities,
    /// Operands and control frames.
    stack: Stack,
    /// Parameters first.
    locals: Vec<Variable>,
    /// Where they are kept for debuggers, if they are.
    kept: Vec<StackSlot>,
    /// Whether the operator's condition is mostly true or false.
    hint: Option<bool>,
    /// The context parameter.
    vmctx: Value,
    /// What is different if this is what C calls.
    direct: Option<Direct>,
}

impl<'f, 'm> Translator<'f, 'm> {
    fn new(cx: &Context<'m>, mut builder: FunctionBuilder<'f>) -> Self {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let vmctx = builder.block_params(entry)[0];
        Translator {
            module: cx.module,
            known: Known::new(cx.whole),
            tunables: cx.tunables,
            relaxed: cx.relaxed,
            polls: cx.polls,
            poll_due: false,
            polled: 0,
            fuel: cx.fuel,
            spectre_guards: cx.spectre_guards,
            signals: cx.signals,
            checks_stack: !cx.signals && !cx.guarded,
            checks: Checks::default(),
            run: None,
            isa: cx.isa,
            builder,
            entities: Entities::default(),
            stack: Stack::default(),
            locals: Vec::new(),
            kept: Vec::new(),
            hint: None,
            vmctx,
            direct: None,
        }
    }

    /// Translates the body of a function of type `ty`.
    fn body(&mut self, body: &Body<'_>, ty: &FuncType) -> Result<()> {
        self.enter(ty.params(), ty.results());
        if self.checks_stack && self.direct.is_none() {
            self.check_stack(body)?;
        }
        let (code, hints) = (body.code(), &self.module.hints);
        for locals in code.get_locals_reader()? {
            let (count, ty) = locals?;
            self.declare_locals(count, ty);
        }
        self.poll_at_entry(body)?;
        let mut operators = code.get_operators_reader()?;
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            self.source(offset);
            self.hint = hints.get(body.index, (offset - body.offset) as u32);
            self.operator(&operator);
        }
        Ok(())
    }

    /// Makes locals of the parameters and opens the outermost frame.
    fn enter(&mut self, params: &[ValType], results: &[ValType]) {
        let entry = self.builder.current_block().expect("the entry block");
        for (index, &ty) in params.iter().enumerate() {
            let local = self.builder.declare_var(clif_type(ty));
            let value = self.builder.block_params(entry)[index + 1];
            self.locals.push(local);
            self.define_local(index as u32, value);
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
            self.locals.push(local);
            self.define_local(self.locals.len() as u32 - 1, zero);
        }
    }

    /// What follows comes from `offset` in the module. Offsets beyond 4 GiB do
    /// not occur: the validator limits modules to 1 GiB.
    fn source(&mut self, offset: u64) {
        self.builder.set_srcloc(SourceLoc::new(offset as u32));
    }

    fn finish(self) -> Vec<Fact> {
        let config = self.isa.frontend_config();
        self.builder.finalize(config);
        self.known.into_facts()
    }

    fn iconst32(&mut self, value: u32) -> Value {
        use cranelift_codegen::ir::InstBuilder;
        self.builder.ins().iconst(types::I32, i64::from(value))
    }
}
