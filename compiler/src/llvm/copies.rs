//! Copies of blocks in LLVM's IR, each for some of the blocks that a block is reached from.
//!
//! What a block computes is used elsewhere, where it comes from one of several then: so it
//! is kept in memory, which a pass of LLVM (`mem2reg`) makes phis of.

use std::collections::{HashMap, HashSet};

use inkwell::basic_block::BasicBlock;
use inkwell::builder::{Builder, BuilderError};
use inkwell::context::Context;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{
    AnyValue as _, AnyValueEnum, BasicValue as _, BasicValueEnum, FunctionValue,
    InstructionOpcode as Opcode, InstructionValue, Operand, PhiValue, PointerValue,
};

/// Copies blocks of a function.
pub(super) struct Copier<'c> {
    context: &'c Context,
    function: FunctionValue<'c>,
    pub(super) builder: Builder<'c>,
}

/// The values of a block's phis, in their order, by where it is reached from.
type Incoming<'c> = HashMap<BasicBlock<'c>, Vec<BasicValueEnum<'c>>>;

impl<'c> Copier<'c> {
    pub(super) fn new(context: &'c Context, function: FunctionValue<'c>) -> Copier<'c> {
        Copier {
            context,
            function,
            builder: context.create_builder(),
        }
    }

    /// Has branches of `sources` to `between` go where that goes, which is all that it does.
    /// Returns those that do.
    pub(super) fn skip(
        &self,
        between: BasicBlock<'c>,
        to: BasicBlock<'c>,
        sources: &[BasicBlock<'c>],
    ) -> Result<Vec<BasicBlock<'c>>, BuilderError> {
        let own = phis(between);
        let used_elsewhere = own.iter().any(|phi| {
            let users = users(phi.as_basic_value());
            users
                .iter()
                .any(|user| user.get_parent() != Some(to) || user.get_opcode() != Opcode::Phi)
        });
        let moved: Vec<BasicBlock<'c>> = sources
            .iter()
            .copied()
            // If it goes to both, the two edges would be to one block.
            .filter(|&source| branches(source, between) && edges(source, to) == 0)
            .collect();
        if used_elsewhere || moved.is_empty() {
            return Ok(Vec::new());
        }
        let places: HashMap<BasicValueEnum<'c>, usize> = own
            .iter()
            .enumerate()
            .map(|(position, phi)| (phi.as_basic_value(), position))
            .collect();
        // What comes to `to` by way of this block, before its phis are made anew.
        let by: Vec<Option<BasicValueEnum<'c>>> =
            phis(to).iter().map(|phi| incoming(*phi, between)).collect();
        let by_place: Vec<Option<usize>> = by
            .iter()
            .map(|value| value.and_then(|value| places.get(&value).copied()))
            .collect();
        let is_all = moved.len() == sources.len();
        let values = self.detach(between, &moved)?;
        for (position, phi) in phis(to).into_iter().enumerate() {
            for &source in &moved {
                let value = match by_place[position] {
                    Some(place) => Some(values[&source][place]),
                    None => by[position],
                };
                if let Some(value) = value {
                    phi.add_incoming(&[(&value, source)]);
                }
            }
        }
        for &source in &moved {
            self.redirect(source, between, to)?;
        }
        if is_all {
            // Nothing leads there any more.
            self.detach(to, &[between])?;
            let end = between.get_terminator();
            for phi in phis(between) {
                phi.as_instruction().erase_from_basic_block();
            }
            if let Some(end) = end {
                end.erase_from_basic_block();
            }
            self.builder.position_at_end(between);
            self.builder.build_unreachable()?;
        }
        Ok(moved)
    }

    /// Makes a copy of a block for each group of blocks that branch to it. It must not
    /// branch to itself.
    pub(super) fn copy<'a>(
        &self,
        block: BasicBlock<'c>,
        groups: impl Iterator<Item = &'a [BasicBlock<'c>]>,
    ) -> Result<(), BuilderError>
    where
        'c: 'a,
    {
        let groups: Vec<&[BasicBlock<'c>]> = groups.collect();
        // Also for its own phis: what comes back to it may come from a copy then.
        self.keep_in_memory(block)?;
        let values = self.detach(block, &groups.concat())?;
        for group in groups {
            let copy = self.context.append_basic_block(self.function, "");
            let mut made: HashMap<BasicValueEnum<'c>, BasicValueEnum<'c>> = HashMap::new();
            self.builder.position_at_end(copy);
            for (position, phi) in phis(block).into_iter().enumerate() {
                let own = self
                    .builder
                    .build_phi(phi.as_basic_value().get_type(), "")?;
                for source in group {
                    own.add_incoming(&[(&values[source][position], *source)]);
                }
                made.insert(phi.as_basic_value(), own.as_basic_value());
            }
            let rest = block.get_instructions();
            for old in rest.filter(|it| it.get_opcode() != Opcode::Phi) {
                let new = old.explicit_clone();
                self.builder.insert_instruction(&new, None);
                for index in 0..new.get_num_operands() {
                    let operand = new.get_operand(index).and_then(Operand::value);
                    if let Some(value) = operand.and_then(|operand| made.get(&operand)) {
                        new.set_operand(index, *value);
                    }
                }
                if let (Some(old), Some(new)) = (value(old), value(new)) {
                    made.insert(old, new);
                }
            }
            // A phi has a value for each edge.
            let mut known = HashSet::new();
            for to in destinations(block).filter(|&to| known.insert(to)) {
                for phi in phis(to) {
                    let edges: Vec<BasicValueEnum<'c>> = phi
                        .get_incomings()
                        .filter(|incoming| incoming.1 == block)
                        .map(|incoming| incoming.0)
                        .collect();
                    for value in edges {
                        let value = made.get(&value).copied().unwrap_or(value);
                        phi.add_incoming(&[(&value, copy)]);
                    }
                }
            }
            for &source in group {
                self.redirect(source, block, copy)?;
            }
        }
        Ok(())
    }

    /// Has what a block computes, and others use, be in memory for them.
    fn keep_in_memory(&self, block: BasicBlock<'c>) -> Result<(), BuilderError> {
        let builder = &self.builder;
        let Some(end) = block.get_terminator() else {
            return Ok(());
        };
        let all: Vec<InstructionValue<'c>> = block.get_instructions().collect();
        for value in all.into_iter().filter_map(value) {
            let outside = users(value).into_iter().filter(|user| {
                user.get_parent() != Some(block) || user.get_opcode() == Opcode::Phi
            });
            let mut slot: Option<PointerValue<'c>> = None;
            for user in outside {
                for index in 0..user.get_num_operands() {
                    if user.get_operand(index).and_then(Operand::value) != Some(value) {
                        continue;
                    }
                    let before = match PhiValue::try_from(user) {
                        Ok(phi) => match phi.get_incoming(index) {
                            // A value for an edge; copies have edges of their own.
                            Some((_, from)) if from == block => continue,
                            Some((_, from)) => from.get_terminator(),
                            None => None,
                        },
                        Err(()) => Some(user),
                    };
                    let Some(before) = before else { continue };
                    let slot = match slot {
                        Some(slot) => slot,
                        None => {
                            let made = self.slot(value.get_type())?;
                            builder.position_before(&end);
                            builder.build_store(made, value)?;
                            *slot.insert(made)
                        }
                    };
                    builder.position_before(&before);
                    let load = builder.build_load(value.get_type(), slot, "")?;
                    user.set_operand(index, load);
                }
            }
        }
        Ok(())
    }

    fn slot(&self, ty: BasicTypeEnum<'c>) -> Result<PointerValue<'c>, BuilderError> {
        let first = self.function.get_first_basic_block();
        if let Some(first) = first.and_then(BasicBlock::get_first_instruction) {
            self.builder.position_before(&first);
        }
        self.builder.build_alloca(ty, "")
    }

    /// Makes the phis of a block anew without what comes from `sources`, which is returned.
    fn detach(
        &self,
        block: BasicBlock<'c>,
        sources: &[BasicBlock<'c>],
    ) -> Result<Incoming<'c>, BuilderError> {
        let gone: HashSet<BasicBlock<'c>> = sources.iter().copied().collect();
        let mut values: Incoming<'c> = sources.iter().map(|&it| (it, Vec::new())).collect();
        for phi in phis(block) {
            self.builder.position_before(&phi.as_instruction());
            let new = self
                .builder
                .build_phi(phi.as_basic_value().get_type(), "")?;
            let mut known = HashSet::new();
            for (value, source) in phi.get_incomings() {
                if !gone.contains(&source) {
                    new.add_incoming(&[(&value, source)]);
                } else if known.insert(source) {
                    values.entry(source).or_default().push(value);
                }
            }
            phi.replace_all_uses_with(&new);
            // What it was for itself, or for another of them, is the new one.
            let (old, new) = (phi.as_basic_value(), new.as_basic_value());
            for value in values.values_mut().flatten().filter(|value| **value == old) {
                *value = new;
            }
            phi.as_instruction().erase_from_basic_block();
        }
        Ok(values)
    }

    /// Has a branch to `to` go to `other`.
    fn redirect(
        &self,
        source: BasicBlock<'c>,
        to: BasicBlock<'c>,
        other: BasicBlock<'c>,
    ) -> Result<(), BuilderError> {
        let Some(old) = source.get_terminator() else {
            return Ok(());
        };
        let builder = &self.builder;
        builder.position_before(&old);
        let target = |index| match old.get_operand(index).and_then(Operand::block) {
            Some(block) if block == to => other,
            Some(block) => block,
            None => unreachable!("a branch has blocks"),
        };
        let condition = old.get_operand(0).and_then(Operand::value);
        let new = match condition {
            // The one that it goes to otherwise is the first.
            Some(BasicValueEnum::IntValue(condition)) => {
                builder.build_conditional_branch(condition, target(2), target(1))?
            }
            _ => builder.build_unconditional_branch(target(0))?,
        };
        new.set_debug_location(old.get_debug_location());
        old.erase_from_basic_block();
        Ok(())
    }
}

pub(super) fn phis<'c>(block: BasicBlock<'c>) -> Vec<PhiValue<'c>> {
    let all = block.get_instructions();
    all.map_while(|instruction| PhiValue::try_from(instruction).ok())
        .collect()
}

