//! Control instructions but for calls (core, 4.4.8).

use std::collections::HashMap;

use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, JumpTableData, Value};
use wasm_aot_abi::TrapCode;
use wasmparser::{BlockType, BrTable, ValType};

use super::Translator;
use super::stack::{Frame, FrameKind};
use crate::abi::clif_type;

impl Translator<'_, '_> {
    /// Opens the frame of the function, whose end returns.
    pub(super) fn open_function(&mut self, results: &[ValType]) {
        let exit = self.block_with(results);
        self.open(FrameKind::Block, exit, 0, results.len());
    }

    /// `[t*] -> [t*]`
    pub(super) fn block(&mut self, ty: BlockType) {
        let (params, results) = self.block_type(ty);
        let exit = self.block_with(&results);
        self.open(FrameKind::Block, exit, params.len(), results.len());
    }

    /// `[t*] -> [t*]`
    pub(super) fn loop_(&mut self, ty: BlockType) {
        let (params, results) = self.block_type(ty);
        let header = self.block_with(&params);
        let exit = self.block_with(&results);
        self.jump(header, params.len());
        self.open(
            FrameKind::Loop { header },
            exit,
            params.len(),
            results.len(),
        );
        self.builder.switch_to_block(header);
        self.replace_operands(header, params.len());
        self.poll_in_loop();
    }

    /// `[t* i32] -> [t*]`
    pub(super) fn if_(&mut self, ty: BlockType) {
        let condition = self.stack.pop();
        let (params, results) = self.block_type(ty);
        let then = self.builder.create_block();
        let otherwise = self.builder.create_block();
        let exit = self.block_with(&results);
        let kind = FrameKind::If {
            otherwise: Some(otherwise),
            params: self.top(params.len()),
        };
        match self.hint {
            Some(true) => self.builder.set_cold_block(otherwise),
            Some(false) => self.builder.set_cold_block(then),
            None => {}
        }
        self.builder.ins().brif(condition, then, [], otherwise, []);
        self.builder.seal_block(then);
        self.builder.seal_block(otherwise);
        self.open(kind, exit, params.len(), results.len());
        self.builder.switch_to_block(then);
    }

    /// Ends the first arm of an `if` and starts the second.
    pub(super) fn else_(&mut self) {
        self.leave();
        let frame = self.stack.frame(0);
        let FrameKind::If { otherwise, params } = &mut frame.kind else {
            unreachable!("validated: else closes an if");
        };
        let block = otherwise.take().expect("validated: one else");
        let params = std::mem::take(params);
        let height = frame.height;
        self.stack.values.truncate(height);
        self.stack.values.extend(params);
        self.stack.dead = None;
        self.builder.switch_to_block(block);
    }

    /// Closes the innermost frame; the last one returns.
    pub(super) fn end(&mut self) {
        self.leave();
        let mut frame = self.stack.frames.pop().expect("validated: a frame");
        match frame.kind {
            FrameKind::Block => {}
            FrameKind::Loop { header } => self.builder.seal_block(header),
            FrameKind::If {
                otherwise: Some(otherwise),
                ref params,
            } => {
                // Without `else`, the parameters are the results.
                self.builder.switch_to_block(otherwise);
                let args: Vec<BlockArg> = params.iter().copied().map(BlockArg::Value).collect();
                self.builder.ins().jump(frame.exit, &args);
                frame.exit_reached = true;
            }
            FrameKind::If { .. } => {}
            FrameKind::Try { catches } => self.land(&catches),
        }
        self.stack.values.truncate(frame.height);
        self.builder.seal_block(frame.exit);
        if !frame.exit_reached {
            self.stack.set_unreachable();
            return;
        }
        self.stack.dead = None;
        self.builder.switch_to_block(frame.exit);
        let results = self.builder.block_params(frame.exit).to_vec();
        if self.stack.frames.is_empty() {
            self.return_values(&results);
            self.stack.set_unreachable();
        } else {
            self.stack.values.extend(results);
        }
    }

    /// `br l`
    pub(super) fn br(&mut self, depth: u32) {
        let (target, arity) = self.stack.frame(depth).branch();
        self.jump(target, arity);
        self.stack.set_unreachable();
    }

    /// `[t* i32] -> [t*]`
    pub(super) fn br_if(&mut self, depth: u32) {
        let condition = self.stack.pop();
        let (target, arity) = self.stack.frame(depth).branch();
        let args = self.top_args(arity);
        let next = self.builder.create_block();
        if self.hint == Some(false) {
            // Others may come to the target often.
            let rarely = self.builder.create_block();
            self.builder.set_cold_block(rarely);
            self.builder.ins().brif(condition, rarely, [], next, []);
            self.builder.seal_block(rarely);
            self.builder.switch_to_block(rarely);
            self.builder.ins().jump(target, &args);
        } else {
            if self.hint == Some(true) {
                self.builder.set_cold_block(next);
            }
            self.builder.ins().brif(condition, target, &args, next, []);
        }
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }

    /// `[t* (ref null ht)] -> [t* (ref ht)]`; branches with `t*` if it is null.
    pub(super) fn br_on_null(&mut self, depth: u32) {
        let reference = self.stack.pop();
        let (target, arity) = self.stack.frame(depth).branch();
        let args = self.top_args(arity);
        let next = self.builder.create_block();
        self.builder.ins().brif(reference, next, [], target, &args);
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
        self.stack.push(reference);
    }

