//! Arguments and results of functions, as text.

use anyhow::{Context, bail};
use wasm_aot_loader::{FuncType, Val, ValType};

/// Reads arguments as the types of the parameters of `ty` say: integers are
/// decimal or hexadecimal, signed or not; floats decimal, `inf` or `nan`;
/// vectors integers of 128 bits.
pub(crate) fn parse_arguments(ty: &FuncType, arguments: &[String]) -> anyhow::Result<Vec<Val>> {
    let expected = ty.params().len();
    if arguments.len() != expected {
        bail!(
            "expected {expected} arguments, got {}; the function is {ty}",
            arguments.len()
        );
    }
    (arguments.iter().zip(ty.params()).enumerate())
        .map(|(index, (text, &ty))| {
            parse(ty, text).with_context(|| format!("argument {} is no {ty}: {text:?}", index + 1))
        })
        .collect()
}

/// Writes a value in a way that [`parse_arguments`] reads back, but for
/// payloads of NaNs; references as what they are.
pub(crate) fn format(value: &Val) -> String {
    match *value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => f32::from_bits(bits).to_string(),
        Val::F64(bits) => f64::from_bits(bits).to_string(),
        Val::V128(bits) => format!("{bits:#034x}"),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::AnyRef(_) => {
            "null".to_owned()
        }
        Val::FuncRef(Some(_)) => "funcref".to_owned(),
        Val::ExternRef(Some(_)) => "externref".to_owned(),
        Val::ExnRef(Some(_)) => "exnref".to_owned(),
    }
}

fn parse(ty: ValType, text: &str) -> anyhow::Result<Val> {
    Ok(match ty {
        ValType::I32 => Val::I32(integer(text, 32)? as i32),
        ValType::I64 => Val::I64(integer(text, 64)? as i64),
        ValType::V128 => Val::V128(integer(text, 128)?),
        ValType::F32 => Val::F32(text.parse::<f32>()?.to_bits()),
        ValType::F64 => Val::F64(text.parse::<f64>()?.to_bits()),
        ValType::Ref(_) => {
            bail!("references cannot be written on a command line")
        }
    })
}

/// An integer of `bits` bits, signed or unsigned, in two's complement.
fn integer(text: &str, bits: u32) -> anyhow::Result<u128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
    let (digits, radix) = hexadecimal.map_or((digits, 10), |digits| (digits, 16));
    // What from_str_radix takes for a sign stands behind one here.
    if digits.starts_with(['+', '-']) {
        bail!("more than one sign");
    }
    let magnitude = u128::from_str_radix(digits, radix)?;
    let limit = if negative {
        1 << (bits - 1)
    } else {
        u128::MAX >> (128 - bits)
    };
    if magnitude > limit {
        bail!("it does not fit into {bits} bits");
    }
    Ok(if negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_signed_or_unsigned() {
        let i32 = |text: &str| parse(ValType::I32, text).ok();
        assert_eq!(i32("0"), Some(Val::I32(0)));
        assert_eq!(i32("+7"), Some(Val::I32(7)));
        assert_eq!(i32("-2147483648"), Some(Val::I32(i32::MIN)));
        assert_eq!(i32("4294967295"), Some(Val::I32(-1)));
        assert_eq!(i32("0xffffffff"), Some(Val::I32(-1)));
        assert_eq!(i32("-0x80000000"), Some(Val::I32(i32::MIN)));
        let i64 = |text: &str| parse(ValType::I64, text).ok();
        assert_eq!(i64("-9223372036854775808"), Some(Val::I64(i64::MIN)));
        assert_eq!(i64("18446744073709551615"), Some(Val::I64(-1)));
        let v128 = |text: &str| parse(ValType::V128, text).ok();
        assert_eq!(v128("-1"), Some(Val::V128(u128::MAX)));
        assert_eq!(v128("0x10"), Some(Val::V128(16)));
    }

    #[test]
    fn what_does_not_fit_or_is_no_number_is_refused() {
        for text in [
            "4294967296",
            "-2147483649",
            "",
            "-",
            "0x",
            "--1",
            "-+1",
            "0x-1",
            "1.5",
            "1 ",
        ] {
            assert!(parse(ValType::I32, text).is_err(), "{text:?}");
        }
        assert!(parse(ValType::F64, "one").is_err());
        assert!(parse(ValType::FUNCREF, "null").is_err());
    }

    #[test]
    fn numbers_survive_being_written_and_read() {
        for value in [
            Val::I32(-5),
            Val::I64(i64::MIN),
            Val::F32(0.1f32.to_bits()),
            Val::F64((-0.0f64).to_bits()),
            Val::F64(f64::INFINITY.to_bits()),
            Val::F64(5e-324f64.to_bits()),
            Val::V128(1 << 100),
        ] {
            assert_eq!(parse(value.ty(), &format(&value)).ok(), Some(value));
        }
    }
}