/// Whether a block ends in a branch to another, by one edge.
pub(super) fn branches<'c>(block: BasicBlock<'c>, to: BasicBlock<'c>) -> bool {
    let end = block.get_terminator();
    end.is_some_and(|end| end.get_opcode() == Opcode::Br) && edges(block, to) == 1
}

/// How many edges go from a block to another.
fn edges<'c>(block: BasicBlock<'c>, to: BasicBlock<'c>) -> usize {
    destinations(block).filter(|&it| it == to).count()
}

/// Where a block may go on, once for each edge.
pub(super) fn destinations<'c>(block: BasicBlock<'c>) -> impl Iterator<Item = BasicBlock<'c>> {
    let end = block.get_terminator();
    let operands = end.into_iter().flat_map(InstructionValue::get_operands);
    operands.flatten().filter_map(Operand::block)
}

/// Whether a block only goes to another.
pub(super) fn does_nothing(block: BasicBlock<'_>) -> bool {
    let mut rest = block
        .get_instructions()
        .skip_while(|instruction| instruction.get_opcode() == Opcode::Phi);
    rest.next()
        .is_some_and(|end| end.get_opcode() == Opcode::Br && end.get_num_operands() == 1)
}

fn incoming<'c>(phi: PhiValue<'c>, from: BasicBlock<'c>) -> Option<BasicValueEnum<'c>> {
    let mut all = phi.get_incomings();
    all.find(|incoming| incoming.1 == from)
        .map(|incoming| incoming.0)
}

