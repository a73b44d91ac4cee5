//! How functions of a signature look in LLVM's C convention.
//!
//! On x86-64 the wasm convention passes in the same registers as C does, and so do
//! both return, but for the order of integers: C has rax, rdx, rcx where we have rax,
//! rcx, rdx. A signature whose values all are in those registers is *plain*: with its
//! results in an order that LLVM makes ours of, a function of it can be called, and
//! call others, in either convention. All others pass an array of values at the
//! border between the two.

use cranelift_codegen::ir::{Signature, Type, types};
use cranelift_codegen::isa::CallConv;
use wasmparser::{FuncType, ValType};

/// Values of a signature, the context first among the parameters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Shape {
    params: Vec<Class>,
    results: Vec<Class>,
    /// Whether it is of the wasm convention, not of C's.
    is_wasm: bool,
}

/// A type of values that functions pass, in the order of nothing in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    I8,
    I32,
    I64,
    F32,
    F64,
    Vector,
}

impl Class {
    fn new(ty: Type) -> Class {
        match ty {
            types::I8 => Class::I8,
            types::I32 => Class::I32,
            types::I64 => Class::I64,
            types::F32 => Class::F32,
            types::F64 => Class::F64,
            types::I8X16 => Class::Vector,
            other => unreachable!("no function passes {other}"),
        }
    }

    pub(crate) fn ty(self) -> &'static str {
        match self {
            Class::I8 => "i8",
            Class::I32 => "i32",
            Class::I64 => "i64",
            Class::F32 => "float",
            Class::F64 => "double",
            Class::Vector => "<16 x i8>",
        }
    }

    /// A type of WebAssembly that is passed so.
    fn val_type(self) -> ValType {
        match self {
            Class::I8 | Class::I32 => ValType::I32,
            Class::I64 => ValType::I64,
            Class::F32 => ValType::F32,
            Class::F64 => ValType::F64,
            Class::Vector => ValType::V128,
        }
    }

    fn is_integer(self) -> bool {
        matches!(self, Class::I8 | Class::I32 | Class::I64)
    }

    /// A letter in the names of symbols.
    fn letter(self) -> char {
        match self {
            Class::I8 => 'b',
            Class::I32 => 'i',
            Class::I64 => 'l',
            Class::F32 => 'f',
            Class::F64 => 'd',
            Class::Vector => 'v',
        }
    }
}

/// Registers that parameters and results are passed in, in both conventions.
const INTEGER_PARAMS: usize = 6;
const FLOAT_PARAMS: usize = 8;
const INTEGER_RESULTS: usize = 3;
const FLOAT_RESULTS: usize = 2;

impl Shape {
    pub(crate) fn new(signature: &Signature) -> Shape {
        let classes = |params: &[cranelift_codegen::ir::AbiParam]| {
            let types = params.iter().map(|param| Class::new(param.value_type));
            types.collect::<Vec<_>>()
        };
        Shape {
            params: classes(&signature.params),
            results: classes(&signature.returns),
            is_wasm: signature.call_conv == CallConv::Tail,
        }
    }

    /// Whether it is of the wasm convention.
    pub(crate) fn is_wasm(&self) -> bool {
        self.is_wasm
    }

    pub(crate) fn params(&self) -> &[Class] {
        &self.params
    }

    pub(crate) fn results(&self) -> &[Class] {
        &self.results
    }

    /// Whether functions of it are the same in both conventions.
    pub(crate) fn is_plain(&self) -> bool {
        let fits = |classes: &[Class], integers, floats| {
            let all = classes.len();
            let ints = classes.iter().filter(|class| class.is_integer()).count();
            ints <= integers && all - ints <= floats
        };
        !self.is_wasm
            || fits(&self.params, INTEGER_PARAMS, FLOAT_PARAMS)
                && fits(&self.results, INTEGER_RESULTS, FLOAT_RESULTS)
    }

    /// The type that LLVM's functions return.
    pub(crate) fn returned(&self) -> String {
        match &self.results[..] {
            [] => "void".to_owned(),
            [class] => class.ty().to_owned(),
            _ => {
                let (fields, _) = self.fields();
                format!("{{ {} }}", fields.join(", "))
            }
        }
    }

    /// The fields of what is returned if it is a structure, and where in it each
    /// result is.
    ///
    /// Of floats, LLVM would return the third and fourth in registers of the x87, which
    /// make signalling NaNs quiet: so those are integers.
    pub(crate) fn fields(&self) -> (Vec<&'static str>, Vec<usize>) {
        let integers: Vec<usize> = (0..self.results.len())
            .filter(|&index| self.results[index].is_integer())
            .collect();
        // Registers in C's order, each with the result that is in it.
        let order: Vec<Option<usize>> = match (self.is_plain() && self.is_wasm, &integers[..]) {
            (true, &[a, b]) => vec![Some(a), None, Some(b)],
            (true, &[a, b, c]) => vec![Some(a), Some(c), Some(b)],
            _ => integers.into_iter().map(Some).collect(),
        };
        let floats = (0..self.results.len())
            .filter(|&index| !self.results[index].is_integer())
            .map(Some);
        let all: Vec<Option<usize>> = order.into_iter().chain(floats).collect();
        let mut floats = 0;
        let field = |&result: &Option<usize>| {
            let class = result.map_or(Class::I64, |index| self.results[index]);
            // Vectors are in the same registers.
            floats += usize::from(!class.is_integer());
            match class {
                Class::F32 if floats > FLOAT_RESULTS => "i32",
                Class::F64 if floats > FLOAT_RESULTS => "i64",
                _ => class.ty(),
            }
        };
        let fields = all.iter().map(field).collect();
        let places = (0..self.results.len())
            .map(|index| all.iter().position(|&it| it == Some(index)))
            .map(|place| place.expect("every result has a place"))
            .collect();
        (fields, places)
    }

    /// How many values of an array parameters or results take.
    pub(crate) fn array(&self) -> usize {
        // The context is passed beside the array.
        (self.params.len() - 1).max(self.results.len())
    }

    /// A type whose functions have this shape.
    pub(crate) fn func_type(&self) -> FuncType {
        let types = |classes: &[Class]| {
            let types = classes.iter().map(|class| class.val_type());
            types.collect::<Vec<_>>()
        };
        FuncType::new(types(&self.params[1..]), types(&self.results))
    }

    /// What tells shapes apart in the names of symbols.
    pub(crate) fn name(&self) -> String {
        let letters = |classes: &[Class]| classes.iter().map(|class| class.letter()).collect();
        let (params, results): (String, String) = (letters(&self.params), letters(&self.results));
        format!("{params}_{results}")
    }
}
