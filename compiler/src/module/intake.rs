//! Takes the binary format (core, 5.5) in pieces of any size.
//!
//! What arrives is cut into units: the header, a section, the start of the code
//! section, a function body. A unit is read and validated as soon as it is
//! complete, in order, so what is found does not depend on where the pieces
//! end. (Of sections, even complete items are, see [`Items`].) Function bodies alone are not validated here but [handed
//! out](Intake::ready), since that is worth doing in parallel.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmparser::{Chunk, KnownCustom, Parser, Payload, ValidPayload, Validator};

use super::blame::{Evidence, Suspect};
use super::gc::{self, Refusal};
use super::items::Items;
use super::types::Groups;
use super::{Body, Contents, Module, Read, Refused, Unchecked};
use crate::error::{Error, Result};
use crate::{Features, Options};

/// A module on its way in. After an error it is of no more use.
pub(crate) struct Intake<'a> {
    parser: Parser,
    validator: Validator,
    features: Features,
    wanted: Wanted,
    /// Nobody else has it before the code section starts.
    module: Arc<Module>,
    groups: Groups,
    contents: Contents<'a>,
    /// How many bodies there are to come, once that is known.
    announced: Option<u32>,
    ready: Vec<Unchecked<'a>>,
    evidence: Evidence,
    digest: Sha256,
    /// The beginning of a unit, and how many bytes it lacks at least.
    pending: Vec<u8>,
    missing: usize,
    /// If that is a section of which some items are validated.
    items: Option<Items>,
    /// What is wrong with such a section, if it is not known yet what to blame.
    refusal: Option<Refusal>,
}

/// Which custom sections are kept.
#[derive(Clone, Default)]
pub(crate) struct Wanted {
    /// Those of these names.
    pub(crate) custom: Vec<String>,
    /// Those of debug information.
    pub(crate) debug: bool,
}

impl Wanted {
    /// What `options` ask for.
    pub(crate) fn new(options: &Options) -> Wanted {
        Wanted {
            custom: options.keep_custom.clone(),
            debug: options.debug,
        }
    }
}

/// A part of the input.
#[derive(Clone, Copy)]
pub(super) struct Unit<'x, 'a> {
    pub(super) bytes: &'x [u8],
    /// Byte offset in the binary.
    pub(super) offset: u64,
    /// Keeps a part of it beyond `'x`.
    pub(super) keep: Keep<'x, 'a>,
}

