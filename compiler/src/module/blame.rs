//! Which feature a refused module lacks.

use std::cell::Cell;

use wasmparser::{BinaryReader, Chunk, FunctionBody, Parser, Payload, Validator, WasmFeatures};

use super::gc::{self, Refusal};
use super::items::Items;
use super::{Body, body};
use crate::Features;
use crate::error::Error;

/// What a refusal is judged by: the binary up to the first function body, but
/// for custom sections and data. All of it is valid.
#[derive(Default)]
pub(super) struct Evidence(Vec<u8>);

/// What is refused.
pub(super) enum Suspect<'x> {
    /// The header or a section, or the beginning of one, at a byte offset in the
    /// binary.
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

    /// The error that a refusal of `suspect` is: if the module would
    /// get past the refused place with one more feature, that is the reason.
    /// None if it takes more of the suspect to tell.
    pub(super) fn blame(
        &self,
        features: Features,
        suspect: &Suspect<'_>,
        refusal: &Refusal,
    ) -> Option<Error> {
        let offset = refusal.offset;
        let undecided = Cell::new(false);
        let passes = |wider| match self.replay(suspect, wider) {
            Err(error) => error > offset,
            Ok(end) => {
                undecided.set(end <= offset);
                true
            }
        };
        let missing = features.missing(passes);
        (!undecided.get()).then(|| match missing {
            Some(feature) => features.refusal(feature, offset),
            None => refusal.clone().into(),
        })
    }

    /// Up to which offset everything is valid with `features`, or the offset of
    /// what is not.
    fn replay(&self, suspect: &Suspect<'_>, features: WasmFeatures) -> Result<u64, u64> {
        let mut validator = Validator::new_with_features(gc::validated(features));
        let mut parser = Parser::new(0);
        parser.set_features(gc::validated(features));
        let mut bytes = &self.0[..];
        let mut code = false;
        while !bytes.is_empty() {
            let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(bytes, false) else {
                return Err(0);
            };
            if let Err(error) = gc::validate(&mut validator, &payload, features) {
                return Err(error.offset);
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
                let result = match parser.parse(unit, false) {
                    Ok(Chunk::Parsed { payload, .. }) => {
                        gc::validate(&mut validator, &payload, features).map(drop)
                    }
                    Ok(Chunk::NeedMoreData(_)) => {
                        let mut items = Items::new(unit).ok_or(0u64)?;
                        return items
                            .validate(unit, offset, false, &mut validator, features)
                            .map(|()| items.end(offset))
                            .map_err(|error| error.offset);
                    }
                    Err(error) => Err(error.into()),
                };
                result.map_err(|error| error.offset + left_out)?;
            }
            Suspect::Body { body, before } => {
                let valid = FunctionBody::new(BinaryReader::new(&[], 0));
                let code = body.code_with(features);
                for _ in 0..before {
                    validator
                        .code_section_entry(&valid)
                        .map_err(|error| error.offset())?;
                }
                let validator = validator
                    .code_section_entry(&code)
                    .map_err(|error| error.offset())?;
                let mut validator = validator.into_validator(Default::default());
                body::check(&code, &mut validator, features, |_| ())
                    .map_err(|error| error.offset)?;
            }
        }
        Ok(u64::MAX)
    }
}
