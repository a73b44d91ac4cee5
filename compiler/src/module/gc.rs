//! Where garbage-collected types begin.
//!
//! Recursion groups, subtypes and all names of heap types came with the proposal
//! for garbage-collected types, and the validator knows that as one feature. Of it
//! we have what there is to say of functions: `function-references` stands for that
//! here. So the validator gets the feature as soon as `function-references` is on,
//! and what remains is refused here: definitions of structs and arrays, and all
//! operators. Without them, the references below `any` are always null.

use wasmparser::{
    BinaryReaderError, CompositeInnerType, Operator, Payload, RecGroup, ValidPayload, Validator,
    WasmFeatures,
};

use crate::error::Error;

/// What is wrong with a module.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// Byte offset in the binary.
    pub(super) offset: u64,
    pub(super) message: String,
}

impl From<BinaryReaderError> for Refusal {
    fn from(error: BinaryReaderError) -> Refusal {
        Refusal {
            offset: error.offset(),
            message: error.message().to_owned(),
        }
    }
}

impl From<Refusal> for Error {
    fn from(Refusal { offset, message }: Refusal) -> Error {
        Error::Invalid { offset, message }
    }
}

/// The features that the validator gets for `features`.
pub(super) fn validated(features: WasmFeatures) -> WasmFeatures {
    match features.contains(WasmFeatures::FUNCTION_REFERENCES) {
        true => features | WasmFeatures::GC,
        false => features,
    }
}

/// Validates a unit of a module. Of two things that are wrong, the first counts.
pub(super) fn validate<'a>(
    validator: &mut Validator,
    payload: &Payload<'a>,
    features: WasmFeatures,
) -> Result<ValidPayload<'a>, Refusal> {
    let valid = validator.payload(payload).map_err(Refusal::from);
    let before = match &valid {
        Ok(_) => u64::MAX,
        Err(refusal) => refusal.offset,
    };
    match types(payload, features) {
        Some(offset) if offset <= before => Err(refusal(offset)),
        _ => valid,
    }
}

/// Where the first recursion group with a struct or an array in it starts.
fn types(payload: &Payload<'_>, features: WasmFeatures) -> Option<u64> {
    let Payload::TypeSection(section) = payload else {
        return None;
    };
    if features.contains(WasmFeatures::GC) {
        return None;
    }
    let collected = |group: &RecGroup| {
        group.types().any(|ty| {
            matches!(
                ty.composite_type.inner,
                CompositeInnerType::Struct(_) | CompositeInnerType::Array(_)
            )
        })
    };
    // What cannot be read is the validator's to refuse.
    let mut groups = section
        .clone()
        .into_iter_with_offsets()
        .map_while(Result::ok);
    groups
        .find(|(_, group)| collected(group))
        .map(|(offset, _)| offset)
}

/// Refuses an operator on garbage-collected values.
pub(super) fn check_operator(
    operator: &Operator<'_>,
    offset: u64,
    features: WasmFeatures,
) -> Result<(), Refusal> {
    match is_collected(operator) && !features.contains(WasmFeatures::GC) {
        true => Err(refusal(offset)),
        false => Ok(()),
    }
}

/// Whether the proposal for garbage-collected types brought the operator.
pub(super) fn is_collected(operator: &Operator<'_>) -> bool {
    macro_rules! by_proposal {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            match operator {
                $(Operator::$op { .. } => by_proposal!(@$proposal),)*
                _ => false,
            }
        };
        (@gc) => { true };
        (@$proposal:ident) => { false };
    }
    wasmparser::for_each_operator!(by_proposal)
}

fn refusal(offset: u64) -> Refusal {
    Refusal {
        offset,
        message: "garbage-collected types are not supported".to_owned(),
    }
}
