//! What function bodies do with tables, functions and types.

use std::collections::BTreeSet;

use wasmparser::Operator;

use crate::module::{Module, TypeIndex};

/// What valid bodies of a module do, taken together.
#[derive(Default)]
pub(crate) struct Usage {
    /// Tables that anything but indirect calls and `table.size` is done with.
    pub(crate) handled_tables: BTreeSet<u32>,
    /// Tables that `table.grow` is used on.
    pub(crate) grown_tables: BTreeSet<u32>,
    /// Operands of `ref.func`.
    pub(crate) referenced_functions: BTreeSet<u32>,
    /// Tables and types of indirect calls, tail calls among them.
    pub(crate) indirect_calls: BTreeSet<(u32, TypeIndex)>,
    /// Types of `call_ref` and `return_call_ref`.
    pub(crate) reference_calls: BTreeSet<TypeIndex>,
    /// Whether exceptions are thrown.
    pub(crate) throws: bool,
}

impl Usage {
    /// Takes what one operator does into account.
    pub(crate) fn add(&mut self, module: &Module, operator: &Operator<'_>) {
        match *operator {
            Operator::RefFunc { function_index } => {
                self.referenced_functions.insert(function_index);
            }
            Operator::CallIndirect {
                type_index,
                table_index,
            }
            | Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                let ty = module.type_section[type_index as usize];
                self.indirect_calls.insert((table_index, ty));
            }
            Operator::CallRef { type_index } | Operator::ReturnCallRef { type_index } => {
                let ty = module.type_section[type_index as usize];
                self.reference_calls.insert(ty);
            }
            Operator::Throw { .. } | Operator::ThrowRef => self.throws = true,
            Operator::TableGrow { table } => {
                self.grown_tables.insert(table);
                self.handled_tables.insert(table);
            }
            Operator::TableGet { table }
            | Operator::TableSet { table }
            | Operator::TableFill { table }
            | Operator::TableInit { table, .. } => {
                self.handled_tables.insert(table);
            }
            Operator::TableCopy {
                dst_table,
                src_table,
            } => {
                self.handled_tables.extend([dst_table, src_table]);
            }
            _ => {}
        }
    }

    /// Takes what `other` functions do into account.
    pub(crate) fn extend(&mut self, other: Usage) {
        self.handled_tables.extend(other.handled_tables);
        self.grown_tables.extend(other.grown_tables);
        self.referenced_functions.extend(other.referenced_functions);
        self.indirect_calls.extend(other.indirect_calls);
        self.reference_calls.extend(other.reference_calls);
        self.throws |= other.throws;
    }
}
