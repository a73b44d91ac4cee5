//! A function: its blocks, values and instructions.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use cranelift_codegen::ir::{
    Block, Function, Inst, InstructionData, Opcode, Type, Value, ValueDef, types,
};

use super::{MARKER, Member, Plan, REGIONS, SUBPROGRAMS, Uses, Written, suffix, ty};

/// The text of `func`, which is a function of a unit.
///
/// # Errors
///
/// What is in it that cannot be said.
pub(in super::super) fn function(
    plan: &Plan,
    member: &Member,
    func: &Function,
) -> Result<Written, String> {
    let mut writer = Writer {
        plan,
        func,
        member,
        scope: SUBPROGRAMS + member.index,
        out: String::new(),
        bodies: HashMap::new(),
        edges: HashMap::new(),
        label: String::new(),
        conditions: HashMap::new(),
        next: 0,
        line: 0,
        uses: Uses::default(),
        array: 0,
    };
    let order = reachable(func);
    for &block in &order {
        writer.label = format!("b{}", block.as_u32());
        for inst in func.layout.block_insts(block) {
            let source = func.srcloc(inst);
            if !source.is_default() {
                writer.line = member.line(source.bits());
            }
            writer.inst(inst).map_err(|problem| {
                let inst = func.dfg.display_inst(inst);
                format!("{problem} in `{inst}`")
            })?;
        }
        let body = std::mem::take(&mut writer.out);
        writer.bodies.insert(block, body);
    }
    Ok(writer.finish(&order))
}

/// The state of one function.
pub(super) struct Writer<'a> {
    pub(super) plan: &'a Plan,
    pub(super) func: &'a Function,
    member: &'a Member,
    /// The number of the function's subprogram.
    scope: u32,
    /// What has been written of the block at hand.
    pub(super) out: String,
    bodies: HashMap<Block, String>,
    /// How each block is reached: the label it is reached from, and with what.
    pub(super) edges: HashMap<Block, Vec<(String, Vec<Value>)>>,
    /// That of the block at hand, in LLVM's IR.
    pub(super) label: String,
    /// What comparisons are as `i1`.
    conditions: HashMap<Value, String>,
    /// The number of the next name.
    next: u32,
    /// That of what is being written; 0 before the first.
    pub(super) line: u32,
    pub(super) uses: Uses,
    /// How many values the largest array has that is passed to or comes from a call.
    pub(super) array: usize,
}

