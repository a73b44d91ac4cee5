//! The wasm-aot ABI: what a compiled module is made of and how a host talks to
//! it.
//!
//! Its version is [`ABI_MAJOR`] and [`ABI_MINOR`].
//!
//! This crate **is** the specification. It has no code to link against beyond
//! encoding helpers: types, constants, and prose. A loader in any language can
//! be written from it alone.
//!
//! # The artefact
//!
//! An artefact is an ordinary native shared object without undefined symbols,
//! constructors, relocations or writable data: of segments it has readable and
//! executable `PT_LOAD`s which share no page, `PT_DYNAMIC`, `PT_NOTE`,
//! `PT_GNU_EH_FRAME` and `PT_GNU_STACK`, and on AArch64 perhaps
//! `PT_GNU_PROPERTY` (see "Landing pads"); in the dynamic section `DT_HASH`,
//! `DT_GNU_HASH`, the symbol and string tables and perhaps a `DT_SONAME`. A
//! loader may refuse anything else before it maps a file.
//!
//! One dynamic symbol, [`DESCRIPTOR_SYMBOL`], points at its **metadata block**:
//! a read-only, 64-byte aligned run of bytes which starts with a
//! [`Descriptor`]. Everything a loader needs is found from there:
//!
//! * a [`Slice`] or [`Str`] names a range inside the metadata block, as a byte
//!   offset from the start of the descriptor;
//! * [`Descriptor::text`] and [`Descriptor::image`] are signed distances, in
//!   bytes, from the start of the descriptor to the machine code and to the
//!   memory image;
//! * machine code is named by its offset from the start of the text.
//!
//! **As an object file** it has the same content for a linker, in the format of the
//! target's system:
//!
//! | | text | metadata block | image | to unwind with |
//! |---|---|---|---|---|
//! | ELF (Linux) | `.text` | `.wasm_aot` | `.wasm_image` | `.eh_frame` |
//! | Mach-O (macOS) | `__TEXT,__text` | `__TEXT,__wasm_aot` | `__TEXT,__wasm_image` | `__LD,__compact_unwind` |
//! | COFF (Windows) | `.text` | `.rdata$wasm_aot` | `.rdata$wasm_image` | `.pdata`, `.xdata` |
//!
//! Of relocations it has those of the distances between them, which are relative: a
//! linked program or library has none left, and the metadata block says the same
//! there. No symbol is undefined. A Mach-O file does not have
//! `MH_SUBSECTIONS_VIA_SYMBOLS`: its sections stay in one piece. A **static
//! library** is an archive of that one object file. For macOS and Windows there are
//! object files and static libraries only; what a linker makes of them is the host's
//! business.
//!
//! So nothing has to be relocated, and the whole block can be checked before
//! the file is mapped. All integers are little-endian in the metadata block,
//! whatever the target; the run-time structures ([`VmContext`] and what it
//! points to) use the target's byte order and 64-bit pointers.
//!
//! # The seal
//!
//! A shared object has one note (`PT_NOTE`, section [`SEAL_SECTION`]) of the owner
//! `WasmAOT` and of type [`SEAL_NOTE_TYPE`], whose description is a [`Seal`]: 136
//! bytes, aligned to 4. It holds the **digest** of the whole file, from the first byte
//! to the last, with all of the seal but its first 4 bytes taken as zeros; and room
//! for a **signature** over the digest, by whom it may concern. So a check in C is
//!
//! ```c
//! struct seal {              /* little-endian */
//!     uint32_t digest_algorithm, signature_algorithm;
//!     uint8_t digest[32], signer[32], signature[64];
//! };
//! /* `file` is a private copy of all `size` bytes, `at` where its seal is */
//! struct seal seal;
//! memcpy(&seal, file + at, sizeof seal);
//! memset(file + at + 4, 0, sizeof seal - 4);
//! sha256(file, size, digest);
//! if (seal.digest_algorithm != 1 || memcmp(digest, seal.digest, 32)) refuse();
//! if (seal.signature_algorithm == 1) { /* Ed25519 */
//!     uint8_t message[68] = "wasm-aot artefact signature, v1";
//!     message[32] = 1;       /* digest_algorithm, 4 bytes */
//!     memcpy(message + 36, seal.digest, 32);
//!     if (!trusted(seal.signer) || !ed25519_verify(seal.signature, message, 68, seal.signer)) refuse();
//! }
//! ```
//!
//! A loader that wants the digest checked refuses a file with an unknown
//! `digest_algorithm`, without a seal, or with two. It is free to check none: the seal
//! is in no other part's way, and a tool that changes the file, as `strip` does, leaves
//! it there with a digest that is no longer right. A description of more than 136 bytes
//! is one of a later version: what is behind them is in the digest.
//!
//! The digest tells of damage, and by a signature who vouches for the file; by itself it
//! does not tell where a file is from, since everybody can compute one. Object files and static libraries have no seal:
//! what becomes of them is the linker's business.
//!
//! # Landing pads
//!
//! Code for AArch64 may have landing pads: `bti c` or `bti jc` where code of the text is
//! called indirectly (functions and exit trampolines, for which tail calls are jumps, have
//! `bti jc`; entry trampolines and typed symbols may have `bti c`), and `bti j` where its
//! jump tables lead. Then the file has a segment
//! `PT_GNU_PROPERTY`, section `.note.gnu.property`, of 32 bytes, aligned to 8: one note of the
//! owner `GNU` and of type 5 with one property, number 0xc0000000, of 4 bytes, which are 1.
//! An object file has the section, so that linkers can tell whether it holds for all
//! that they link. A loader may, and glibc's `dlopen` does, protect the pages of the code with `PROT_BTI`
//! in addition, if the system knows of that (bit 17 of `AT_HWCAP2`).
//!
//! [Handlers](EntryRecord::handler) of entries and of [exceptions](Handler) have none. So
//! a host gets there as a function returns, by `ret x9` or whatever register has the
//! address, not by `br`; or from a signal handler, by changing the interrupted context. The
//! results are in registers as the sections below say.
//!
//! # Symbols
//!
//! All global symbols but [`DESCRIPTOR_SYMBOL`], which only shared objects have,
//! start with a prefix and `_`, so that any number of modules go into one program;
//! the prefix is a C identifier that is chosen when a module is compiled, by
//! default after its file. They are the same in every kind of file, as C sees them
//! (in Mach-O there is one more `_` in front of all):
//!
//! * `PREFIX_Zmodule` ([`DESCRIPTOR_SUFFIX`]) is the descriptor;
//! * `PREFIX_NAME` is the typed function (see below) of the export `NAME`.
//!
//! In `NAME`, ASCII letters but `Z`, digits and `_` stand for themselves, every
//! other byte of the name as `Z` and two upper-case hexadecimal digits. The first
//! byte of names that generated headers use themselves (`create`,
//! `create_from`, `destroy`, `error`, `imports`, `library`, `library_find`,
//! `status`) is written so too. So the name can be read back, two exports never collide, and none is
//! called `Zmodule`. Symbols of two modules may still collide if one prefix starts
//! with the other (`a` with the export `b_c`, `a_b` with `c`): linkers refuse that.
//!
//! # The instance
//!
//! A loader makes an instance by allocating [`VmctxLayout::size`] zeroed
//! bytes, 64-byte aligned: the **vmctx**. It starts with a [`VmContext`]
//! header and continues with the slots that the descriptor places: memories,
//! globals, tables, imported functions, type ids, function references. The
//! loader reads every offset from the descriptor and never recomputes one.
//! That is what lets an old artefact run on a new loader.
//!
//! Instantiation follows the order of the WebAssembly specification (core,
//! 4.5.4): match all imports; fill the header and the import slots; create
//! memories (mapping the image), tables and globals; write element segments,
//! then data segments; call the start function.
//!
//! # Calling conventions
//!
//! **Wasm convention.** Every WebAssembly function is
//! `f(ctx, params...) -> results...` in the convention that
//! [`Descriptor::convention`] names. `ctx` is what stands beside the code
//! pointer wherever one is stored (import slot, table element, function
//! reference): the vmctx for a function defined in an artefact, a
//! [`HostContext`] for one of the host. The callee preserves the registers
//! that the C convention of Linux has it preserve on that machine, pops its stack
//! arguments, and calls may be tail calls. A trap preserves nothing: the trampoline that
//! it ends at saves what its caller wants back.
//! [`Convention::CraneliftTail`] on x86-64 passes integers and references in
//! rdi, rsi, rdx, rcx, r8, r9 and floats and vectors in xmm0-7, then on the
//! stack in slots of 8 bytes (16 for vectors); results come back in rax, rcx,
//! rdx, rsi, rdi, r8, r9, r10 and xmm0-7, and any further ones in memory at an
//! address passed as a hidden first argument. On AArch64 it passes them in x2-x7
//! and v0-v7 and returns them in x0-x7 and v0-v7, with that address in x8; on
//! RISC-V, in a0-a7 and fa0-fa7, and a0, a1, fa0 and fa1. Hosts need not speak
//! it: they go through trampolines. It is the same on every system; x18, which some
//! keep for themselves, is never used.
//!
//! **Entry** (host to wasm). For the type of every function that can become a
//! value ([`Descriptor::funcrefs`]), and of a start function that it defines,
//! the artefact holds an [entry trampoline](Trampoline) in the platform's C
//! convention. That is the one which its C compilers use without being told: System
//! V on x86-64, except on Windows, which has its own; AAPCS64 on AArch64, on macOS in
//! Apple's variant; LP64D on RISC-V. Builtins, host functions and typed symbols have
//! the same.
//!
//! ```c
//! uint32_t entry(const void *code, void *ctx, union value *values);
//! ```
//!
//! `values` is an array of 16-byte slots ([`VALUE_SIZE`]), aligned to 16 bytes,
//! as many as the larger of the numbers of parameters and results. The caller
//! writes parameters to it in order, the trampoline overwrites it with results.
//! A value stands at the start of its slot in the target's byte order; the bytes
//! behind it are undefined. Beside it every exported function has a **typed** C
//! symbol,
//!
//! ```c
//! uint32_t NAME(void *vmctx, T0 p0, T1 p1, ..., R0 *r0, R1 *r1, ...);
//! ```
//!
//! which it may call directly: it takes the vmctx of the instance and needs no host
//! around it. If the stack pointer is not among the [`StoreContext::stack_size`]
//! bytes above [`StoreContext::stack_limit`], it first has [`Builtins::attach`] make
//! the store ready for calls from this thread, so that the host can tell whose a
//! fault is. That of a function that neither traps nor calls does without. It has
//! `int32_t`, `int64_t`, `float`, `double` and `void *` for `i32`, `i64`,
//! `f32`, `f64` and references. Whoever calls an entry or a symbol, or returns
//! from a host function, vouches for references: code checks neither that one is
//! of its type nor that it is not null where that is excluded. A `v128` parameter
//! is passed by pointer
//! (`const void *`). Both return a **status**: 0 when the call returned, else
//! the [`TrapCode`] it ended with or a host's own number (see
//! [`STATUS_HOST`]). Results are written only when the status is 0.
//!
//! **Exit** (wasm to host). The code pointer bound to an import or stored in a
//! table for a host function is an exit trampoline of some artefact for that
//! function type; its `ctx` is a [`HostContext`], whose `call` it invokes in
//! the C convention with the same `values` array. A non-zero status raises. An
//! artefact holds one for the type of every function that it imports, and for
//! every type that it calls indirectly through a table that others can write.
//!
//! # Traps
//!
//! A trap is a hardware fault at an instruction recorded in the module's
//! [site table](crate::sites): `ud2`, `udf` or `unimp`, a division error (of
//! x86-64; the others have none), an access
//! to the guard pages of a linear memory, or one to what a null function
//! reference would refer to: to the first bytes of the address space, as many as a
//! [`FuncRef`] has. The host's fault handler looks the
//! faulting address up, then resumes at the innermost [`EntryRecord`]:
//! it loads the stack and frame pointer from it, puts the status in the first
//! result register of the wasm convention (rax, x0, a0), and jumps to its handler (on
//! AArch64 by `ret`: see "Landing pads").
//! [`Builtins::raise`] does the same from host code. Frames in between are
//! dropped without running anything in them, so they may only be WebAssembly
//! frames and trampolines. On Windows a fault is an exception, which a vectored
//! handler sees before anyone looks for frames.
//!
//! **Without faults.** An artefact that requires [`TRAP_CALLS`](Required::TRAP_CALLS), and
//! not [`FAULTS`](Required::FAULTS), checks before it does what would fault: bounds,
//! divisors, references, the range of floats. Where it is to trap, it calls a function in
//! the text that leaves its frame pointer in [`StoreContext::exit_fp`] and calls
//! [`Builtins::trap`], which does not return. The site is the return address of that
//! first call, and its code is in the table. So a host needs no handler for such an
//! artefact, and what a backtrace shows is the same.
//!
//! Every function and trampoline keeps a frame pointer (rbp, x29, s0). It points
//! at the caller's, behind which the return address is: the platform's way on
//! x86-64 and AArch64, but not that of C on RISC-V. It is set up at every site, also at the stack check of a prologue. So the
//! stack can be walked from a fault to the innermost [`EntryRecord::fp`], then
//! on from [`EntryRecord::exit_fp`] to the entry around it.
//!
//! # Exceptions
//!
//! A **tag** is an address that the host chooses: two tags are the same exactly if
//! their addresses are. It is in the tag's slot of each vmctx that defines or
//! imports it. An [`Exception`] has its tag and the values that were thrown.
//!
//! `throw` has [`Builtins::exception`] make one, fills it, and calls a function in
//! the text that leaves its frame pointer in [`StoreContext::exit_fp`] and calls
//! [`Builtins::throw`], which does not return. The host walks the frames from there
//! to the innermost [`EntryRecord::fp`]. For the return address of each, it looks
//! for a [`GuardedCall`] in the module whose text contains it. If there is one,
//! `sp = fp - frame` is the stack pointer of the frame, and the word at `sp + ctx`
//! its vmctx, which says for each [`Handler`] what tag it is for. At the first that
//! matches, the host sets stack and frame pointer to those of the frame, puts the
//! address of the exception in the first result register of the wasm convention
//! (rax, x0, a0), and jumps to its code. Nothing else has to be restored: a call
//! that has handlers keeps nothing in registers. If there is none, the entry ends
//! with a status, as from [`Builtins::raise`]. A host function that ends with an
//! exception does the same, from the exit trampoline that called it. Traps and
//! statuses have no handlers.
//!
//! A handler that does not keep the reference reads the values at once, so the
//! host may free the exception, or use it again, as soon as it is called the next
//! time. For all others it has to find out by itself for how long a reference to
//! them can exist.
//!
//! # Stack
//!
//! Every function that needs stack compares the stack pointer against
//! [`StoreContext::stack_limit`] in its prologue. Trampolines, small leaf
//! functions and builtins do not; a host keeps at least [`STACK_RESERVE`]
//! bytes usable below the limit for them, besides what its own functions use.
//! A frame larger than a page is touched page by page, from the top: where the stack
//! grows by a guard page, as on Windows, it does.
//!
//! Where traps are calls, a function compares when it has made its frame, which is then
//! smaller than half of that reserve, or makes none before. Functions that call only
//! builtins do not compare.
//!
//! A host may run an entry on any stack, and while it is in a host function,
//! leave that stack and come back to it later, on any thread: compiled code keeps
//! nothing that belongs to a thread. It exchanges the [`StoreContext`] when it
//! leaves and comes back.
//!
//! # Interruption
//!
//! Code that can be stopped looks, in every loop and in every function that calls
//! others, whether it is to go on. It does so in one of two ways.
//!
//! An artefact that requires [`INTERRUPTION`](Required::INTERRUPTION) reads the word that
//! [`VmContext::interrupt`] points to, and traps as
//! [`Interrupted`](TrapCode::Interrupted) unless it is 0. The word belongs to the host,
//! which may change it on any thread. Where traps are calls, the code calls
//! [`Builtins::interrupted`] instead, which may let it go on.
//!
//! One that requires [`INTERRUPTION_PAGE`](Required::INTERRUPTION_PAGE) reads, and
//! ignores, some aligned word of the [`INTERRUPTION_PAGE`] bytes in front of its memory 0
//! ([`MemorySlot::base`]), whether defined or imported; if that is shared, or there is
//! none, in front of the vmctx, which so starts at a page. They are readable unless the code is to stop: the host
//! takes them away, on any thread. An access there is then a fault as that to a linear
//! memory, at an instruction that the site table knows as `Interrupted`, with nothing
//! changed: a host may as well, having made the page readable again, let the instruction
//! be executed once more. It may do anything in between that preserves all registers;
//! below the stack pointer is nothing that is needed. Copies of small functions in typed
//! symbols read the word also in such an artefact, so it is there and not 0 while the
//! page is not.
//!
//! # Fuel
//!
//! Code of an artefact that requires [`FUEL`](Required::FUEL) pays for what it executes
//! with [`StoreContext::fuel`]. Every operator of the module costs 1, but `nop`, `drop`,
//! `block`, `loop`, `try_table`, `else` and `end` nothing; what an operator works on makes
//! no difference. It is paid in *runs*, in advance. A run begins at the start of a function
//! and of a loop, at `else` and behind `end`, and behind an operator that branches or calls;
//! it goes on to the next of these places. Before the first operator of a run that costs
//! something, the code subtracts what all of it costs; if it has less than that, it traps
//! as [`OutOfFuel`](TrapCode::OutOfFuel) and leaves what it has. So all that is executed was
//! paid for, what is left is the same however the code was optimised and on every machine,
//! and it is exact wherever the host sees it: in functions of its own and after calls that
//! return. A call that traps has paid for the rest of the run in which it did.
//!
//! A host may read and write the number whenever code of the store does not run.
//!
//! # Versions
//!
//! [`ABI_MAJOR`] must be equal and the loader's [`ABI_MINOR`] at least the
//! artefact's. A bit in [`Descriptor::required`] that the loader does not know
//! makes it refuse, naming the bit. Structures grow only at their ends;
//! [`Descriptor::size`] tells how much of the descriptor the writer knew, and
//! what is missing reads as zero. Numbers keep their meaning. `src/layout.txt` lists what
//! is published, and a test compares; `tests/golden` has artefacts.
//!
//! # A worked example
//!
//! `(module (import "e" "f" (func $f (param i32))) (func (export "run") (call
//! $f (i32.const 7))))` has two types, `[i32] -> []` (index 0) and `[] -> []`
//! (index 1). Its vmctx is the header, then at 48 the [`FunctionImport`] for
//! `e.f`, then two `u32` type ids at 64 and one [`FuncRef`] slot at 72 for the
//! exported function. Its text holds the body of `run`, an entry trampoline
//! for type 1, an exit trampoline for type 0, and the C symbol of `run`. The
//! body loads `code` and `ctx` from vmctx+48 and calls `code(ctx, 7)`; `code`
//! is the exit trampoline, `ctx` the loader's [`HostContext`].
#![no_std]
#![forbid(unsafe_code)]

