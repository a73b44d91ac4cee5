//! x86-64.

use std::arch::naked_asm;
use std::ffi::c_void;

use wasm_aot_abi::{EntryRecord, StoreContext};

use super::super::trap;

/// The registers of interrupted code, in what the kernel hands to a signal
/// handler.
pub(in super::super) struct Registers<'a>(&'a mut libc::ucontext_t);

impl<'a> Registers<'a> {
    /// # Safety
    ///
    /// `context` is the third argument of a signal handler, which is still
    /// running.
    pub(in super::super) unsafe fn new(context: *mut libc::c_void) -> Registers<'a> {
        // SAFETY: the caller says so.
        Registers(unsafe { &mut *context.cast() })
    }

    pub(in super::super) fn pc(&self) -> usize {
        self.0.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
    }

    pub(in super::super) fn fp(&self) -> usize {
        self.0.uc_mcontext.gregs[libc::REG_RBP as usize] as usize
    }

    /// Lets the code go on in the handler of an entry.
    pub(in super::super) fn resume(&mut self, entry: &EntryRecord, status: u32) {
        let registers = &mut self.0.uc_mcontext.gregs;
        registers[libc::REG_RIP as usize] = entry.handler.addr() as i64;
        registers[libc::REG_RSP as usize] = entry.sp.addr() as i64;
        registers[libc::REG_RBP as usize] = entry.fp.addr() as i64;
        registers[libc::REG_RAX as usize] = i64::from(status);
    }
}

/// [`Builtins::raise`](wasm_aot_abi::Builtins::raise): adds who called it, and
/// goes on in [`trap::raise_from`].
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn raise(store: *mut StoreContext, status: u32) -> ! {
    naked_asm!(
        "mov rdx, [rsp]",
        "mov rcx, rbp",
        "jmp {raise_from}",
        raise_from = sym trap::raise_from,
    )
}

/// What stands for an exit trampoline that no artefact has brought yet. Called
/// in the wasm convention, with arguments that it cannot know.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn missing_exit() -> ! {
    naked_asm!(
        "mov rdi, [rsp]",
        "mov rsi, rbp",
        "and rsp, -16",
        "call {missing_exit_from}",
        "ud2",
        missing_exit_from = sym trap::missing_exit_from,
    )
}

/// Goes on in the handler of an entry, with a status, or in that of a frame that
/// catches an exception, with its address; drops all frames above it.
///
/// # Safety
///
/// The entry or frame has not returned, and above it there are only frames that need
/// nothing to be run: of WebAssembly, of trampolines, and of the loader's own
/// functions with nothing left to drop.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn resume(entry: *const EntryRecord, value: u64) -> ! {
    naked_asm!(
        "mov rax, rsi",
        "mov rcx, [rdi + {handler}]",
        "mov rbp, [rdi + {fp}]",
        "mov rsp, [rdi + {sp}]",
        "jmp rcx",
        sp = const std::mem::offset_of!(EntryRecord, sp),
        fp = const std::mem::offset_of!(EntryRecord, fp),
        handler = const std::mem::offset_of!(EntryRecord, handler),
    )
}

/// Calls `call` with `data` and a stack pointer: above it is everything that callers
/// have in registers.
pub(in super::super) fn with_registers(
    call: unsafe extern "C" fn(data: *mut c_void, sp: usize),
    data: *mut c_void,
) {
    #[unsafe(naked)]
    unsafe extern "C" fn spill(
        call: unsafe extern "C" fn(data: *mut c_void, sp: usize),
        data: *mut c_void,
    ) {
        naked_asm!(
            "push rbp",
            "push rbx",
            "push r12",
            "push r13",
            "push r14",
            "push r15",
            "sub rsp, 8",
            "mov rax, rdi",
            "mov rdi, rsi",
            "mov rsi, rsp",
            "call rax",
            "add rsp, 56",
            "ret",
        )
    }
    // SAFETY: it does nothing but the call.
    unsafe { spill(call, data) }
}
