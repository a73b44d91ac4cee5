//! Calls.

use cranelift_codegen::ir::{ExternalName, Inst, InstructionData, Opcode, Value};
use wasm_aot_abi::VALUE_SIZE;

use super::function::{ARRAY, Writer};
use super::{Shape, symbol_name, ty};
use crate::abi::Symbol;

/// What is called.
enum Callee {
    /// By a name that is in LLVM's module.
    Name(String),
    /// By an address.
    Address(Value),
}

impl Writer<'_> {
    /// Writes an instruction, if it is of this family; whether it is.
    ///
    /// # Errors
    ///
    /// If it calls what no code of ours calls.
    pub(super) fn call(&mut self, inst: Inst, data: &InstructionData) -> Result<bool, String> {
        match *data {
            InstructionData::Call {
                opcode: Opcode::Call,
                func_ref,
                ..
            } => {
                let function = &self.func.dfg.ext_funcs[func_ref];
                let shape = Shape::new(&self.func.dfg.signatures[function.signature]);
                let symbol = self.symbol(&function.name)?;
                if matches!(symbol, Symbol::Trap(_)) {
                    // The instruction behind it is what traps.
                    return Ok(true);
                }
                let args = self.func.dfg.inst_args(inst).to_vec();
                let is_ours = self.use_symbol(symbol);
                let name = symbol_name(symbol);
                match is_ours || shape.is_plain() {
                    true => self.invoke(inst, &shape, Callee::Name(name), &args),
                    false => {
                        let code = format!("i64 ptrtoint (ptr @{name} to i64)");
                        self.leave(inst, &shape, &code, &args);
                    }
                }
            }
            InstructionData::CallIndirect {
                opcode: Opcode::CallIndirect,
                sig_ref,
                ..
            } => {
                let shape = Shape::new(&self.func.dfg.signatures[sig_ref]);
                let args = self.func.dfg.inst_args(inst).to_vec();
                let (&code, args) = args.split_first().expect("what is called");
                // What is in tables of the text is LLVM's, if all functions are.
                let is_ours = self.plan.is_complete && self.is_row(code);
                match is_ours || shape.is_plain() {
                    true => self.invoke(inst, &shape, Callee::Address(code), args),
                    false => {
                        let code = self.typed(code);
                        self.leave(inst, &shape, &code, args);
                    }
                }
            }
            InstructionData::UnaryGlobalValue {
                opcode: Opcode::SymbolValue,
                global_value,
            } => {
                let value = &self.func.global_values[global_value];
                let symbol = self.symbol(value.symbol_name())?;
                self.uses.symbols.insert(symbol);
                let name = symbol_name(symbol);
                self.define(inst, format_args!("ptrtoint ptr @{name} to i64"));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether an address comes from a table in the text: the sum of the table's and a
    /// distance.
    fn is_row(&self, code: Value) -> bool {
        let Some(&InstructionData::Binary {
            opcode: Opcode::Iadd,
            args,
        }) = self.definition(code)
        else {
            return false;
        };
        args.iter().any(|&arg| {
            matches!(
                self.definition(arg),
                Some(InstructionData::UnaryGlobalValue {
                    opcode: Opcode::SymbolValue,
                    ..
                })
            )
        })
    }

    /// Calls in C's convention. The context of a function of WebAssembly is a pointer.
    fn invoke(&mut self, inst: Inst, shape: &Shape, callee: Callee, args: &[Value]) {
        let callee = match callee {
            Callee::Name(name) => format!("@{name}"),
            Callee::Address(code) => {
                let code = self.typed(code);
                self.temp(format_args!("inttoptr {code} to ptr"))
            }
        };
        let mut list = Vec::with_capacity(args.len());
        for (position, &arg) in args.iter().enumerate() {
            list.push(match position == 0 && shape.is_wasm() {
                true => format!("ptr {}", self.pointer(arg, 0)),
                false => self.typed(arg),
            });
        }
        let (returned, list) = (shape.returned(), list.join(", "));
        match *self.func.dfg.inst_results(inst) {
            [] => self.line(format_args!("call {returned} {callee}({list}) #3")),
            [_] => self.located(inst, format_args!("call {returned} {callee}({list}) #3")),
            ref results => {
                let all = self.located_temp(format_args!("call {returned} {callee}({list}) #3"));
                let (fields, places) = shape.fields();
                for (&result, place) in results.iter().zip(places) {
                    let (field, own) = (fields[place], ty(self.type_of(result)));
                    let extract = format!("extractvalue {returned} {all}, {place}");
                    if field == own {
                        self.define_value(result, format_args!("{extract}"));
                        continue;
                    }
                    let bits = self.temp(format_args!("{extract}"));
                    self.define_value(result, format_args!("bitcast {field} {bits} to {own}"));
                }
            }
        }
    }

    /// Calls what takes and returns values in the wasm convention, where that is not C's.
    fn leave(&mut self, inst: Inst, shape: &Shape, code: &str, args: &[Value]) {
        self.uses.left.insert(shape.clone());
        // One for all calls: they are not under way at the same time.
        self.array = self.array.max(shape.array()).max(1);
        let values = ARRAY;
        for (position, &arg) in args[1..].iter().enumerate() {
            let place = self.place(values, position);
            let arg = self.typed(arg);
            self.terminate(format_args!("store {arg}, ptr {place}, align 16"));
        }
        let (name, ctx) = (shape.name(), self.typed(args[0]));
        self.line(format_args!(
            "call void @leave_{name}({code}, {ctx}, ptr {values}) #3"
        ));
        let results = self.func.dfg.inst_results(inst);
        for (position, (&result, class)) in results.iter().zip(shape.results()).enumerate() {
            let place = self.place(values, position);
            let ty = class.ty();
            self.define_value(result, format_args!("load {ty}, ptr {place}, align 16"));
        }
    }

    /// Where a value of an array is.
    fn place(&mut self, values: &str, position: usize) -> String {
        let offset = position * VALUE_SIZE;
        self.temp(format_args!("getelementptr i8, ptr {values}, i64 {offset}"))
    }

    fn symbol(&self, name: &ExternalName) -> Result<Symbol, String> {
        match name {
            ExternalName::User(name) => {
                Ok(Symbol::from(&self.func.params.user_named_funcs()[*name]))
            }
            other => Err(format!("code refers to {other:?}")),
        }
    }

    /// Declares what is called by name; whether it is a function that LLVM compiles.
    fn use_symbol(&mut self, symbol: Symbol) -> bool {
        self.uses.symbols.insert(symbol);
        matches!(symbol, Symbol::Function(index) if self.plan.functions[&index].is_ours)
    }
}
