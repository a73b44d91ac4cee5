//! Exceptions (core, 4.4.8): `try_table` and what throws.
//!
//! A call inside of a `try_table` is a `try_call`, whose exceptional edges lead to
//! a *landing* for each clause that may catch something there: it takes the values
//! out of the exception and branches to the clause's label. Which of the edges is
//! taken is up to the host, by the tables that come of it.

use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, InstBuilder, SigRef, Value,
    types,
};
use wasm_aot_abi::{TrapCode, VALUE_SIZE};
use wasmparser::{self, TryTable, ValType};

use super::Translator;
use super::call::Code;
use super::stack::{Catch, FrameKind};
use crate::abi::{Access, Builtin, Clause, Region, clif_trap, clif_type};

/// The values of an exception, and nothing else that code touches.
const VALUES: Access = Access::Trusted(Region::Values);

/// A clause that is open, and where it leads.
pub(super) type Handler = (Clause, Block);

/// Where a clause is: the position of its frame, and its own in that.
type Place = (usize, usize);

impl Translator<'_, '_> {
    /// `[t*] -> [t*]`
    pub(super) fn try_table(&mut self, table: &TryTable) {
        use wasmparser::Catch as Wasm;
        let catches = table.catches.iter().map(|catch| {
            let (tag, keeps, label) = match *catch {
                Wasm::One { tag, label } => (Some(tag), false, label),
                Wasm::OneRef { tag, label } => (Some(tag), true, label),
                Wasm::All { label } => (None, false, label),
                Wasm::AllRef { label } => (None, true, label),
            };
            Catch {
                clause: Clause { tag, keeps },
                landing: None,
                // The label is one of those around the `try_table`.
                target: self.stack.frames.len() - 1 - label as usize,
            }
        });
        let kind = FrameKind::Try {
            catches: catches.collect(),
        };
        let (params, results) = self.block_type(table.ty);
        let exit = self.block_with(&results);
        self.open(kind, exit, params.len(), results.len());
    }

    /// `[t*] -> [t*]`, does not continue.
    pub(super) fn throw(&mut self, tag: u32) {
        let module = self.module;
        let params = module.types[module.tags[tag as usize] as usize].params();
        let values = self.pop_many(params.len());
        if let Some((frame, catch)) = self.surely_caught(tag) {
            let Catch { clause, target, .. } = self.catches(frame)[catch];
            let args = if clause.tag.is_some() {
                &values[..]
            } else {
                &[]
            };
            self.branch(target, args);
            self.stack.set_unreachable();
            return;
        }
        let tag = self.iconst32(tag);
        let exception = self
            .call_builtin(Builtin::Exception, &[self.vmctx, tag])
            .expect("a result");
        for (value, offset) in values.into_iter().zip(value_offsets()) {
            self.store(VALUES, value, exception, offset);
        }
        self.raise(exception);
    }

    /// `[t* exnref] -> [t*]`, does not continue; traps if it is null.
    pub(super) fn throw_ref(&mut self) {
        let exception = self.stack.pop();
        self.trap_unless(exception, TrapCode::NullReference);
        self.raise(exception);
    }

    /// Throws an exception that there is.
    fn raise(&mut self, exception: Value) {
        let (function, signature) = self.throw_function();
        let args = [self.vmctx, exception];
        let handlers = self.handlers();
        if handlers.is_empty() {
            self.builder.ins().call(function, &args);
        } else {
            self.try_call(Code::Direct(function), signature, &args, &handlers);
        }
        self.builder.ins().trap(clif_trap(TrapCode::Unreachable));
        self.stack.set_unreachable();
    }

