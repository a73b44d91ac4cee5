//! Trap codes in Cranelift's numbering and in ours.

use cranelift_codegen::ir::TrapCode as ClifTrap;
use wasm_aot_abi::TrapCode;

/// The code for a `trap` instruction. Cranelift has some of its own, which its
/// instructions use; the others are user codes with our numbers.
pub(crate) const fn clif_trap(code: TrapCode) -> ClifTrap {
    match code {
        TrapCode::StackOverflow => ClifTrap::STACK_OVERFLOW,
        TrapCode::MemoryOutOfBounds => ClifTrap::HEAP_OUT_OF_BOUNDS,
        TrapCode::IntegerOverflow => ClifTrap::INTEGER_OVERFLOW,
        TrapCode::IntegerDivisionByZero => ClifTrap::INTEGER_DIVISION_BY_ZERO,
        TrapCode::InvalidConversionToInteger => ClifTrap::BAD_CONVERSION_TO_INTEGER,
        other => ClifTrap::unwrap_user(other as u8),
    }
}

/// How a trap code, or none, is stored.
pub(crate) mod trap_number {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use wasm_aot_abi::TrapCode;

    pub(crate) fn serialize<S: Serializer>(
        code: &Option<TrapCode>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        code.map_or(0, |code| code as u32).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<TrapCode>, D::Error> {
        match u32::deserialize(deserializer)? {
            0 => Ok(None),
            number => match TrapCode::try_from(number) {
                Ok(code) => Ok(Some(code)),
                Err(number) => Err(D::Error::custom(format_args!("no trap code: {number}"))),
            },
        }
    }
}

/// The meaning of a code that came back with the machine code.
///
/// # Panics
///
/// If it is none that [`clif_trap`] gives.
pub(crate) fn wasm_trap(code: ClifTrap) -> TrapCode {
    TrapCode::ALL
        .into_iter()
        .find(|ours| clif_trap(*ours) == code)
        .expect("a trap code of ours")
}
