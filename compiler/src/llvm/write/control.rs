//! Branches, traps and returns.

use cranelift_codegen::ir::{Block, BlockCall, Inst, InstructionData, Opcode, TrapCode, Value};

use super::super::trap;
use super::function::Writer;
use super::{symbol_name, ty};
use crate::abi::{Symbol, wasm_trap};

impl Writer<'_> {
    /// Writes an instruction, if it is of this family; whether it is.
    pub(super) fn control(&mut self, inst: Inst, data: &InstructionData) -> bool {
        match *data {
            InstructionData::Jump { destination, .. } => {
                let target = self.edge(destination);
                self.terminate(format_args!("br label %{target}"));
            }
            InstructionData::Brif { arg, blocks, .. } => self.brif(arg, blocks),
            InstructionData::BranchTable { arg, table, .. } => {
                let tables = &self.func.dfg.jump_tables[table];
                let index = self.typed(arg);
                let ty = ty(self.type_of(arg));
                let default = self.edge(tables.default_block());
                let mut cases = String::new();
                for (number, &call) in tables.as_slice().iter().enumerate() {
                    let target = self.edge(call);
                    cases.push_str(&format!(" {ty} {number}, label %{target}"));
                }
                self.terminate(format_args!("switch {index}, label %{default} [{cases} ]"));
            }
            InstructionData::Trap { code, .. } => self.trap(code),
            InstructionData::CondTrap { opcode, arg, code } => {
                let condition = self.condition(arg);
                self.trap_where(&condition, opcode == Opcode::Trapnz, code);
            }
            InstructionData::MultiAry {
                opcode: Opcode::Return,
                ..
            } => self.return_(inst),
            InstructionData::Ternary {
                opcode: Opcode::Select | Opcode::SelectSpectreGuard,
                args: [condition, then, otherwise],
            } => {
                let condition = self.condition(condition);
                let (then, otherwise) = (self.typed(then), self.typed(otherwise));
                self.define(
                    inst,
                    format_args!("select i1 {condition}, {then}, {otherwise}"),
                );
            }
            _ => return false,
        }
        true
    }

    fn brif(&mut self, arg: Value, [then, otherwise]: [BlockCall; 2]) {
        let condition = self.condition(arg);
        let lists = &self.func.dfg.value_lists;
        if then.block(lists) != otherwise.block(lists) {
            let (then, otherwise) = (self.edge(then), self.edge(otherwise));
            let [then, otherwise] = [then, otherwise];
            self.terminate(format_args!(
                "br i1 {condition}, label %{then}, label %{otherwise}"
            ));
            return;
        }
        // Which of the edges is taken decides about the parameters.
        let label = self.new_label();
        let direct = self.edge(then);
        self.terminate(format_args!(
            "br i1 {condition}, label %{direct}, label %{label}"
        ));
        self.start(label);
        let target = self.edge(otherwise);
        self.terminate(format_args!("br label %{target}"));
    }

    /// Notes that the block at hand goes on with `call`, whose label is returned.
    fn edge(&mut self, call: BlockCall) -> String {
        let lists = &self.func.dfg.value_lists;
        let block: Block = call.block(lists);
        let args = call
            .args(lists)
            .map(|arg| arg.as_value().expect("no call has an edge"))
            .collect();
        let edge = (self.label.clone(), args);
        self.edges.entry(block).or_default().push(edge);
        format!("b{}", block.as_u32())
    }

    /// Traps, and ends the block.
    fn trap(&mut self, code: TrapCode) {
        let code = wasm_trap(code);
        if self.plan.signals {
            let (kind, line) = (trap::encode(code), self.line);
            let (text, constraints) = (trap::ASSEMBLY, trap::CONSTRAINTS);
            self.line(format_args!(
                "call void asm sideeffect \"{text}\", \"{constraints}\"(i32 {kind}, i32 {line}) #2"
            ));
        } else {
            let symbol = Symbol::Trap(code as u32);
            self.uses.symbols.insert(symbol);
            let name = symbol_name(symbol);
            self.line(format_args!("call void @{name}(ptr %ctx) #2"));
        }
        self.terminate(format_args!("unreachable"));
    }

    /// Traps if an `i1` is as said.
    pub(super) fn trap_where(&mut self, condition: &str, is: bool, code: TrapCode) {
        let (traps, goes_on) = (self.new_label(), self.new_label());
        let (then, otherwise) = match is {
            true => (&traps, &goes_on),
            false => (&goes_on, &traps),
        };
        self.terminate(format_args!(
            "br i1 {condition}, label %{then}, label %{otherwise}"
        ));
        self.start(traps);
        self.trap(code);
        self.start(goes_on);
    }

    fn return_(&mut self, inst: Inst) {
        let shape = super::Shape::new(&self.func.signature);
        let values = self.func.dfg.inst_args(inst).to_vec();
        match values[..] {
            [] => self.terminate(format_args!("ret void")),
            [value] => {
                let value = self.typed(value);
                self.terminate(format_args!("ret {value}"));
            }
            _ => {
                let returned = shape.returned();
                let (fields, places) = shape.fields();
                let mut all = "poison".to_owned();
                for (&value, place) in values.iter().zip(places) {
                    let (field, own) = (fields[place], ty(self.type_of(value)));
                    let mut value = self.typed(value);
                    if field != own {
                        let bits = self.temp(format_args!("bitcast {value} to {field}"));
                        value = format!("{field} {bits}");
                    }
                    all = self.temp(format_args!(
                        "insertvalue {returned} {all}, {value}, {place}"
                    ));
                }
                self.terminate(format_args!("ret {returned} {all}"));
            }
        }
    }
}
