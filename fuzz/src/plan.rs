//! What is done with a module on both sides.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use wasmparser::{CompositeInnerType, ExternalKind, FuncType, Parser, Payload, TypeRef, ValType};

use crate::observe::Value;

/// How often a function is called.
const CALLS: usize = 2;

/// Calls of exports, in their order.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) export: String,
    pub(crate) arguments: Vec<Value>,
}

/// Reads a module's exported functions, and chooses arguments for them. Left out
/// are those that take a reference that cannot be null.
pub(crate) fn read(wasm: &[u8], seed: u64) -> anyhow::Result<Vec<Call>> {
    let mut random = SmallRng::seed_from_u64(!seed);
    let mut types: Vec<Option<FuncType>> = Vec::new();
    let mut functions = Vec::new();
    let mut calls = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(section) => {
                for group in section {
                    types.extend(group?.into_types().map(|ty| match ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => Some(ty),
                        _ => None,
                    }));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if let TypeRef::Func(ty) = import?.ty {
                        functions.push(ty);
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    functions.push(ty?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind != ExternalKind::Func {
                        continue;
                    }
                    let ty = types[functions[export.index as usize] as usize].as_ref();
                    for _ in 0..CALLS {
                        let arguments = ty
                            .into_iter()
                            .flat_map(|ty| ty.params())
                            .map(|&ty| argument(ty, &mut random))
                            .collect::<Option<_>>();
                        calls.extend(arguments.map(|arguments| Call {
                            export: export.name.to_owned(),
                            arguments,
                        }));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(calls)
}

fn argument(ty: ValType, random: &mut SmallRng) -> Option<Value> {
    Some(match ty {
        ValType::I32 => Value::I32(integer(random) as i32),
        ValType::I64 => Value::I64(integer(random)),
        ValType::F32 => Value::F32(float(random).to_bits()),
        ValType::F64 => Value::F64(f64::from(float(random)).to_bits()),
        ValType::V128 => Value::V128(random.random()),
        ValType::Ref(ty) => return ty.is_nullable().then_some(Value::Null),
    })
}

/// Small ones, and those at the edges.
fn integer(random: &mut SmallRng) -> i64 {
    match random.random_range(0..4) {
        0 => random.random_range(-2..64),
        1 => 1 << random.random_range(0..64),
        2 => (1_i64 << random.random_range(0..64)).wrapping_sub(1),
        _ => random.random(),
    }
}

/// No NaNs: arguments are not made canonical.
fn float(random: &mut SmallRng) -> f32 {
    match random.random_range(0..4) {
        0 => random.random_range(-4..4) as f32,
        1 => f32::INFINITY,
        2 => -0.0,
        _ => Some(f32::from_bits(random.random()))
            .filter(|float| !float.is_nan())
            .unwrap_or(1e30),
    }
}
