//! The site table: what lies behind an instruction that may trap, and where in
//! the source module a return address or such an instruction comes from.
//!
//! A **site** is an instruction of a function that may trap, named by its
//! offset, or a call, named by its return address. The sites of one function
//! are a run of bytes in [`Descriptor::sites`](crate::Descriptor::sites), in
//! ascending order of code offsets. Where a call returns to an instruction that
//! may trap there are two, the call's first, since they come from different
//! places of the source: whoever looks an offset up wants either the trap or the
//! call. Each is written as
//!
//! | bytes | meaning |
//! |---|---|
//! | ULEB128 | four times the distance in code from the site before (for the first one, from the start of the function), plus 0: a call, 1: an access that traps with `MemoryOutOfBounds`, 2: a trap whose code follows; 3 is reserved |
//! | `u8` | the [`TrapCode`], after 2 |
//! | SLEB128 | the distance in the source module from the site before (for the first one, from [`Function::body`](crate::Function::body)), bytes |
//!
//! A site takes two to three bytes in practice; a module has one for nearly
//! every load and store, and they are read only when something went wrong.
//!
//! # Inlined functions
//!
//! Code of a function can come from functions that were inlined into it. The source
//! offset of a site then is in the innermost of them: which one that is can be seen by
//! [`Function::body`](crate::Function::body), as offsets of the module's functions do
//! not overlap. For each call that is not there any more, the function has one byte, at
//! its end, that is never executed; it stands for the call, and the address behind it,
//! as a return address, is a site like any other. [`Inlined`](crate::Inlined) records say
//! from which such call code comes: with them one machine frame becomes as many frames as
//! there would have been without inlining. The byte of a call comes from the next call
//! around it in the same way. A frame may also be no function's: code that leads to the
//! function from another convention. So what shows a backtrace does, for every frame,
//!
//! ```c
//! struct inlined { uint32_t code, caller; };      /* Descriptor.inlined, ascending */
//!
//! /* `code`: text offset of the trap, or of the return address */
//! void show(uint32_t function, uint32_t code, bool is_trap) {
//!     for (;;) {
//!         uint32_t at = is_trap ? code : code - 1, caller = UINT32_MAX;
//!         for (size_t i = 0; i < inlined_count && inlined[i].code <= at; i++)
//!             caller = inlined[i].caller;         /* a real one halves the range */
//!         if (caller != 0)
//!             frame(function, site(function, code, is_trap)->source);
//!         if (caller == 0 || caller == UINT32_MAX)
//!             return;
//!         code = caller;                          /* always greater than `at` */
//!         is_trap = false;
//!     }
//! }
//! ```

use crate::TrapCode;

/// One entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Offset from the start of the function's code, bytes.
    pub code: u32,
    /// Why the instruction at `code` traps; `None` if `code` is the return
    /// address of a call.
    pub trap: Option<TrapCode>,
    /// Offset in the source module, bytes.
    pub source: u32,
}

const CALL: u32 = 0;
const MEMORY: u32 = 1;
const TRAP: u32 = 2;

/// Writes one function's sites.
#[derive(Debug)]
pub struct Encoder {
    code: u32,
    source: u32,
}

impl Encoder {
    /// Starts a function whose body is at `body` in the source module.
    pub const fn new(body: u32) -> Encoder {
        Encoder {
            code: 0,
            source: body,
        }
    }

    /// Hands the bytes of the next site to `out`, one by one.
    ///
    /// # Panics
    ///
    /// If sites do not come in ascending order of their code offsets.
    pub fn encode(&mut self, site: Site, mut out: impl FnMut(u8)) {
        let distance = site.code.checked_sub(self.code).expect("ascending sites");
        let (tag, code) = match site.trap {
            None => (CALL, None),
            Some(TrapCode::MemoryOutOfBounds) => (MEMORY, None),
            Some(trap) => (TRAP, Some(trap)),
        };
        write_unsigned(u64::from(distance) * 4 + u64::from(tag), &mut out);
        if let Some(trap) = code {
            out(trap as u8);
        }
        write_signed(i64::from(site.source) - i64::from(self.source), &mut out);
        self.code = site.code;
        self.source = site.source;
    }
}

/// Reads one function's sites. Allocates nothing and takes no locks: fit for a
/// signal handler. Ends at the first malformed entry.
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    code: u32,
    source: u32,
}

impl<'a> Decoder<'a> {
    /// Reads `bytes`, the sites of a function whose body is at `body` in the
    /// source module.
    pub const fn new(bytes: &'a [u8], body: u32) -> Decoder<'a> {
        Decoder {
            bytes,
            code: 0,
            source: body,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    /// ULEB128 of at most 36 bits' worth of bytes; the last byte's sign bit is
    /// returned for the signed reader.
    fn leb(&mut self) -> Option<(u64, u32)> {
        let mut value = 0;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some((value, shift));
            }
            if shift > 35 {
                return None;
            }
        }
    }
}

impl Iterator for Decoder<'_> {
    type Item = Site;

    fn next(&mut self) -> Option<Site> {
        let (head, _) = self.leb()?;
        let tag = (head & 3) as u32;
        let distance = u32::try_from(head / 4).ok()?;
        let trap = match tag {
            CALL => None,
            MEMORY => Some(TrapCode::MemoryOutOfBounds),
            TRAP => Some(TrapCode::try_from(u32::from(self.byte()?)).ok()?),
            _ => return None,
        };
        let (raw, bits) = self.leb()?;
        let unused = 64 - bits;
        let delta = ((raw << unused) as i64) >> unused;
        self.code = self.code.checked_add(distance)?;
        self.source = u32::try_from(i64::from(self.source) + delta).ok()?;
        Some(Site {
            code: self.code,
            trap,
            source: self.source,
        })
    }
}

fn write_unsigned(mut value: u64, out: &mut impl FnMut(u8)) {
    while value >= 0x80 {
        out(value as u8 | 0x80);
        value >>= 7;
    }
    out(value as u8);
}

fn write_signed(mut value: i64, out: &mut impl FnMut(u8)) {
    while !(-0x40..0x40).contains(&value) {
        out(value as u8 | 0x80);
        value >>= 7;
    }
    out(value as u8 & 0x7f);
}
