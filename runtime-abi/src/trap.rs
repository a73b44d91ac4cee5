//! Why WebAssembly code stopped.

use core::fmt;

/// The reason of a trap. Its number is the status that an entry returns and the
/// code in the [site table](crate::sites); its `Display` is the text that the
/// specification's test suite expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TrapCode {
    /// The call stack is used up.
    StackOverflow = 1,
    /// A linear memory was accessed outside its bounds.
    MemoryOutOfBounds = 2,
    /// An atomic access was not naturally aligned.
    UnalignedAtomic = 3,
    /// A table was accessed outside its bounds.
    TableOutOfBounds = 4,
    /// An indirect call through an index outside the table.
    UndefinedElement = 5,
    /// An indirect call through a null element.
    UninitializedElement = 6,
    /// An indirect call to a function of another type.
    IndirectCallTypeMismatch = 7,
    /// The most negative integer was divided by minus one, or a float does not
    /// fit the integer it is converted to.
    IntegerOverflow = 8,
    /// An integer was divided by zero.
    IntegerDivisionByZero = 9,
    /// A NaN was converted to an integer.
    InvalidConversionToInteger = 10,
    /// The `unreachable` instruction was executed.
    Unreachable = 11,
    /// A null reference was used where a value is needed.
    NullReference = 12,
    /// The host asked the computation to stop.
    Interrupted = 13,
    /// The fuel is used up.
    OutOfFuel = 14,
    /// A call through a null function reference.
    NullFunctionReference = 15,
    /// A thread was to wait in a memory that is not shared.
    ExpectedSharedMemory = 16,
}

impl TrapCode {
    /// Every code, in the order of their numbers, which start at 1.
    pub const ALL: [TrapCode; 16] = [
        TrapCode::StackOverflow,
        TrapCode::MemoryOutOfBounds,
        TrapCode::UnalignedAtomic,
        TrapCode::TableOutOfBounds,
        TrapCode::UndefinedElement,
        TrapCode::UninitializedElement,
        TrapCode::IndirectCallTypeMismatch,
        TrapCode::IntegerOverflow,
        TrapCode::IntegerDivisionByZero,
        TrapCode::InvalidConversionToInteger,
        TrapCode::Unreachable,
        TrapCode::NullReference,
        TrapCode::Interrupted,
        TrapCode::OutOfFuel,
        TrapCode::NullFunctionReference,
        TrapCode::ExpectedSharedMemory,
    ];

    /// The text of the specification's test suite.
    pub const fn message(self) -> &'static str {
        match self {
            TrapCode::StackOverflow => "call stack exhausted",
            TrapCode::MemoryOutOfBounds => "out of bounds memory access",
            TrapCode::UnalignedAtomic => "unaligned atomic",
            TrapCode::TableOutOfBounds => "out of bounds table access",
            TrapCode::UndefinedElement => "undefined element",
            TrapCode::UninitializedElement => "uninitialized element",
            TrapCode::IndirectCallTypeMismatch => "indirect call type mismatch",
            TrapCode::IntegerOverflow => "integer overflow",
            TrapCode::IntegerDivisionByZero => "integer divide by zero",
            TrapCode::InvalidConversionToInteger => "invalid conversion to integer",
            TrapCode::Unreachable => "unreachable",
            TrapCode::NullReference => "null reference",
            TrapCode::Interrupted => "interrupted",
            TrapCode::OutOfFuel => "out of fuel",
            TrapCode::NullFunctionReference => "null function reference",
            TrapCode::ExpectedSharedMemory => "expected shared memory",
        }
    }
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl TryFrom<u32> for TrapCode {
    type Error = u32;

    /// # Errors
    ///
    /// The number itself, if it is no trap code of this version.
    fn try_from(number: u32) -> Result<TrapCode, u32> {
        (number as usize)
            .checked_sub(1)
            .and_then(|index| TrapCode::ALL.get(index).copied())
            .ok_or(number)
    }
}

const _: () = {
    let mut index = 0;
    while index < TrapCode::ALL.len() {
        assert!(TrapCode::ALL[index] as usize == index + 1);
        index += 1;
    }
};