mod builtins;
mod descriptor;
mod features;
#[cfg(test)]
mod layout;
mod records;
mod seal;
pub mod sites;
mod trap;
mod types;
mod vmctx;
mod wire;

pub use builtins::Builtins;
pub use descriptor::{Architecture, Convention, Descriptor, System, Target, Tunables, VmctxLayout};
pub use features::{CpuFeatures, Required, WasmFeatures};
pub use records::{
    ConstExpr, ConstKind, CustomSection, DataMode, DataSegment, ElementItems, ElementMode,
    ElementSegment, Export, ExternKind, ExternType, FuncType, Function, FunctionName, Global,
    GuardedCall, Handler, Import, Inlined, Memory, SubType, Table, Tag, Trampoline, TrampolineKind,
};
pub use seal::{
    DIGEST_SHA256, SEAL_NOTE_NAME, SEAL_NOTE_TYPE, SEAL_SECTION, SIGNATURE_CONTEXT,
    SIGNATURE_ED25519, SIGNATURE_NONE, SIGNED_MESSAGE_LEN, Seal,
};
pub use trap::TrapCode;
pub use types::{HeapType, ValType};
pub use vmctx::{
    EntryRecord, Exception, FuncRef, FunctionImport, HostContext, MemoryDef, MemorySlot,
    StoreContext, TableDef, TableElement, VmContext,
};
pub use wire::{Slice, Str, Wire};

