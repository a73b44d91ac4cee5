//! Which feature a refused module lacks.

use wasmparser::{
    BinaryReader, BinaryReaderError, Chunk, FunctionBody, Parser, Payload, Validator, WasmFeatures,
};

use super::Body;
use crate::Features;
use crate::error::Error;

/// What a refusal is judged by: the binary up to the first function body, but
/// for custom sections and data. All of it is valid.
#[derive(Default)]
pub(super) struct Evidence(Vec<u8>);

/// What the validator refuses.
pub(super) enum Suspect<'x> {
    /// The header or a section, at a byte offset in the binary.
    Section { unit: &'x [u8], offset: u64 },
    /// A function body, behind so many valid ones.
    Body { body: &'x Body<'x>, before: u32 },
}

impl Evidence {
    /// Adds the next unit, which came as `payload`, if it matters.
    pub(super) fn add(&mut self, unit: &[u8], payload: &Payload<'_>) {
        if !matches!(
            payload,
            Payload::CodeSectionEntry(_) | Payload::DataSection(_) | Payload::CustomSection(_)
        ) {
            self.0.extend_from_slice(unit);
        }
    }

    /// The error that a validator's refusal of `suspect` is: if the module would
    /// get past the refused place with one more feature, that is the reason.
    pub(super) fn blame(
        &self,
        features: Features,
        suspect: &Suspect<'_>,
        refusal: BinaryReaderError,
    ) -> Error {
        let offset = refusal.offset();
        let passes = |wider| {
            self.first_error(suspect, wider)
                .is_none_or(|error| error > offset)
        };
        match features.missing(passes) {
            Some(feature) => Error::Unsupported { feature, offset },
            None => refusal.into(),
        }
    }

    /// Offset of what a validator with `features` refuses first, up to and with
    /// `suspect`.
    fn first_error(&self, suspect: &Suspect<'_>, features: WasmFeatures) -> Option<u64> {
        let mut validator = Validator::new_with_features(features);
        let mut parser = Parser::new(0);
        parser.set_features(features);
        let mut bytes = &self.0[..];
        let mut code = false;
        while !bytes.is_empty() {
            let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(bytes, false) else {
                return Some(0);
            };
            if let Err(error) = validator.payload(&payload) {
                return Some(error.offset());
            }
            code = matches!(payload, Payload::CodeSectionStart { .. });
            bytes = &bytes[consumed..];
        }
        match *suspect {
            Suspect::Section { unit, offset } => {
                if code {
                    parser.skip_section();
                }
                let left_out = offset - parser.offset();
                let result = parser.parse(unit, false).and_then(|chunk| match chunk {
                    Chunk::Parsed { payload, .. } => validator.payload(&payload).map(drop),
                    Chunk::NeedMoreData(_) => Ok(()),
                });
                result.err().map(|error| error.offset() + left_out)
            }
            Suspect::Body { body, before } => {
                let valid = FunctionBody::new(BinaryReader::new(&[], 0));
                let code = body.code_with(features);
                let result = (0..before)
                    .try_for_each(|_| validator.code_section_entry(&valid).map(drop))
                    .and_then(|()| validator.code_section_entry(&code))
                    .and_then(|function| {
                        function.into_validator(Default::default()).validate(&code)
                    });
                result.err().map(|error| error.offset())
            }
        }
    }
}
