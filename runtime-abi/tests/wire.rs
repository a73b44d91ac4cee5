//! What is written is read back.

use wasm_aot_abi::sites::{Decoder, Encoder, Site};
use wasm_aot_abi::{ConstExpr, CpuFeatures, HeapType, Required, Slice, TrapCode, ValType, Wire};

#[test]
fn sites_survive_a_round_trip() {
    let site = |code, trap, source| Site { code, trap, source };
    let sites = [
        site(4, Some(TrapCode::StackOverflow), 100),
        site(9, None, 164),
        site(9, Some(TrapCode::MemoryOutOfBounds), 163),
        site(70_000, None, 20),
        site(70_001, Some(TrapCode::Unreachable), u32::MAX),
        site(u32::MAX, Some(TrapCode::OutOfFuel), 0),
    ];
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(100);
    for site in sites {
        encoder.encode(site, |byte| bytes.push(byte));
    }
    assert!(Decoder::new(&bytes, 100).eq(sites));
    for cut in 0..bytes.len() {
        assert!(Decoder::new(&bytes[..cut], 100).count() < sites.len());
    }
}

#[test]
fn malformed_sites_end_the_table() {
    for bytes in [
        &[0x80u8; 32][..],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0],
        &[2, 200, 0],
        &[0, 0x7f],
    ] {
        assert_eq!(Decoder::new(bytes, 0).count(), 0, "{bytes:x?}");
    }
}

#[test]
fn records_are_little_endian_and_dense() {
    let slice = Slice {
        offset: 0x0102_0304,
        count: 5,
    };
    let mut bytes = [0; Slice::SIZE];
    slice.encode(&mut bytes);
    assert_eq!(bytes, [4, 3, 2, 1, 5, 0, 0, 0]);
    assert_eq!(Slice::decode(&bytes), slice);

    let expr = ConstExpr::from_bits(0x1122_3344_5566_7788);
    let mut bytes = [0; ConstExpr::SIZE];
    expr.encode(&mut bytes);
    assert_eq!(bytes[8..16], 0x1122_3344_5566_7788u64.to_le_bytes());
    assert_eq!(ConstExpr::decode(&bytes), expr);
}

#[test]
fn names_cover_what_is_known_and_count_what_is_not() {
    let set = CpuFeatures::AVX.with(CpuFeatures(1 << 60));
    assert_eq!(set.to_string(), "avx, bit 60");
    assert_eq!(set.unknown(), CpuFeatures(1 << 60));
    assert_eq!(Required(0).to_string(), "none");
    assert_eq!(ValType::EXTERNREF.to_string(), "externref");
    assert_eq!(ValType(1).to_string(), "type 0x1");
}

#[test]
fn reference_types_are_a_heap_type_a_bit_and_an_index() {
    let non_null = ValType::reference(false, HeapType::Func, 0);
    assert_eq!((non_null, non_null.is_nullable()), (ValType(0xf0), false));
    assert_eq!(non_null.to_string(), "(ref func)");
    let concrete = ValType::reference(true, HeapType::Function, 5);
    assert_eq!((concrete, concrete.is_nullable()), (ValType(0x563), true));
    assert_eq!(concrete.type_index(), Some(5));
    assert_eq!(concrete.to_string(), "(ref null 5)");
    assert_eq!(
        ValType::reference(true, HeapType::Func, 0),
        ValType::FUNCREF
    );
    // An index where none belongs, a reserved heap type, bit 7 of a number.
    for unknown in [0x170, 0x64, 0xff, 0x68] {
        assert!(!ValType(unknown).is_known(), "{unknown:#x}");
    }
    assert!(!ValType::I32.is_nullable());
}

#[test]
fn trap_codes_are_their_numbers() {
    for code in TrapCode::ALL {
        assert_eq!(TrapCode::try_from(code as u32), Ok(code));
    }
    assert_eq!(TrapCode::try_from(0), Err(0));
    assert_eq!(TrapCode::try_from(17), Err(17));
}
