//! Values of scripts: as arguments, and as text in messages.

use wasm_aot_loader::{ExternRef, Store, Val};
use wast::WastArg;
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};

/// What `ref.extern N` refers to.
#[derive(Debug)]
pub(crate) struct HostObject(pub(crate) u32);

/// The value that a script passes to a function.
pub(crate) fn argument(argument: &WastArg<'_>, store: &mut Store) -> Result<Val, String> {
    let WastArg::Core(argument) = argument else {
        return Err("only core values are supported".to_owned());
    };
    Ok(match argument {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(ty) => {
            null(ty).ok_or_else(|| format!("null of type {ty:?} is not supported"))?
        }
        WastArgCore::RefExtern(number) => {
            Val::ExternRef(Some(ExternRef::new(store, HostObject(*number))))
        }
        WastArgCore::RefHost(_) => return Err("ref.host is not supported".to_owned()),
    })
}

/// The null of a heap type. There is one for all functions, one for all objects of
/// the host, and one for all that is garbage-collected.
pub(crate) fn null(ty: &HeapType<'_>) -> Option<Val> {
    use AbstractHeapType as Abstract;
    let HeapType::Abstract { shared: false, ty } = ty else {
        return matches!(ty, HeapType::Concrete(_)).then_some(Val::FuncRef(None));
    };
    Some(match ty {
        Abstract::Func | Abstract::NoFunc => Val::FuncRef(None),
        Abstract::Extern | Abstract::NoExtern => Val::ExternRef(None),
        Abstract::Exn | Abstract::NoExn => Val::ExnRef(None),
        Abstract::Any
        | Abstract::Eq
        | Abstract::I31
        | Abstract::Struct
        | Abstract::Array
        | Abstract::None => Val::AnyRef(None),
        _ => return None,
    })
}

/// Values, one after the other.
pub(crate) fn list(values: impl Iterator<Item = String>) -> String {
    let values: Vec<_> = values.collect();
    if values.is_empty() {
        "no values".to_owned()
    } else {
        values.join(" ")
    }
}

/// A value, as a script would have it; with the bits if it is a NaN.
pub(crate) fn show(value: &Val, store: &Store) -> String {
    match *value {
        Val::I32(value) => format!("(i32.const {value})"),
        Val::I64(value) => format!("(i64.const {value})"),
        Val::F32(bits) => format!("(f32.const {})", show_f32(bits)),
        Val::F64(bits) => format!("(f64.const {})", show_f64(bits)),
        Val::V128(bits) => show_i32x4(bits),
        Val::FuncRef(None) => "(ref.null func)".to_owned(),
        Val::ExternRef(None) => "(ref.null extern)".to_owned(),
        Val::AnyRef(_) => "(ref.null any)".to_owned(),
        Val::FuncRef(Some(_)) => "(ref.func)".to_owned(),
        Val::ExnRef(None) => "(ref.null exn)".to_owned(),
        Val::ExnRef(Some(_)) => "(ref.exn)".to_owned(),
        Val::ExternRef(Some(object)) => match object.get::<HostObject>(store) {
            Some(HostObject(number)) => format!("(ref.extern {number})"),
            None => "(ref.extern)".to_owned(),
        },
    }
}

/// What a script expects.
pub(crate) fn show_expected(expected: &WastRetCore<'_>) -> String {
    match expected {
        WastRetCore::I32(value) => format!("(i32.const {value})"),
        WastRetCore::I64(value) => format!("(i64.const {value})"),
        WastRetCore::F32(pattern) => format!("(f32.const {})", pattern_f32(pattern)),
        WastRetCore::F64(pattern) => format!("(f64.const {})", pattern_f64(pattern)),
        WastRetCore::V128(pattern) => show_pattern(pattern),
        WastRetCore::RefNull(None) => "(ref.null)".to_owned(),
        WastRetCore::RefNull(Some(ty)) => match null(ty) {
            Some(Val::FuncRef(_)) => "(ref.null func)".to_owned(),
            Some(Val::ExternRef(_)) => "(ref.null extern)".to_owned(),
            Some(Val::AnyRef(_)) => "(ref.null any)".to_owned(),
            Some(Val::ExnRef(_)) => "(ref.null exn)".to_owned(),
            _ => format!("(ref.null {ty:?})"),
        },
        WastRetCore::RefExtern(Some(number)) => format!("(ref.extern {number})"),
        WastRetCore::RefExtern(None) => "(ref.extern)".to_owned(),
        WastRetCore::RefFunc(_) => "(ref.func)".to_owned(),
        WastRetCore::Either(choices) => {
            format!("(either {})", list(choices.iter().map(show_expected)))
        }
        other => format!("{other:?}"),
    }
}

fn show_pattern(pattern: &V128Pattern) -> String {
    let lanes: Vec<String> = match pattern {
        V128Pattern::F32x4(lanes) => lanes.iter().map(pattern_f32).collect(),
        V128Pattern::F64x2(lanes) => lanes.iter().map(pattern_f64).collect(),
        V128Pattern::I8x16(lanes) => {
            let bytes = lanes.map(i8::cast_unsigned);
            return show_i32x4(u128::from_le_bytes(bytes));
        }
        V128Pattern::I16x8(lanes) => lanes.iter().map(|lane| format!("{lane:#x}")).collect(),
        V128Pattern::I32x4(lanes) => lanes.iter().map(|lane| format!("{lane:#x}")).collect(),
        V128Pattern::I64x2(lanes) => lanes.iter().map(|lane| format!("{lane:#x}")).collect(),
    };
    let shape = match pattern {
        V128Pattern::F32x4(_) => "f32x4",
        V128Pattern::F64x2(_) => "f64x2",
        V128Pattern::I8x16(_) => "i8x16",
        V128Pattern::I16x8(_) => "i16x8",
        V128Pattern::I32x4(_) => "i32x4",
        V128Pattern::I64x2(_) => "i64x2",
    };
    format!("(v128.const {shape} {})", lanes.join(" "))
}

fn show_i32x4(bits: u128) -> String {
    let lane = |n: u32| (bits >> (32 * n)) as u32;
    let [a, b, c, d] = [lane(0), lane(1), lane(2), lane(3)];
    format!("(v128.const i32x4 {a:#010x} {b:#010x} {c:#010x} {d:#010x})")
}

fn pattern_f32(pattern: &NanPattern<F32>) -> String {
    match pattern {
        NanPattern::CanonicalNan => "nan:canonical".to_owned(),
        NanPattern::ArithmeticNan => "nan:arithmetic".to_owned(),
        NanPattern::Value(value) => show_f32(value.bits),
    }
}

fn pattern_f64(pattern: &NanPattern<F64>) -> String {
    match pattern {
        NanPattern::CanonicalNan => "nan:canonical".to_owned(),
        NanPattern::ArithmeticNan => "nan:arithmetic".to_owned(),
        NanPattern::Value(value) => show_f64(value.bits),
    }
}

fn show_f32(bits: u32) -> String {
    let value = f32::from_bits(bits);
    if !value.is_nan() {
        return format!("{value:e}");
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    format!("{sign}nan:{:#x}", bits & 0x007f_ffff)
}

fn show_f64(bits: u64) -> String {
    let value = f64::from_bits(bits);
    if !value.is_nan() {
        return format!("{value:e}");
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    format!("{sign}nan:{:#x}", bits & 0x000f_ffff_ffff_ffff)
}
