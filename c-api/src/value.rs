//! Values between C and the loader.

use std::mem::MaybeUninit;
use std::sync::Arc;

use wasm_aot_loader::{Extern, Store, Val, ValType};

use crate::raw::{Value, Vector};
use crate::reference::{Object, Ref};
use crate::store::Inner;
use crate::types::ValueKind;

/// The value as one of type `ty`, or why it is none.
pub(crate) fn to_val(
    value: &Value,
    ty: ValType,
    inner: &Arc<Inner>,
    store: &mut Store,
) -> Result<Val, String> {
    let kind = value.kind();
    Ok(match ty {
        ValType::Ref(_) if kind.is_reference() => {
            return to_reference(value.as_reference(), ty, inner, store);
        }
        ValType::V128 => {
            return Err(format!(
                "a value of type {ty} cannot be given by this interface"
            ));
        }
        ValType::I32 if kind == ValueKind::I32 => Val::I32(value.as_word().cast_signed()),
        ValType::I64 if kind == ValueKind::I64 => Val::I64(value.as_long().cast_signed()),
        ValType::F32 if kind == ValueKind::F32 => Val::F32(value.as_word()),
        ValType::F64 if kind == ValueKind::F64 => Val::F64(value.as_long()),
        _ => {
            return Err(match kind.ty() {
                Some(found) => format!("expected {ty}, got {found}"),
                None => format!("expected {ty}, got a value of no known kind"),
            });
        }
    })
}

/// The reference as one of type `ty`, or why it is none.
pub(crate) fn to_reference(
    reference: Option<&Ref>,
    ty: ValType,
    inner: &Arc<Inner>,
    store: &mut Store,
) -> Result<Val, String> {
    let null = Val::default_for(ty);
    let Some(reference) = reference else {
        return match null.matches(ty, store) {
            true => Ok(null),
            false => Err(format!("expected {ty}, got null")),
        };
    };
    if !reference.is_of(inner) {
        return Err("a reference belongs to another store".into());
    }
    let val: Val = match (null, &reference.object) {
        (Val::FuncRef(_), Object::Extern(Extern::Func(func))) => (*func).into(),
        (Val::FuncRef(_), _) => {
            return Err(format!("expected {ty}, got a reference to no function"));
        }
        (_, object) => inner.reference(store, object).into(),
    };
    match (val.matches(ty, store), val) {
        (true, val) => Ok(val),
        (false, Val::FuncRef(Some(func))) => Err(format!(
            "expected {ty}, got a reference to {}",
            func.ty(store)
        )),
        (false, _) => Err(format!("expected {ty}, got a reference to an object")),
    }
}

/// The value for C, with handles of its own.
pub(crate) fn from_val(val: Val, inner: &Arc<Inner>, store: &Store) -> Value {
    match val {
        Val::I32(value) => Value::word(ValueKind::I32, value.cast_unsigned()),
        Val::I64(value) => Value::long(ValueKind::I64, value.cast_unsigned()),
        Val::F32(bits) => Value::word(ValueKind::F32, bits),
        Val::F64(bits) => Value::long(ValueKind::F64, bits),
        // There is no room for it.
        Val::V128(_) => Value::long(ValueKind::V128, 0),
        // There is no handle for it.
        Val::ExnRef(_) => Value::long(ValueKind::EXNREF, 0),
        Val::FuncRef(_) => Value::reference(ValueKind::FUNCREF, from_reference(val, inner, store)),
        Val::ExternRef(_) | Val::AnyRef(_) => {
            Value::reference(ValueKind::EXTERNREF, from_reference(val, inner, store))
        }
    }
}

/// A handle to what is referred to; `None` for null.
pub(crate) fn from_reference(val: Val, inner: &Arc<Inner>, store: &Store) -> Option<Box<Ref>> {
    let object = match val {
        Val::FuncRef(func) => Object::Extern(func?.into()),
        Val::ExternRef(reference) => reference?
            .get::<Object>(store)
            .expect("references of the store are made by it")
            .clone(),
        Val::AnyRef(_) | Val::ExnRef(_) => return None,
        _ => unreachable!("it is a reference"),
    };
    Some(Ref::new(inner, object))
}

/// What a place for a value holds before it has one.
pub(crate) trait Zero {
    /// An `i32`.
    const ZERO: Self;
}

impl Zero for Value {
    const ZERO: Value = Value::ZERO;
}

impl Zero for Val {
    const ZERO: Val = Val::I32(0);
}

/// Space for the values of a call: on the stack if they are few.
pub(crate) struct Values<T> {
    few: [T; 8],
    many: Vec<T>,
}

impl<T: Zero> Values<T> {
    /// `count` values, at least.
    pub(crate) fn new(count: usize) -> Values<T> {
        let mut many = Vec::new();
        if count > 8 {
            many.resize_with(count, || T::ZERO);
        }
        Values {
            few: [const { T::ZERO }; 8],
            many,
        }
    }

    /// The first `count` of them.
    pub(crate) fn first(&mut self, count: usize) -> &mut [T] {
        if self.many.is_empty() {
            &mut self.few[..count]
        } else {
            &mut self.many[..count]
        }
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_val_delete(value: Option<&mut Value>) {
    if let Some(value) = value {
        // Deleting it again then does no harm.
        *value = Value::ZERO;
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_val_copy(out: &mut MaybeUninit<Value>, value: &Value) {
    out.write(value.clone());
}

/// The values of a vector that may be NULL.
pub(crate) fn values(vector: Option<&Vector<Value>>) -> &[Value] {
    vector.map_or(&[], Vector::as_slice)
}
