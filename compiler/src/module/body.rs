//! Function bodies.

use std::borrow::Cow;

use wasmparser::{
    BinaryReader, FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator,
    ValidatorResources, WasmFeatures,
};

use crate::error::Result;

/// The body of a function.
pub(crate) struct Body<'a> {
    /// The function's index.
    pub(crate) index: u32,
    /// Byte offset in the binary.
    pub(crate) offset: u64,
    bytes: Cow<'a, [u8]>,
    features: WasmFeatures,
}

impl<'a> Body<'a> {
    pub(super) fn new(
        index: u32,
        offset: u64,
        bytes: Cow<'a, [u8]>,
        features: WasmFeatures,
    ) -> Body<'a> {
        Body {
            index,
            offset,
            bytes,
            features,
        }
    }

    /// The body, to be read.
    pub(crate) fn code(&self) -> FunctionBody<'_> {
        self.code_with(self.features)
    }

    /// The same, read with other features.
    pub(super) fn code_with(&self, features: WasmFeatures) -> FunctionBody<'_> {
        FunctionBody::new(BinaryReader::new_features(
            &self.bytes,
            self.offset,
            features,
        ))
    }
}

/// A body that may be invalid, and what is needed to find out.
pub(crate) struct Unchecked<'a> {
    pub(super) body: Body<'a>,
    pub(super) validator: FuncToValidate<ValidatorResources>,
}

impl<'a> Unchecked<'a> {
    /// Validates the body and shows all of its operators to `see`, in order;
    /// those before an error, too. The memory of `scratch` is used again.
    pub(crate) fn check(
        self,
        scratch: &mut FuncValidatorAllocations,
        mut see: impl FnMut(&Operator<'_>),
    ) -> Result<Body<'a>, Refused<'a>> {
        let mut validator = self.validator.into_validator(std::mem::take(scratch));
        let code = self.body.code();
        let mut check = || -> wasmparser::Result<()> {
            let mut locals = code.get_locals_reader()?;
            for _ in 0..locals.get_count() {
                let offset = locals.original_position();
                let (count, ty) = locals.read()?;
                validator.define_locals(offset, count, ty)?;
            }
            let mut operators = code.get_operators_reader()?;
            while !operators.eof() {
                let (operator, offset) = operators.read_with_offset()?;
                validator.op(offset, &operator)?;
                see(&operator);
            }
            operators.finish()
        };
        match check() {
            Ok(()) => {
                *scratch = validator.into_allocations();
                Ok(self.body)
            }
            Err(error) => Err(Refused {
                body: self.body,
                error,
            }),
        }
    }
}

/// An invalid body, and why it is.
pub(crate) struct Refused<'a> {
    pub(super) body: Body<'a>,
    pub(super) error: wasmparser::BinaryReaderError,
}
