//! Looks whether to go on.
//!
//! Code that runs for long either loops or calls functions, and calls that never end
//! come through functions that call. So loops look, and functions with calls.
//!
//! A look is due at the header of a loop, or the start of a function, and done where the
//! code from there on comes in any case, as late as possible: several loops may begin at
//! the same place, and those of interpreters do.
//!
//! A look is a load from the page in front of the memory, or the vmctx, which is
//! inaccessible when the code is to stop: one instruction, with a result that nobody
//! needs. Where the host is not known to have such a page, it is a load of a word, a
//! compare and a trap; where traps are calls, a call that may come back.

use core::mem::offset_of;

use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasm_aot_abi::{self as abi, TrapCode};
use wasmparser::Operator;

use super::Translator;
use super::flow::{calls, is_call, is_jump};
use crate::abi::{Access, Region, Symbol};
use crate::error::Result;
use crate::module::Body;
use crate::options::Polls;

/// Bytes of a read from the page: of a float, as registers for those are rarely scarce.
const READ: u32 = 4;

impl Translator<'_, '_> {
    /// Has the code look at the start of a function that calls others.
    pub(super) fn poll_at_entry(&mut self, body: &Body<'_>) -> Result<()> {
        if self.polls != Polls::None && calls(body)? {
            self.poll_due = true;
        }
        Ok(())
    }

    /// Has the code look in a loop, whose header is here. What is due from an outer loop
    /// or the function's start, and leads here in any case, is done by that.
    pub(super) fn poll_in_loop(&mut self) {
        self.poll_due = self.polls != Polls::None;
    }

    /// Looks if that is due, and has to be done before `operator`: one that calls or that
    /// may go on elsewhere.
    pub(super) fn poll_before(&mut self, operator: &Operator<'_>) {
        if self.poll_due && (is_call(operator) || is_branch(operator)) {
            self.poll_due = false;
            self.poll();
        }
    }

    /// Traps if the code is to stop.
    fn poll(&mut self) {
        match self.polls {
            Polls::None => {}
            // What C calls must not fault; the function itself, which it falls back on,
            // will.
            Polls::Page if self.direct.is_none() => self.poll_page(),
            Polls::Page | Polls::Word => self.poll_word(),
            Polls::Call => self.poll_call(),
        }
    }

    /// Every look in a function is at a place of its own, so that none is taken for an
    /// earlier one. An atomic load would not be either, but what the code knows of all
    /// other memory does not survive such a one.
    fn poll_page(&mut self) {
        const PLACES: u32 = abi::INTERRUPTION_PAGE as u32 / READ;
        let flags = Access::InterruptionPage.flags(self.builder.func);
        // Where there is a memory, loops have its base in a register already.
        let end = match self.module.memories.first() {
            Some(memory) if !memory.shared => self.memory_base(0),
            _ => self.vmctx,
        };
        if self.polled < PLACES - 1 {
            self.polled += 1;
            let offset = -((self.polled * READ) as i32);
            self.builder.ins().load(types::F32, flags, end, offset);
        } else if self.forgets_atomic_traps() {
            self.poll_word();
        } else {
            let ins = self.builder.ins();
            let last = ins.iadd_imm_s(end, -i64::from(PLACES * READ));
            self.builder.ins().atomic_load(types::I32, flags, last);
        }
    }

    fn poll_word(&mut self) {
        let stop = self.interrupt_word();
        self.trap_if(stop, TrapCode::Interrupted);
    }

    /// The host says whether to stop, and may do something else meanwhile.
    fn poll_call(&mut self) {
        let stop = self.interrupt_word();
        if self.direct.is_some() {
            // The function itself will ask.
            self.trap_if(stop, TrapCode::Interrupted);
            return;
        }
        let (ask, next) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(ask);
        self.builder.ins().brif(stop, ask, [], next, []);
        self.builder.seal_block(ask);
        self.builder.switch_to_block(ask);
        self.ask(Symbol::Interrupted);
        self.builder.ins().jump(next, []);
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }

    /// What is not 0 if the code is to stop.
    fn interrupt_word(&mut self) -> Value {
        let word = self.load_fixed(types::I64, offset_of!(abi::VmContext, interrupt) as u32);
        // Atomic, so that no look is taken for an earlier one.
        let flags = Access::Trusted(Region::Store).flags(self.builder.func);
        self.builder.ins().atomic_load(types::I32, flags, word)
    }
}

/// Whether what follows an operator is not reached in any case, or not from there alone.
fn is_branch(operator: &Operator<'_>) -> bool {
    let joins = matches!(
        operator,
        Operator::Else | Operator::End | Operator::TryTable { .. }
    );
    joins || is_jump(operator)
}
