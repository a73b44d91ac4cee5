//! Whether a result is what a script expects.

use wasm_aot_loader::{Store, Val};
use wast::core::{NanPattern, V128Pattern, WastRetCore};
use wast::token::{F32, F64};

use crate::values::{HostObject, null};

/// Whether `found` is `expected`: the same bits, or a NaN of the expected kind.
pub(crate) fn matches(expected: &WastRetCore<'_>, found: &Val, store: &Store) -> bool {
    match (expected, found) {
        (WastRetCore::I32(expected), Val::I32(found)) => expected == found,
        (WastRetCore::I64(expected), Val::I64(found)) => expected == found,
        (WastRetCore::F32(expected), Val::F32(found)) => matches_f32(expected, *found),
        (WastRetCore::F64(expected), Val::F64(found)) => matches_f64(expected, *found),
        (WastRetCore::V128(expected), Val::V128(found)) => matches_v128(expected, *found),
        (
            WastRetCore::RefNull(ty),
            Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::AnyRef(None),
        ) => (ty.as_ref()).is_none_or(|ty| null(ty).as_ref() == Some(found)),
        (WastRetCore::RefFunc(None), Val::FuncRef(Some(_))) => true,
        (WastRetCore::RefExtern(None), Val::ExternRef(Some(_))) => true,
        (WastRetCore::RefExtern(Some(expected)), Val::ExternRef(Some(found))) => {
            (found.get::<HostObject>(store)).is_some_and(|object| object.0 == *expected)
        }
        (WastRetCore::Either(choices), found) => choices
            .iter()
            .any(|expected| matches(expected, found, store)),
        _ => false,
    }
}

fn matches_f32(expected: &NanPattern<F32>, found: u32) -> bool {
    const CANONICAL: u32 = 0x7fc0_0000;
    match expected {
        NanPattern::Value(expected) => expected.bits == found,
        NanPattern::CanonicalNan => found & !(1 << 31) == CANONICAL,
        NanPattern::ArithmeticNan => found & CANONICAL == CANONICAL,
    }
}

fn matches_f64(expected: &NanPattern<F64>, found: u64) -> bool {
    const CANONICAL: u64 = 0x7ff8_0000_0000_0000;
    match expected {
        NanPattern::Value(expected) => expected.bits == found,
        NanPattern::CanonicalNan => found & !(1 << 63) == CANONICAL,
        NanPattern::ArithmeticNan => found & CANONICAL == CANONICAL,
    }
}

fn matches_v128(expected: &V128Pattern, found: u128) -> bool {
    let lane = |bits: u32, n: usize| found >> (bits * n as u32);
    match expected {
        V128Pattern::I8x16(lanes) => all(lanes, |n, expected| expected == lane(8, n) as i8),
        V128Pattern::I16x8(lanes) => all(lanes, |n, expected| expected == lane(16, n) as i16),
        V128Pattern::I32x4(lanes) => all(lanes, |n, expected| expected == lane(32, n) as i32),
        V128Pattern::I64x2(lanes) => all(lanes, |n, expected| expected == lane(64, n) as i64),
        V128Pattern::F32x4(lanes) => all(lanes, |n, expected| {
            matches_f32(&expected, lane(32, n) as u32)
        }),
        V128Pattern::F64x2(lanes) => all(lanes, |n, expected| {
            matches_f64(&expected, lane(64, n) as u64)
        }),
    }
}

fn all<T: Copy>(lanes: &[T], matches: impl Fn(usize, T) -> bool) -> bool {
    lanes.iter().enumerate().all(|(n, &lane)| matches(n, lane))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_nans_have_one_payload_and_any_sign() {
        assert!(matches_f32(&NanPattern::CanonicalNan, 0x7fc0_0000));
        assert!(matches_f32(&NanPattern::CanonicalNan, 0xffc0_0000));
        assert!(!matches_f32(&NanPattern::CanonicalNan, 0x7fc0_0001));
        assert!(!matches_f32(&NanPattern::CanonicalNan, 0x7f80_0000));
        assert!(matches_f64(&NanPattern::CanonicalNan, 0xfff8 << 48));
        assert!(!matches_f64(&NanPattern::CanonicalNan, 0x7ffc << 48));
    }

    #[test]
    fn arithmetic_nans_are_quiet() {
        assert!(matches_f32(&NanPattern::ArithmeticNan, 0x7fc0_0001));
        assert!(!matches_f32(&NanPattern::ArithmeticNan, 0x7fa0_0000));
        assert!(matches_f64(&NanPattern::ArithmeticNan, 0x7ffc << 48));
        assert!(!matches_f64(
            &NanPattern::ArithmeticNan,
            0x7ff0_0000_0000_0001
        ));
    }

    #[test]
    fn every_lane_counts() {
        let lanes = V128Pattern::I16x8([0, 0, 0, 0, 0, 0, 0, -1]);
        assert!(matches_v128(&lanes, 0xffff << 112));
        assert!(!matches_v128(&lanes, 0xfffe << 112));
        assert!(!matches_v128(&lanes, 0xffff << 112 | 1));
        let nan = NanPattern::CanonicalNan;
        let lanes = V128Pattern::F64x2([nan, NanPattern::Value(F64 { bits: 0 })]);
        assert!(matches_v128(&lanes, 0x7ff8 << 48));
        assert!(!matches_v128(&lanes, 0x7ff8 << 112));
    }
}
