//! The switches of interpreters, of which LLVM is to have one behind each instruction that
//! they execute.
//!
//! What an interpreter goes back to is a block that is reached from many others and ends
//! in a jump by a table. With a copy of it behind each of them, there is a jump less to
//! execute; and of many jumps, each with a past of its own, processors predict more than
//! of one. LLVM makes such copies when it generates code, if the block
//!
//! * ends in nothing but that jump: so what is beyond the table becomes a row of it;
//! * is reached from [`MOST`] blocks at most: so there are [`copies`] of it for
//!   each so many.

use std::collections::{HashMap, HashSet};

use inkwell::basic_block::BasicBlock;
use inkwell::builder::{Builder, BuilderError};
use inkwell::context::Context;
use inkwell::module::{Linkage, Module};
use inkwell::values::{
    BasicValueEnum, FunctionValue, InstructionOpcode as Opcode, InstructionValue, IntValue, Operand,
};

use super::copies::{self, Copier, destinations, phis};

/// Rows of a table, at least: for fewer, LLVM compares.
const ROWS: u64 = 8;

/// From how many blocks it is reached, at least.
const LEAST: usize = 4;

/// From how many blocks LLVM copies a block to.
const MOST: usize = 16;

/// Instructions of the block, at most; LLVM copies 20 of the machine.
const LARGEST: usize = 14;

/// Does that for all switches of a function. Whether there are values in memory now that
/// are to be in registers.
///
/// # Errors
///
/// LLVM's message.
pub(super) fn spread<'c>(
    context: &'c Context,
    module: &Module<'c>,
    function: FunctionValue<'c>,
) -> Result<bool, BuilderError> {
    let blocks = function.get_basic_blocks();
    let tables = blocks.iter().filter_map(|&block| Table::new(block));
    let tables: Vec<Table<'c>> = tables.collect();
    if tables.is_empty() {
        return Ok(false);
    }
    let mut sources: HashMap<BasicBlock<'c>, Vec<BasicBlock<'c>>> = HashMap::new();
    for &block in &blocks {
        let mut known = HashSet::new();
        for to in destinations(block).filter(|&to| known.insert(to)) {
            sources.entry(to).or_default().push(block);
        }
    }
    let of = |block| sources.get(&block).map_or(&[][..], Vec::as_slice);
    let copier = Copier::new(context, function);
    let mut copied = false;
    for table in tables {
        let block = table.block;
        let mut reaching = of(block).to_vec();
        if reaching.contains(&block) {
            continue;
        }
        for &between in of(block) {
            if copies::does_nothing(between) && !of(between).contains(&between) {
                let skipping = copier.skip(between, block, of(between))?;
                if skipping.len() == of(between).len() {
                    reaching.retain(|&it| it != between);
                }
                reaching.extend(skipping);
            }
        }
        if reaching.len() < LEAST {
            continue;
        }
        table.complete(context, module, &copier.builder)?;
        reaching.retain(|&source| copies::branches(source, block));
        if let Some(groups) = groups(&reaching) {
            copier.copy(block, groups)?;
            copied = true;
        }
    }
    Ok(copied)
}

/// All but the first, if there is more than one.
fn groups<'a, 'c>(
    reaching: &'a [BasicBlock<'c>],
) -> Option<std::slice::Chunks<'a, BasicBlock<'c>>> {
    (reaching.len() > MOST).then(|| reaching[MOST..].chunks(MOST))
}

/// A switch that may become a jump by a table.
struct Table<'c> {
    block: BasicBlock<'c>,
    switch: InstructionValue<'c>,
    /// The first and the last row.
    rows: (u64, u64),
    cases: HashMap<u64, BasicBlock<'c>>,
    default: BasicBlock<'c>,
}

impl<'c> Table<'c> {
    /// That which `block` ends in.
    fn new(block: BasicBlock<'c>) -> Option<Table<'c>> {
        let switch = block.get_terminator()?;
        let all = block.get_instructions();
        let size = all.filter(|it| it.get_opcode() != Opcode::Phi).count();
        if switch.get_opcode() != Opcode::Switch || size > LARGEST {
            return None;
        }
        let operands: Vec<Operand<'c>> = switch.get_operands().flatten().collect();
        let default = operands.get(1)?.block()?;
        let cases = operands[2..].chunks(2).map(|case| match case {
            [
                Operand::Value(BasicValueEnum::IntValue(value)),
                Operand::Block(block),
            ] => Some((value.get_zero_extended_constant()?, *block)),
            _ => None,
        });
        let cases: HashMap<u64, BasicBlock<'c>> = cases.collect::<Option<_>>()?;
        let (first, last) = (*cases.keys().min()?, *cases.keys().max()?);
        let rows = (last - first).checked_add(1)?;
        let is_dense = rows >= ROWS && cases.len() as u64 >= rows / 2;
        is_dense.then_some(Table {
            block,
            switch,
            rows: (first, last),
            cases,
            default,
        })
    }

    /// Makes rows of what is beyond the table, and of the holes in it.
    fn complete(
        self,
        context: &'c Context,
        module: &Module<'c>,
        builder: &Builder<'c>,
    ) -> Result<(), BuilderError> {
        let (first, last) = self.rows;
        let beyond = last - first + 1;
        let Some(BasicValueEnum::IntValue(index)) =
            self.switch.get_operand(0).and_then(Operand::value)
        else {
            return Ok(());
        };
        let ty = index.get_type();
        let is_complete = self
            .default
            .get_first_instruction()
            .map(|it| it.get_opcode())
            == Some(Opcode::Unreachable);
        // Of numbers that all have a row, none is beyond.
        let has_beyond = |bits| bits < u64::BITS && beyond >> bits == 0;
        if is_complete || !has_beyond(ty.get_bit_width()) {
            return Ok(());
        }
        builder.position_before(&self.switch);
        if let Some(place) = self.switch.get_debug_location() {
            builder.set_current_debug_location(place);
        }
        let row = builder.build_int_sub(index, ty.const_int(first, false), "")?;
        let name = format!("llvm.umin.i{}", ty.get_bit_width());
        let least = module.get_function(&name).unwrap_or_else(|| {
            let ty = ty.fn_type(&[ty.into(), ty.into()], false);
            module.add_function(&name, ty, Some(Linkage::External))
        });
        let row =
            builder.build_call(least, &[row.into(), ty.const_int(beyond, false).into()], "")?;
        let row = row.try_as_basic_value().unwrap_basic().into_int_value();
        let target = |row| self.cases.get(&(first + row)).copied();
        let cases: Vec<(IntValue<'c>, BasicBlock<'c>)> = (0..=beyond)
            .map(|row| {
                (
                    ty.const_int(row, false),
                    target(row).unwrap_or(self.default),
                )
            })
            .collect();
        // A phi has a value for each edge.
        let edges = cases.iter().filter(|case| case.1 == self.default).count();
        for phi in phis(self.default) {
            let incomings = phi.get_incomings();
            let from_here = incomings.filter(|incoming| incoming.1 == self.block);
            let values: Vec<BasicValueEnum<'c>> = from_here.map(|incoming| incoming.0).collect();
            for _ in values.len()..edges {
                phi.add_incoming(&[(&values[0], self.block)]);
            }
        }
        let nowhere = context.insert_basic_block_after(self.block, "");
        self.switch.erase_from_basic_block();
        builder.position_at_end(self.block);
        builder.build_switch(row, nowhere, &cases)?;
        builder.position_at_end(nowhere);
        builder.build_unreachable()?;
        Ok(())
    }
}
