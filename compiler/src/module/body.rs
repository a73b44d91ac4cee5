//! Function bodies.

use std::borrow::Cow;

use wasmparser::{
    BinaryReader, FuncToValidate, FuncValidator, FuncValidatorAllocations, FunctionBody, Operator,
    ValidatorResources, WasmFeatures,
};

use super::gc::{self, Refusal};

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

    /// As in the binary, without its size.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
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
            gc::validated(features),
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
        match check(&code, &mut validator, self.body.features, &mut see) {
            Ok(()) => {
                *scratch = validator.into_allocations();
                Ok(self.body)
            }
            Err(refusal) => Err(Refused {
                body: self.body,
                refusal,
            }),
        }
    }
}

/// Validates a body, and shows its operators.
pub(super) fn check(
    code: &FunctionBody<'_>,
    validator: &mut FuncValidator<ValidatorResources>,
    features: WasmFeatures,
    mut see: impl FnMut(&Operator<'_>),
) -> Result<(), Refusal> {
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
        gc::check_operator(&operator, offset, features)?;
        see(&operator);
    }
    Ok(operators.finish()?)
}

/// An invalid body, and why it is.
pub(crate) struct Refused<'a> {
    pub(super) body: Body<'a>,
    pub(super) refusal: Refusal,
}