impl Writer<'_> {
    fn finish(mut self, order: &[Block]) -> Written {
        let Member { index, linkage, .. } = *self.member;
        let planned = &self.plan.functions[&index];
        let entry = self.func.layout.entry_block().expect("an entry");
        let entry_params = self.func.dfg.block_params(entry);
        let mut list = format!(
            "ptr noundef nonnull align 64 dereferenceable({}) %ctx",
            self.plan.vmctx_size
        );
        for (&value, class) in entry_params.iter().zip(planned.shape.params()).skip(1) {
            write!(list, ", {} %{value}", class.ty()).expect("a string");
        }
        let mut text = String::new();
        let returned = planned.shape.returned();
        writeln!(
            text,
            "define {linkage} {returned} @f{index}({list}) #0 section \".text.f{index}\" !dbg !{} {{",
            self.scope
        )
        .expect("a string");
        for &block in order {
            writeln!(text, "b{}:", block.as_u32()).expect("a string");
            if block == entry {
                if let Some(ctx) = entry_params.first() {
                    writeln!(text, "  %{ctx} = ptrtoint ptr %ctx to i64").expect("a string");
                }
                if self.array > 0 {
                    let count = self.array;
                    writeln!(text, "  {ARRAY} = alloca [{count} x i128], align 16")
                        .expect("a string");
                }
                if needs_stack(self.func) {
                    self.uses.regions.insert(STACK_REGION);
                    self.uses
                        .declare(MARKER.to_owned(), "void", &["ptr", "i32", "i32", "i32"]);
                    let (scope, tag) = (self.scope, REGIONS + 2 * STACK_REGION + 1);
                    writeln!(
                        text,
                        "  call void @{MARKER}(ptr %ctx, i32 0, i32 3, i32 1), !tbaa !{tag}, \
                         !dbg !DILocation(line: 0, scope: !{scope})"
                    )
                    .expect("a string");
                }
            } else {
                self.phis(block, &mut text);
            }
            text.push_str(&self.bodies.remove(&block).expect("every block is written"));
        }
        text.push_str("}\n");
        Written {
            text,
            uses: self.uses,
        }
    }

    /// What a block's parameters are, by where it is reached from.
    fn phis(&self, block: Block, text: &mut String) {
        let edges = self.edges.get(&block).map_or(&[][..], |edges| edges);
        for (position, &param) in self.func.dfg.block_params(block).iter().enumerate() {
            let ty = ty(self.type_of(param));
            write!(text, "  %{param} = phi {ty} ").expect("a string");
            for (count, (label, args)) in edges.iter().enumerate() {
                let separator = if count == 0 { "" } else { ", " };
                let value = self.value(args[position]);
                write!(text, "{separator}[ {value}, %{label} ]").expect("a string");
            }
            text.push('\n');
        }
    }

    /// Writes an instruction.
    fn inst(&mut self, inst: Inst) -> Result<(), String> {
        let data = &self.func.dfg.insts[inst];
        let opcode = data.opcode();
        if self.control(inst, data)
            || self.call(inst, data)?
            || self.access(inst, data)
            || self.integer(inst, data)
            || self.float(inst, data)
            || self.vector(inst, data)
        {
            return Ok(());
        }
        match opcode {
            Opcode::Nop => Ok(()),
            other => Err(format!("LLVM's code generator has nothing for {other}")),
        }
    }

    /// Writes an instruction with a result: all that is behind `=`.
    pub(super) fn define(&mut self, inst: Inst, text: std::fmt::Arguments<'_>) {
        let result = self.func.dfg.first_result(inst);
        write!(self.out, "  %{result} = ").expect("a string");
        self.end(text, self.plan.debug);
    }

    /// Writes what computes one of several results.
    pub(super) fn define_value(&mut self, result: Value, text: std::fmt::Arguments<'_>) {
        write!(self.out, "  %{result} = ").expect("a string");
        self.end(text, self.plan.debug);
    }

    /// Writes an instruction with a result of its own, and returns its name.
    pub(super) fn temp(&mut self, text: std::fmt::Arguments<'_>) -> String {
        let name = self.name();
        write!(self.out, "  {name} = ").expect("a string");
        self.end(text, self.plan.debug);
        name
    }

    /// As [`temp`](Self::temp), of what may trap or call.
    pub(super) fn located_temp(&mut self, text: std::fmt::Arguments<'_>) -> String {
        let name = self.name();
        write!(self.out, "  {name} = ").expect("a string");
        self.end(text, true);
        name
    }

    /// As [`define`](Self::define), of what may trap or call.
    pub(super) fn located(&mut self, inst: Inst, text: std::fmt::Arguments<'_>) {
        let result = self.func.dfg.first_result(inst);
        write!(self.out, "  %{result} = ").expect("a string");
        self.end(text, true);
    }

    /// Writes an instruction without a result, which may trap or call.
    pub(super) fn line(&mut self, text: std::fmt::Arguments<'_>) {
        self.out.push_str("  ");
        self.end(text, true);
    }

    /// Writes a terminator.
    pub(super) fn terminate(&mut self, text: std::fmt::Arguments<'_>) {
        self.out.push_str("  ");
        self.end(text, self.plan.debug);
    }

    fn end(&mut self, text: std::fmt::Arguments<'_>, located: bool) {
        self.out.write_fmt(text).expect("a string");
        if located {
            let (line, scope) = (self.line, self.scope);
            write!(
                self.out,
                ", !dbg !DILocation(line: {line}, scope: !{scope})"
            )
            .expect("a string");
        }
        self.out.push('\n');
    }

    fn name(&mut self) -> String {
        self.next += 1;
        format!("%t{}", self.next)
    }

    /// Starts another block of LLVM's.
    pub(super) fn start(&mut self, label: String) {
        writeln!(self.out, "{label}:").expect("a string");
        self.label = label;
    }

    /// A label that is not in use.
    pub(super) fn new_label(&mut self) -> String {
        self.next += 1;
        format!("l{}", self.next)
    }

    /// A value as an operand.
    pub(super) fn value(&self, value: Value) -> String {
        let value = self.func.dfg.resolve_aliases(value);
        match self.constant(value) {
            Some(number) => number.to_string(),
            None => format!("%{value}"),
        }
    }

    /// A value as an operand, with its type.
    pub(super) fn typed(&self, value: Value) -> String {
        format!("{} {}", ty(self.type_of(value)), self.value(value))
    }

    /// Whether an integer is not 0, as an `i1`.
    pub(super) fn condition(&mut self, value: Value) -> String {
        let value = self.func.dfg.resolve_aliases(value);
        if let Some(name) = self.conditions.get(&value) {
            return name.clone();
        }
        let operand = self.typed(value);
        self.temp(format_args!("icmp ne {operand}, 0"))
    }

    /// A comparison of numbers, whose result is 0 or 1.
    pub(super) fn define_condition(&mut self, inst: Inst, text: std::fmt::Arguments<'_>) {
        let result = self.func.dfg.first_result(inst);
        let condition = self.temp(text);
        let to = ty(self.type_of(result));
        self.define(inst, format_args!("zext i1 {condition} to {to}"));
        self.conditions.insert(result, condition);
    }

    /// Calls an intrinsic that is declared with these types.
    pub(super) fn intrinsic(&mut self, name: String, returns: Type, takes: &[&str]) -> String {
        let returns = ty(returns);
        let call = format!("call {returns} @{name}");
        self.uses.declare(name, &returns, takes);
        call
    }

    /// An intrinsic for a type, all of whose operands are of that type.
    pub(super) fn intrinsic_of(&mut self, name: &str, of: Type, operands: usize) -> String {
        let takes = ty(of);
        let takes = vec![takes.as_str(); operands];
        self.intrinsic(format!("llvm.{name}.{}", suffix(of)), of, &takes)
    }

    pub(super) fn type_of(&self, value: Value) -> Type {
        self.func.dfg.value_type(value)
    }

    pub(super) fn result_type(&self, inst: Inst) -> Type {
        self.type_of(self.func.dfg.first_result(inst))
    }

    /// The instruction that computes `value`.
    pub(super) fn definition(&self, value: Value) -> Option<&InstructionData> {
        let dfg = &self.func.dfg;
        match dfg.value_def(dfg.resolve_aliases(value)) {
            ValueDef::Result(inst, _) => Some(&dfg.insts[inst]),
            _ => None,
        }
    }

    /// What an integer is, with its sign, if it is a constant.
    pub(super) fn constant(&self, value: Value) -> Option<i64> {
        match self.definition(value) {
            Some(InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            }) => {
                let unused = 64 - self.type_of(value).bits().min(64);
                Some(imm.bits() << unused >> unused)
            }
            _ => None,
        }
    }

    /// Whether `value` is the function's context.
    pub(super) fn is_ctx(&self, value: Value) -> bool {
        let entry = self.func.layout.entry_block().expect("an entry");
        let value = self.func.dfg.resolve_aliases(value);
        self.func.dfg.block_params(entry).first() == Some(&value)
            && self.type_of(value) == types::I64
    }
}

