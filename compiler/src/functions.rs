//! From function bodies to machine code.

use cranelift_frontend::FunctionBuilderContext;
use wasm_aot_abi as abi;
use wasmparser::FuncValidatorAllocations;

use crate::abi::wasm_signature;
use crate::backend::{Backend, Code};
use crate::cache::Key;
use crate::error::{Error, Result};
use crate::module::{Body, Module, Refused, Unchecked};
use crate::passes::{Fact, Usage};
use crate::traced::span;
use crate::trampoline;
use crate::translate::{self, Context};

/// The largest frame, in bytes, that code without signals makes before it compares the
/// stack pointer with the limit, or if it calls no other function, without comparing: half
/// of what a host leaves below the limit, so that there is room for what it calls then.
/// The frame of what guards a larger one has little more than the parameters, which have
/// less than 16 KB.
const LARGEST_FRAME: u32 = abi::STACK_RESERVE as u32 / 2;

/// A function's code, and what it relies on.
pub(crate) struct Compiled {
    pub(crate) code: Code,
    /// What C calls, if that contains the function itself.
    pub(crate) direct: Option<Code>,
    pub(crate) facts: Vec<Fact>,
    /// What the code follows from besides the facts, if somebody keeps it.
    pub(crate) key: Option<Key>,
    /// Whether it was kept, and not compiled now.
    pub(crate) is_kept: bool,
}

/// Memory that one body leaves to the next while they are validated.
#[derive(Default)]
pub(crate) struct Checker {
    scratch: FuncValidatorAllocations,
}

impl Checker {
    /// Validates a body of `module`, and adds what it does to `usage`.
    pub(crate) fn check<'a>(
        &mut self,
        module: &Module,
        body: Unchecked<'a>,
        usage: &mut Usage,
    ) -> Result<Body<'a>, Refused<'a>> {
        let body = body.check(&mut self.scratch, |operator| usage.add(module, operator))?;
        usage.add_body(module, &body);
        Ok(body)
    }
}

/// Memory that one function leaves to the next while they are compiled.
pub(crate) struct Worker {
    codegen: cranelift_codegen::Context,
    scratch: FunctionBuilderContext,
}

impl Worker {
    pub(crate) fn new() -> Worker {
        Worker {
            codegen: cranelift_codegen::Context::new(),
            scratch: FunctionBuilderContext::new(),
        }
    }

    /// Compiles a valid body, unless its code is kept.
    ///
    /// # Errors
    ///
    /// If the code generator refuses it.
    pub(crate) fn compile(
        &mut self,
        cx: &Context<'_>,
        backend: &Backend,
        body: &Body<'_>,
    ) -> Result<Compiled> {
        span!(TRACE, "function", index = body.index);
        let key = cx.kept.map(|kept| kept.key(body, cx.module, cx.whole));
        if let (Some(kept), Some(key)) = (cx.kept, key)
            && let Some(compiled) = kept.find(key, body, cx.whole)
        {
            return Ok(compiled);
        }
        let (code, mut facts) = self.code(cx, backend, body)?;
        // Of a function that keeps its locals there is one, with one frame.
        let once = cx.keeps_locals || code.calls();
        let direct = match once || !cx.whole.exported.contains(&body.index) {
            true => None,
            false => self.compile_direct(cx, backend, body, &mut facts)?,
        };
        Ok(Compiled {
            code,
            direct,
            facts,
            key,
            is_kept: false,
        })
    }

    /// The code of a valid body, and what it relies on.
    ///
    /// # Errors
    ///
    /// If the code generator refuses it.
    pub(crate) fn code(
        &mut self,
        cx: &Context<'_>,
        backend: &Backend,
        body: &Body<'_>,
    ) -> Result<(Code, Vec<Fact>)> {
        self.codegen.clear();
        let func = &mut self.codegen.func;
        let facts = translate::translate(cx, body, &mut self.scratch, func)?;
        let code = self.generate(backend, body)?;
        match !cx.signals && self.frame_size(backend, body)? > LARGEST_FRAME {
            true => Ok((self.compile_guarded(cx, backend, body)?, facts)),
            false => Ok((code, facts)),
        }
    }

    /// Compiles what C calls, if it is worth it, and adds to what is relied on.
    fn compile_direct(
        &mut self,
        cx: &Context<'_>,
        backend: &Backend,
        body: &Body<'_>,
        facts: &mut Vec<Fact>,
    ) -> Result<Option<Code>> {
        self.codegen.clear();
        let func = &mut self.codegen.func;
        let Some(more) = translate::translate_direct(cx, body, &mut self.scratch, func)? else {
            return Ok(None);
        };
        facts.extend(more);
        self.generate(backend, body).map(Some)
    }

    /// Compiles a body whose frame is too large to be made before it is known whether the
    /// stack has room for it: something small in front of it looks, by the size that the
    /// frame turns out to have.
    fn compile_guarded(
        &mut self,
        cx: &Context<'_>,
        backend: &Backend,
        body: &Body<'_>,
    ) -> Result<Code> {
        self.codegen.clear();
        let (scratch, func) = (&mut self.scratch, &mut self.codegen.func);
        let guarded = Context {
            guarded: true,
            ..*cx
        };
        translate::translate(&guarded, body, scratch, func)?;
        let code = self.generate(backend, body)?;
        let frame = self.frame_size(backend, body)?;
        self.codegen.clear();
        let (scratch, func) = (&mut self.scratch, &mut self.codegen.func);
        func.signature = wasm_signature(cx.module.function_type(body.index));
        trampoline::guard_frame(body.index, frame, cx.isa, scratch, func);
        let guard = self.generate(backend, body)?;
        Ok(guard.followed_by(code, body.index, backend.padding()))
    }

    fn frame_size(&self, backend: &Backend, body: &Body<'_>) -> Result<u32> {
        let size = backend.frame_size(&self.codegen);
        size.map_err(|message| Error::codegen(body.index, message))
    }

    fn generate(&mut self, backend: &Backend, body: &Body<'_>) -> Result<Code> {
        let result = backend.compile(&mut self.codegen);
        result.map_err(|message| Error::codegen(body.index, message))
    }
}