/// What an instruction computes, if it is anything that may be in a register.
fn value<'c>(instruction: InstructionValue<'c>) -> Option<BasicValueEnum<'c>> {
    match instruction.as_any_value_enum() {
        AnyValueEnum::IntValue(value) => Some(value.into()),
        AnyValueEnum::FloatValue(value) => Some(value.into()),
        AnyValueEnum::PointerValue(value) => Some(value.into()),
        AnyValueEnum::VectorValue(value) => Some(value.into()),
        AnyValueEnum::StructValue(value) => Some(value.into()),
        AnyValueEnum::PhiValue(value) => Some(value.as_basic_value()),
        _ => None,
    }
}

/// The instructions that use a value, each once.
fn users<'c>(of: BasicValueEnum<'c>) -> Vec<InstructionValue<'c>> {
    let mut known = HashSet::new();
    let first = match of {
        BasicValueEnum::IntValue(value) => value.get_first_use(),
        BasicValueEnum::FloatValue(value) => value.get_first_use(),
        BasicValueEnum::PointerValue(value) => value.get_first_use(),
        BasicValueEnum::VectorValue(value) => value.get_first_use(),
        BasicValueEnum::StructValue(value) => value.get_first_use(),
        _ => None,
    };
    std::iter::successors(first, |it| it.get_next_use())
        .filter_map(|it| match it.get_user().as_any_value_enum() {
            AnyValueEnum::IntValue(value) => value.as_instruction(),
            AnyValueEnum::FloatValue(value) => value.as_instruction(),
            AnyValueEnum::PointerValue(value) => value.as_instruction(),
            AnyValueEnum::VectorValue(value) => value.as_instruction(),
            AnyValueEnum::StructValue(value) => value.as_instruction(),
            AnyValueEnum::PhiValue(value) => Some(value.as_instruction()),
            AnyValueEnum::InstructionValue(value) => Some(value),
            _ => None,
        })
        .filter(|&user| known.insert(user))
        .collect()
}
