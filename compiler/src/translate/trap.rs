//! Where code traps, and what it checks before.
//!
//! A trap is an instruction that faults, mostly one that does something else otherwise. In
//! code [without signals](crate::Options::signals) it is a call of [`Symbol::Trap`], which
//! does not return: its return address is a site of the table, so every trap has a call of
//! its own, out of the way, as short as it can be. Such an instruction is behind it only
//! because a block has to end. What would fault by itself is compared before.
//!
//! Code that C calls leaves what would trap to the function itself.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Block, InstBuilder, Opcode, Type, Value, types};
use wasm_aot_abi::TrapCode;

use super::Translator;
use super::env::stack_is_used_up;
use super::flow::calls;
use crate::abi::{Symbol, clif_trap};
use crate::error::Result;
use crate::module::Body;

/// Indices of memories that have been compared with their lengths, on every way to where
/// the code is. Memories do not shrink, so that holds from there on.
#[derive(Default)]
pub(super) struct Checks {
    /// The block that it is known of.
    block: Option<Block>,
    /// How many bytes of a memory, from an index on, are in it.
    ends: HashMap<(u32, Value), u64>,
}

impl Translator<'_, '_> {
    pub(super) fn trap(&mut self, code: TrapCode) {
        if let Some(otherwise) = self.otherwise() {
            self.builder.ins().jump(otherwise, []);
            return;
        }
        if !self.signals {
            self.ask(Symbol::Trap(code as u32));
        }
        self.builder.ins().trap(clif_trap(code));
    }

    pub(super) fn trap_if(&mut self, condition: Value, code: TrapCode) {
        if self.direct.is_none() && self.signals {
            self.builder.ins().trapnz(condition, clif_trap(code));
        } else {
            self.branch_to_trap(condition, true, code);
        }
    }

    pub(super) fn trap_unless(&mut self, condition: Value, code: TrapCode) {
        if self.direct.is_none() && self.signals {
            self.builder.ins().trapz(condition, clif_trap(code));
        } else {
            self.branch_to_trap(condition, false, code);
        }
    }

    /// Traps if whether the condition holds is `when`.
    fn branch_to_trap(&mut self, condition: Value, when: bool, code: TrapCode) {
        let otherwise = self.otherwise();
        let trap = otherwise.unwrap_or_else(|| self.builder.create_block());
        let next = self.builder.create_block();
        let (then, other) = if when { (trap, next) } else { (next, trap) };
        self.builder.ins().brif(condition, then, [], other, []);
        let here = self.builder.current_block();
        if otherwise.is_none() {
            self.go_aside(trap);
            self.trap(code);
        }
        self.go_on(here, next);
    }

    /// Goes on in a block that is hardly ever executed, and only one leads to.
    fn go_aside(&mut self, block: Block) {
        self.builder.set_cold_block(block);
        self.builder.seal_block(block);
        self.builder.switch_to_block(block);
    }

    /// Goes on in a block that nothing but `from` leads to.
    fn go_on(&mut self, from: Option<Block>, next: Block) {
        if self.checks.block == from {
            self.checks.block = Some(next);
        }
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }

    /// Where the code goes on instead of trapping, if it is never to trap.
    fn otherwise(&mut self) -> Option<Block> {
        let direct = self.direct.as_mut()?;
        let builder = &mut self.builder;
        Some(*direct.otherwise.get_or_insert_with(|| {
            let block = builder.create_block();
            builder.set_cold_block(block);
            block
        }))
    }

    /// Traps if the stack is used up, in a function that calls others. The frame is
    /// there already, so that its size counts; who has made it sees to it that it is not
    /// too large for that. Functions that call none are among what a host leaves room for.
    pub(super) fn check_stack(&mut self, body: &Body<'_>) -> Result<()> {
        if calls(body)? {
            let overflow = stack_is_used_up(&mut self.builder, self.vmctx, 0);
            self.trap_if(overflow, TrapCode::StackOverflow);
        }
        Ok(())
    }

    /// Traps, if it is not to fault, where a division would.
    pub(super) fn guard_division(&mut self, opcode: Opcode, left: Value, right: Value) {
        if self.direct.is_none() && self.signals {
            return;
        }
        let bits = self.type_of(left).bits();
        let divisor = self.constant(right);
        if divisor.is_none_or(|divisor| divisor == 0) {
            let zero = self.builder.ins().icmp_imm_s(IntCC::Equal, right, 0);
            self.trap_if(zero, TrapCode::IntegerDivisionByZero);
        }
        let can_be_minus_one = divisor.is_none_or(|divisor| divisor == u64::MAX >> (64 - bits));
        if opcode == Opcode::Sdiv && can_be_minus_one {
            let least = i64::MIN >> (64 - bits);
            let least = self.builder.ins().icmp_imm_s(IntCC::Equal, left, least);
            let minus = self.builder.ins().icmp_imm_s(IntCC::Equal, right, -1);
            let overflow = self.builder.ins().band(least, minus);
            self.trap_if(overflow, TrapCode::IntegerOverflow);
        }
    }

    /// Traps unless a float, rounded towards zero, is an integer of type `to`, as which
    /// `opcode` converts it.
    pub(super) fn guard_truncation(&mut self, opcode: Opcode, value: Value, to: Type) {
        let ty = self.type_of(value);
        let power = |exponent: u32| (1_u128 << exponent) as f64;
        // The first float that is too large, and the last that is too small, or the least
        // integer if the float behind that is not between two integers.
        let (high, low, above) = match opcode {
            Opcode::FcvtToUint => (power(to.bits()), -1.0, FloatCC::GreaterThan),
            _ => {
                let high = power(to.bits() - 1);
                match (ty, to) {
                    (types::F64, types::I32) => (high, -high - 1.0, FloatCC::GreaterThan),
                    _ => (high, -high, FloatCC::GreaterThanOrEqual),
                }
            }
        };
        let (high, low) = (self.float(high, value), self.float(low, value));
        let above = self.builder.ins().fcmp(above, value, low);
        let below = self.builder.ins().fcmp(FloatCC::LessThan, value, high);
        let fits = self.builder.ins().band(above, below);
        let (outside, next) = (self.builder.create_block(), self.builder.create_block());
        self.builder.ins().brif(fits, next, [], outside, []);
        let here = self.builder.current_block();
        self.go_aside(outside);
        let ins = self.builder.ins();
        let nan = ins.fcmp(FloatCC::Unordered, value, value);
        self.trap_if(nan, TrapCode::InvalidConversionToInteger);
        self.trap(TrapCode::IntegerOverflow);
        self.go_on(here, next);
    }

    /// Whether so many bytes from an index on are known to be in a memory. The index is as
    /// the code has it, of 32 bits or 64.
    pub(super) fn is_checked(&mut self, memory: u32, index: Value, end: u64) -> bool {
        let index = self.builder.func.dfg.resolve_aliases(index);
        let block = self.builder.current_block();
        if self.checks.block != block {
            self.checks.block = block;
            self.checks.ends.clear();
        }
        let known = self.checks.ends.get(&(memory, index));
        known.is_some_and(|&known| end <= known)
    }

    /// From here on they are. It has been asked before, and they were not.
    pub(super) fn set_checked(&mut self, memory: u32, index: Value, end: u64) {
        let index = self.builder.func.dfg.resolve_aliases(index);
        self.checks.ends.insert((memory, index), end);
    }
}