type Keep<'x, 'a> = fn(&'x [u8]) -> Cow<'a, [u8]>;

impl<'a> Intake<'a> {
    pub(crate) fn new(features: Features, wanted: Wanted) -> Intake<'a> {
        let mut parser = Parser::new(0);
        let validated = gc::validated(features.flags());
        parser.set_features(validated);
        Intake {
            parser,
            validator: Validator::new_with_features(validated),
            features,
            wanted,
            module: Arc::default(),
            groups: Groups::new(),
            contents: Contents::default(),
            announced: None,
            ready: Vec::new(),
            evidence: Evidence::default(),
            digest: Sha256::new(),
            pending: Vec::new(),
            missing: 0,
            items: None,
            refusal: None,
        }
    }

    /// Takes a whole module, without copying it.
    ///
    /// # Errors
    ///
    /// If it is not well formed, or invalid outside of functions. An error in
    /// a function that is [ready](Intake::ready) comes before.
    pub(crate) fn take(&mut self, wasm: &'a [u8]) -> Result<()> {
        self.digest.update(wasm);
        let used = self.units(wasm, Cow::Borrowed, false)?;
        self.pending = wasm[used..].to_vec();
        self.early()
    }

    /// Takes what comes next.
    ///
    /// # Errors
    ///
    /// See [`Intake::take`].
    pub(crate) fn push(&mut self, mut chunk: &[u8]) -> Result<()> {
        self.digest.update(chunk);
        while !chunk.is_empty() {
            if self.pending.is_empty() {
                let used = self.units(chunk, copy, false)?;
                self.pending.extend_from_slice(&chunk[used..]);
                break;
            }
            let (head, tail) = chunk.split_at(self.missing.min(chunk.len()));
            self.pending.extend_from_slice(head);
            self.missing -= head.len();
            chunk = tail;
            if self.missing == 0 {
                let mut pending = mem::take(&mut self.pending);
                let used = self.units(&pending, copy, false)?;
                pending.drain(..used);
                if pending.is_empty() {
                    pending.shrink_to(SMALL);
                }
                self.pending = pending;
            }
        }
        self.early()
    }

    /// Validates items of a section that is not complete.
    fn early(&mut self) -> Result<()> {
        let in_code = |count| self.contents.bodies.len() < count as usize;
        if self.announced.is_some_and(in_code) {
            return Ok(());
        }
        let offset = self.parser.offset();
        if self.refusal.is_none() {
            let Some(mut items) = self.items.take().or_else(|| Items::new(&self.pending)) else {
                return Ok(());
            };
            let features = self.features.flags();
            let validator = &mut self.validator;
            let result = items.validate(&self.pending, offset, false, validator, features);
            self.refusal = result.err();
            self.items = Some(items);
        }
        let error = self
            .refusal
            .as_ref()
            .and_then(|refusal| self.blame(&self.pending, offset, refusal));
        error.map_or(Ok(()), Err)
    }

    /// Ends the input.
    ///
    /// # Errors
    ///
    /// If something is missing.
    pub(crate) fn finish(mut self) -> Result<Read<'a>> {
        if let Some(refusal) = self.refusal {
            return Err(refusal.into());
        }
        let rest = mem::take(&mut self.pending);
        self.units(&rest, copy, true)?;
        self.contents.name_exports(&self.module);
        self.contents.digest = self.digest.finalize().into();
        Ok(Read {
            module: self.module,
            contents: self.contents,
        })
    }

    /// The bodies that have come since the last call.
    pub(crate) fn ready(&mut self) -> Vec<Unchecked<'a>> {
        mem::take(&mut self.ready)
    }

    /// What bodies can refer to, and how many of them there will be; known
    /// before the first of them.
    pub(crate) fn environment(&self) -> Option<(&Arc<Module>, u32)> {
        Some((&self.module, self.announced?))
    }

    /// Why a module with this body is not compiled.
    pub(crate) fn refuse(&self, Refused { body, refusal }: Refused<'_>) -> Error {
        let before = body.index - self.module.imported_functions;
        let suspect = Suspect::Body {
            body: &body,
            before,
        };
        self.evidence
            .blame(self.features, &suspect, &refusal)
            .expect("bodies are complete")
    }

    /// Takes all complete units at the start of `bytes`, which the module ends
    /// with if this is the `end`, and returns their size.
    fn units<'x>(&mut self, bytes: &'x [u8], keep: Keep<'x, 'a>, end: bool) -> Result<usize> {
        let mut used = 0;
        loop {
            match self.parser.parse(&bytes[used..], end)? {
                Chunk::NeedMoreData(missing) => {
                    self.missing = missing;
                    return Ok(used);
                }
                Chunk::Parsed {
                    payload: Payload::End(_),
                    ..
                } => return Ok(used),
                Chunk::Parsed { consumed, payload } => {
                    let unit = Unit {
                        bytes: &bytes[used..used + consumed],
                        offset: self.parser.offset() - consumed as u64,
                        keep,
                    };
                    self.unit(unit, payload)?;
                    used += consumed;
                }
            }
        }
    }

    /// Why a module with this unit, or beginning of one, is not compiled. None if
    /// the beginning is too short to tell.
    fn blame(&self, unit: &[u8], offset: u64, refusal: &Refusal) -> Option<Error> {
        let suspect = Suspect::Section { unit, offset };
        self.evidence.blame(self.features, &suspect, refusal)
    }

    fn unit<'x>(&mut self, unit: Unit<'x, 'a>, payload: Payload<'x>) -> Result<()> {
        let (validator, features) = (&mut self.validator, self.features.flags());
        let validated = match (self.refusal.take(), self.items.take()) {
            (Some(refusal), _) => Err(refusal),
            (None, Some(mut items)) => items
                .validate(unit.bytes, unit.offset, true, validator, features)
                .map(|()| ValidPayload::Ok),
            (None, None) => gc::validate(validator, &payload, features),
        };
        let validated = validated.map_err(|refusal| {
            let error = self.blame(unit.bytes, unit.offset, &refusal);
            error.unwrap_or_else(|| refusal.into())
        })?;
        self.evidence.add(unit.bytes, &payload);
        match (validated, payload) {
            (ValidPayload::Func(validator, code), _) => {
                let offset = code.range().start;
                let bytes = (unit.keep)(code.as_bytes());
                let features = self.features.flags();
                let body = Body::new(validator.index, offset, bytes, features);
                let end = code.range().end;
                self.contents.bodies.push(offset as u32..end as u32);
                self.ready.push(Unchecked { body, validator });
            }
            (
                _,
                Payload::CodeSectionStart {
                    count,
                    unchecked_range,
                    ..
                },
            ) => {
                self.announced = Some(count);
                self.contents.code = unchecked_range;
            }
            (_, Payload::DataSection(section)) => self.contents.add_data(section, unit)?,
            (_, Payload::CustomSection(section)) => {
                // Behind the functions they come too late, and mean nothing.
                if let KnownCustom::BranchHints(hints) = section.as_known()
                    && let Some(module) = Arc::get_mut(&mut self.module)
                    && self.announced.is_none()
                {
                    module.hints.read(hints);
                }
                self.contents
                    .add_custom(&section, &self.wanted, &self.module, unit);
            }
            (_, payload) => {
                let module = Arc::get_mut(&mut self.module).expect("there are no functions yet");
                module.add(payload, &mut self.groups)?;
            }
        }
        Ok(())
    }
}

/// What is kept of input that will be gone.
fn copy(bytes: &[u8]) -> Cow<'static, [u8]> {
    Cow::Owned(bytes.to_vec())
}

/// Buffers up to this size are kept from unit to unit, in bytes.
const SMALL: usize = 64 << 10;
