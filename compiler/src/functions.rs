//! From function bodies to machine code.

use cranelift_frontend::FunctionBuilderContext;
use wasmparser::FuncValidatorAllocations;

use crate::backend::{Backend, Code};
use crate::error::{Error, Result};
use crate::module::{Body, Module, Refused, Unchecked};
use crate::passes::{Fact, Usage};
use crate::translate::{self, Context};

/// A function's code, and what it relies on.
pub(crate) struct Compiled {
    pub(crate) code: Code,
    pub(crate) facts: Vec<Fact>,
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

    /// Compiles a valid body.
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
        self.codegen.clear();
        let func = &mut self.codegen.func;
        let facts = translate::translate(cx, body, &mut self.scratch, func)?;
        let code = backend
            .compile(&mut self.codegen)
            .map_err(|message| Error::Codegen {
                function: body.index,
                message,
            })?;
        Ok(Compiled { code, facts })
    }
}
