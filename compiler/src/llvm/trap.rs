//! Instructions that trap, and say for themselves why and where in the source: `ud1`
//! with the code in its registers and the place in its displacement. No two are the same,
//! so none is made of two; and nothing but the code itself has to be read to know them.

use wasm_aot_abi::TrapCode;

/// What LLVM is given: bytes, since an assembler would make small numbers short.
pub(super) const ASSEMBLY: &str = ".byte 15, 185, ${0:c}\\0A.long ${1:c}";
/// Of the assembly: two constants, and that all of memory is read and written.
pub(super) const CONSTRAINTS: &str = "i,i,~{memory}";

/// `ud1 r, [r + disp32]`: the byte that names the registers. A base of 4 would be followed
/// by another byte.
pub(super) fn encode(code: TrapCode) -> u8 {
    let number = code as u8;
    assert!(number < 56, "a trap code of few bits");
    let (register, base) = (number / 7, number % 7);
    let base = if base >= 4 { base + 1 } else { base };
    0x80 | register << 3 | base
}

/// The code and the place in the source of an instruction, if it is one of these.
pub(super) fn decode(bytes: &[u8]) -> Option<(TrapCode, u32)> {
    let &[15, 185, registers, a, b, c, d, ..] = bytes else {
        return None;
    };
    let (register, base) = (registers >> 3 & 7, registers & 7);
    let base = if base > 4 { base - 1 } else { base };
    let code = TrapCode::try_from(u32::from(register * 7 + base)).ok()?;
    Some((code, u32::from_le_bytes([a, b, c, d])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_can_be_read_back() {
        for code in TrapCode::ALL {
            let mut bytes = vec![15, 185, encode(code)];
            bytes.extend(0x1234_5678_u32.to_le_bytes());
            assert_eq!(decode(&bytes), Some((code, 0x1234_5678)));
        }
    }
}