    /// `[t* (ref null ht)] -> [t*]`; branches with `t* (ref ht)` if it is not null.
    pub(super) fn br_on_non_null(&mut self, depth: u32) {
        let (target, arity) = self.stack.frame(depth).branch();
        let args = self.top_args(arity);
        let reference = self.stack.pop();
        let next = self.builder.create_block();
        self.builder.ins().brif(reference, target, &args, next, []);
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }

    /// `[t* i32] -> [t*]`, does not continue.
    pub(super) fn br_table(&mut self, table: &BrTable<'_>) {
        let index = self.stack.pop();
        // All labels take the same types.
        let (_, arity) = self.stack.frame(table.default()).branch();
        self.top(arity);
        // Values are passed from a block of their own for each label, not from
        // each of the possibly very many entries.
        let mut landings = HashMap::new();
        let mut call = |this: &mut Self, depth| {
            let (target, arity) = this.stack.frame(depth).branch();
            let block = if arity == 0 {
                target
            } else {
                *landings
                    .entry(depth)
                    .or_insert_with(|| this.builder.create_block())
            };
            this.builder.func.dfg.block_call(block, &[])
        };
        let default = call(self, table.default());
        let targets: Vec<_> = table
            .targets()
            .map(|depth| call(self, depth.expect("validated: a label")))
            .collect();
        let table = self
            .builder
            .create_jump_table(JumpTableData::new(default, &targets));
        self.builder.ins().br_table(index, table);

        let mut landings: Vec<_> = landings.into_iter().collect();
        landings.sort_unstable();
        for (depth, landing) in landings {
            self.builder.seal_block(landing);
            self.builder.switch_to_block(landing);
            let (target, arity) = self.stack.frame(depth).branch();
            self.jump(target, arity);
        }
        self.stack.set_unreachable();
    }

    /// `return`
    pub(super) fn return_(&mut self) {
        let arity = self.stack.frames[0].results;
        let results = self.top(arity);
        self.return_values(&results);
        self.stack.set_unreachable();
    }

    /// Always traps.
    pub(super) fn unreachable(&mut self) {
        self.trap(TrapCode::Unreachable);
        self.stack.set_unreachable();
    }

    /// `[t] -> []`
    pub(super) fn drop_(&mut self) {
        self.stack.pop();
    }

    /// `[t t i32] -> [t]`
    pub(super) fn select(&mut self) {
        let condition = self.stack.pop();
        let mut otherwise = self.stack.pop();
        let mut then = self.stack.pop();
        if self.type_of(then) != self.type_of(otherwise) {
            (then, otherwise) = (self.as_plain(then), self.as_plain(otherwise));
        }
        let value = self.builder.ins().select(condition, then, otherwise);
        self.stack.push(value);
    }

    /// The last `count` operands, made to pass between blocks and functions.
    pub(super) fn top(&mut self, count: usize) -> Vec<Value> {
        let first = self.stack.values.len() - count;
        for index in first..self.stack.values.len() {
            self.stack.values[index] = self.as_plain(self.stack.values[index]);
        }
        self.stack.values[first..].to_vec()
    }

    /// Like [`top`](Self::top), and takes them off the stack.
    pub(super) fn pop_many(&mut self, count: usize) -> Vec<Value> {
        let values = self.top(count);
        self.stack.values.truncate(self.stack.values.len() - count);
        values
    }

    fn top_args(&mut self, count: usize) -> Vec<BlockArg> {
        self.top(count).into_iter().map(BlockArg::Value).collect()
    }

    fn jump(&mut self, target: Block, arity: usize) {
        let args = self.top_args(arity);
        self.builder.ins().jump(target, &args);
    }

    /// Goes on to the exit of the innermost frame, if the code here is reached.
    fn leave(&mut self) {
        if self.stack.reachable() {
            let frame = self.stack.frame(0);
            frame.exit_reached = true;
            let (exit, results) = (frame.exit, frame.results);
            self.jump(exit, results);
        }
    }

    pub(super) fn open(&mut self, kind: FrameKind, exit: Block, params: usize, results: usize) {
        self.stack.frames.push(Frame {
            kind,
            exit,
            exit_reached: false,
            params,
            results,
            height: self.stack.values.len() - params,
        });
    }

    /// The last `count` operands become the parameters of `block`.
    fn replace_operands(&mut self, block: Block, count: usize) {
        let height = self.stack.values.len() - count;
        self.stack.values.truncate(height);
        let params = self.builder.block_params(block);
        self.stack.values.extend_from_slice(params);
    }

    pub(super) fn block_with(&mut self, params: &[ValType]) -> Block {
        let block = self.builder.create_block();
        for &ty in params {
            self.builder.append_block_param(block, clif_type(ty));
        }
        block
    }

    pub(super) fn block_type(&self, ty: BlockType) -> (Vec<ValType>, Vec<ValType>) {
        match ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(result) => (Vec::new(), vec![result]),
            BlockType::FuncType(index) => {
                let module = self.module;
                let ty = &module.types[module.type_section[index as usize] as usize];
                (ty.params().to_vec(), ty.results().to_vec())
            }
        }
    }
}