/// The blocks that can be reached, in the order of the function.
fn reachable(func: &Function) -> Vec<Block> {
    let mut reached: Vec<Block> = func.layout.entry_block().into_iter().collect();
    let mut known: HashSet<Block> = reached.iter().copied().collect();
    let mut next = 0;
    while let Some(&block) = reached.get(next) {
        next += 1;
        let last = func.layout.last_inst(block).expect("a terminator");
        let dfg = &func.dfg;
        let to = dfg.insts[last].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
        for call in to {
            let block = call.block(&dfg.value_lists);
            if known.insert(block) {
                reached.push(block);
            }
        }
    }
    func.layout
        .blocks()
        .filter(|block| known.contains(block))
        .collect()
}

/// The array that values are passed in to what is called by one.
pub(super) const ARRAY: &str = "%values";

/// A region that nothing is in.
const STACK_REGION: u32 = 7;

/// Instructions of a function whose frame may be larger than what may be used without
/// looking.
const LARGE: usize = 128;

/// Whether a function may have to look how much stack there is.
fn needs_stack(func: &Function) -> bool {
    let insts = || {
        let blocks = func.layout.blocks();
        blocks.flat_map(|block| func.layout.block_insts(block))
    };
    insts().count() > LARGE || insts().any(|inst| func.dfg.insts[inst].opcode().is_call())
}