    /// Calls with handlers, and goes on where the call has returned. Returns its
    /// results.
    pub(super) fn try_call(
        &mut self,
        code: Code,
        signature: SigRef,
        args: &[Value],
        handlers: &[Handler],
    ) -> Vec<Value> {
        let returned = self.builder.create_block();
        let returns = self.builder.func.dfg.signatures[signature].returns.clone();
        let results: Vec<Value> = returns
            .iter()
            .map(|result| self.builder.append_block_param(returned, result.value_type))
            .collect();
        let lists = &mut self.builder.func.dfg.value_lists;
        let normal = BlockCall::new(
            returned,
            (0..results.len() as u32).map(BlockArg::TryCallRet),
            lists,
        );
        // The tags of the clauses are to be looked up in our vmctx.
        let mut items = vec![ExceptionTableItem::Context(self.vmctx)];
        items.extend(handlers.iter().map(|&(clause, landing)| {
            let edge = BlockCall::new(landing, [BlockArg::TryCallExn(0)], lists);
            ExceptionTableItem::Tag(clause.into(), edge)
        }));
        let table = ExceptionTableData::new(signature, normal, items);
        let table = self.builder.func.dfg.exception_tables.push(table);
        match code {
            Code::Direct(function) => self.builder.ins().try_call(function, args, table),
            Code::Indirect(code) => self.builder.ins().try_call_indirect(code, args, table),
        };
        self.builder.seal_block(returned);
        self.builder.switch_to_block(returned);
        results
    }

    /// The clauses that may catch what is thrown here, innermost first. They get a
    /// landing if they have none.
    pub(super) fn handlers(&mut self) -> Vec<Handler> {
        let mut handlers: Vec<Handler> = Vec::new();
        for (frame, catch) in self.open_clauses() {
            let clause = self.catches(frame)[catch].clause;
            // An exception that a clause further in has caught does not get here.
            if handlers.iter().any(|(inner, _)| inner.tag == clause.tag) {
                continue;
            }
            let landing = self.catches(frame)[catch].landing;
            let landing = landing.unwrap_or_else(|| {
                let landing = self.builder.create_block();
                self.builder.append_block_param(landing, types::I64);
                self.builder.set_cold_block(landing);
                landing
            });
            self.catches(frame)[catch].landing = Some(landing);
            handlers.push((clause, landing));
            if clause.tag.is_none() {
                break;
            }
        }
        handlers
    }

    /// The clause that catches exceptions of `tag` that are thrown here, if that is
    /// certain and it has no use for the reference.
    fn surely_caught(&mut self, tag: u32) -> Option<Place> {
        for (frame, catch) in self.open_clauses() {
            let clause = self.catches(frame)[catch].clause;
            match clause.tag {
                Some(other) if self.module.tags_differ(other, tag) => {}
                Some(other) if other != tag => return None,
                _ => return (!clause.keeps).then_some((frame, catch)),
            }
        }
        None
    }

    /// All clauses around, innermost first.
    fn open_clauses(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for (frame, open) in self.stack.frames.iter().enumerate().rev() {
            if let FrameKind::Try { catches } = &open.kind {
                places.extend((0..catches.len()).map(|catch| (frame, catch)));
            }
        }
        places
    }

    fn catches(&mut self, frame: usize) -> &mut [Catch] {
        match &mut self.stack.frames[frame].kind {
            FrameKind::Try { catches } => catches,
            _ => unreachable!("the frame of a try_table"),
        }
    }

    /// Fills the landings of a `try_table` that ends. The block at hand is
    /// complete.
    pub(super) fn land(&mut self, catches: &[Catch]) {
        for catch in catches {
            let Some(landing) = catch.landing else {
                continue;
            };
            self.builder.seal_block(landing);
            self.builder.switch_to_block(landing);
            let exception = self.builder.block_params(landing)[0];
            let module = self.module;
            let types: &[ValType] = match catch.clause.tag {
                Some(tag) => module.types[module.tags[tag as usize] as usize].params(),
                None => &[],
            };
            let mut args: Vec<Value> = types
                .iter()
                .zip(value_offsets())
                .map(|(&ty, offset)| self.load(clif_type(ty), VALUES, exception, offset))
                .collect();
            if catch.clause.keeps {
                args.push(exception);
            }
            self.branch(catch.target, &args);
        }
    }

    /// Branches to the label of the frame at a position.
    fn branch(&mut self, frame: usize, args: &[Value]) {
        let (target, _) = self.stack.frames[frame].branch();
        let args: Vec<BlockArg> = args.iter().copied().map(BlockArg::Value).collect();
        self.builder.ins().jump(target, &args);
    }
}

/// Where the values of an exception are, in bytes from its start.
fn value_offsets() -> impl Iterator<Item = u32> {
    (1..).map(|slot| slot * VALUE_SIZE as u32)
}