/// Incompatible changes. Loader and artefact must agree.
pub const ABI_MAJOR: u16 = 1;
/// Compatible additions.
pub const ABI_MINOR: u16 = 0;

/// First bytes of every [`Descriptor`].
pub const MAGIC: [u8; 8] = *b"wasm-aot";

/// The dynamic symbol of a shared object that points at its descriptor.
pub const DESCRIPTOR_SYMBOL: &str = "wasm_aot_module";

/// What stands behind a module's prefix, and `_`, in the symbol of its
/// descriptor. No export's symbol ends so.
pub const DESCRIPTOR_SUFFIX: &str = "Zmodule";

/// Alignment of the metadata block and of a vmctx, in bytes.
pub const ALIGNMENT: usize = 64;

/// Alignment of the place in linear memory that an image is mapped to, in bytes:
/// the size of a WebAssembly page, and the largest page size of our targets. In
/// the file, the image is aligned to the largest page size of its target.
pub const IMAGE_ALIGNMENT: u64 = 64 * 1024;

/// Size of one slot of an entry's or exit's `values` array, in bytes.
pub const VALUE_SIZE: usize = 16;

/// Lowest status that belongs to the host: it comes from a host function and is
/// handed back unchanged by the entry that it ends.
pub const STATUS_HOST: u32 = 0x100;

/// Bytes of stack that code of an artefact may use below
/// [`StoreContext::stack_limit`] without checking.
pub const STACK_RESERVE: u64 = 16 * 1024;

/// Bytes in front of a memory or vmctx that code reads from, of an artefact that requires
/// [`INTERRUPTION_PAGE`](Required::INTERRUPTION_PAGE).
pub const INTERRUPTION_PAGE: usize = 4096;

/// "No such index" in any `u32` index field.
pub const NONE: u32 = u32::MAX;
