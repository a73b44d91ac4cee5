//! What is done for one unit: CLIF, IR, LLVM, and reading what that has made.

use std::collections::{BTreeMap, BTreeSet};

use cranelift_codegen::ir::Function;
use cranelift_frontend::FunctionBuilderContext;

use super::machine::Machine;
use super::object::{self, Name, Section};
use super::plan::{Plan, Unit};
use super::shape::Shape;
use super::sites::{self, Sites};
use super::write;
use crate::cache::Key;
use crate::error::{Error, Result};
use crate::module::Body;
use crate::translate::{self, Context};

/// Compiles units.
pub(super) struct Generator<'a> {
    pub(super) cx: &'a Context<'a>,
    pub(super) bodies: &'a [Body<'a>],
    pub(super) machine: &'a Machine,
}

/// What LLVM has made of a unit.
pub(super) struct Output {
    /// What it follows from.
    pub(super) key: Key,
    /// The object file.
    pub(super) object: Vec<u8>,
    /// Whether that was kept, and not made now.
    pub(super) is_kept: bool,
    pub(super) pieces: BTreeMap<Name, Piece>,
    /// Shapes of what it calls by an array of values.
    pub(super) left: BTreeSet<Shape>,
}

/// A section, and what is in its code.
pub(super) struct Piece {
    pub(super) section: Section,
    /// Nothing, if it is constants.
    pub(super) sites: Sites,
}

/// Bytes that a frame may have without being compared with the limit of the stack before
/// it is there: less than what is usable below the limit, for what else is there too.
const MAX_FRAME: u32 = wasm_aot_abi::STACK_RESERVE as u32 / 2;

impl Piece {
    /// Whether it is not to be in an artefact: its frame is enormous, or it calls what is
    /// nowhere.
    pub(super) fn is_unfit(&self) -> bool {
        let mut references = self.section.references.iter();
        self.sites.frame_size > MAX_FRAME
            || references.any(|reference| matches!(reference.target, Name::Nowhere(_)))
    }
}

impl Generator<'_> {
    /// Compiles a unit of a plan, unless it is among those that are `known`, or kept.
    pub(super) fn compile(
        &self,
        plan: &Plan,
        unit: &Unit,
        known: &BTreeMap<Key, Vec<u8>>,
    ) -> Result<Output> {
        let (text, left) = self.text(plan, unit)?;
        let key = self.machine.key(&text);
        let kept = self.cx.kept.and_then(|kept| kept.object(key));
        let is_kept = kept.is_some();
        let failed = |message| Error::Generator { message };
        let object = match kept.or_else(|| known.get(&key).map(Vec::as_slice)) {
            Some(object) => object.to_vec(),
            None => self.machine.compile(text).map_err(failed)?,
        };
        let sections = object::read(&object).map_err(failed)?;
        let pieces = sections.into_iter().map(|(name, mut section)| {
            let sites = match name {
                Name::Constants(_) => Sites::default(),
                _ => sites::find(&name, &mut section, unit, plan),
            };
            (name, Piece { section, sites })
        });
        Ok(Output {
            key,
            is_kept,
            pieces: pieces.collect(),
            left,
            object,
        })
    }

    /// The unit in LLVM's IR.
    fn text(&self, plan: &Plan, unit: &Unit) -> Result<(String, BTreeSet<Shape>)> {
        let mut scratch = FunctionBuilderContext::new();
        let mut written = Vec::new();
        for member in unit.members() {
            let body = body(self.bodies, member.index);
            let mut func = Function::new();
            translate::translate(self.cx, body, &mut scratch, &mut func)?;
            let function = write::function(plan, member, &func);
            written.push(function.map_err(|message| Error::codegen(member.index, message))?);
        }
        let arrivals = unit
            .own()
            .filter(|index| plan.functions[index].has_arrival());
        written.extend(arrivals.map(|index| write::arrival(plan, index)));
        Ok(write::module(plan, unit, written, self.machine))
    }
}

/// The body of function `index`, out of all bodies of a module.
pub(super) fn body<'a>(bodies: &'a [Body<'a>], index: u32) -> &'a Body<'a> {
    &bodies[(index - bodies[0].index) as usize]
}
