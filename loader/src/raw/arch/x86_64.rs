//! x86-64.

use std::arch::naked_asm;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

use wasm_aot_abi::{EntryRecord, StoreContext};

use super::super::{deadline, trap};
use super::WithStack;

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

    /// Lets the code go on as if its next instruction were a call of `function`, which
    /// comes back to that; whether that is possible.
    ///
    /// # Safety
    ///
    /// It is in a function of compiled code, whose frame is set up, and `function`
    /// preserves all registers.
    pub(in super::super) unsafe fn call(&mut self, function: unsafe extern "C" fn()) -> bool {
        let registers = &mut self.0.uc_mcontext.gregs;
        let sp = registers[libc::REG_RSP as usize] - 8;
        let place: *mut i64 = std::ptr::with_exposed_provenance_mut(sp as usize);
        // SAFETY: compiled code has nothing below its stack pointer, and leaves room for
        // calls there.
        unsafe { place.write(registers[libc::REG_RIP as usize]) };
        registers[libc::REG_RSP as usize] = sp;
        registers[libc::REG_RIP as usize] = (function as *const ()).addr() as i64;
        true
    }
}

/// Whether there is `xsave`.
static HAS_XSAVE: AtomicBool = AtomicBool::new(false);

/// Calls [`deadline::pause`] and preserves all registers.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn pause() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "pushfq",
        "push rax",
        "push rcx",
        "push rdx",
        "push rbx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "mov rbx, rsp",
        "cld",
        // SSE, AVX and AVX-512 as `xsave` has them by default, or SSE alone.
        "sub rsp, 2688",
        "and rsp, -64",
        "cmp byte ptr [rip + {has_xsave}], 0",
        "je 2f",
        "xor eax, eax",
        "mov ecx, 8",
        "lea rdi, [rsp + 512]",
        "rep stosq",
        "mov eax, 0xe6",
        "xor edx, edx",
        "xsave64 [rsp]",
        "mov rdi, rbp",
        "call {pause}",
        "mov eax, 0xe6",
        "xor edx, edx",
        "xrstor64 [rsp]",
        "jmp 3f",
        "2:",
        "fxsave64 [rsp]",
        "mov rdi, rbp",
        "call {pause}",
        "fxrstor64 [rsp]",
        "3:",
        "mov rsp, rbx",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rbx",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "popfq",
        "pop rbp",
        "ret",
        has_xsave = sym HAS_XSAVE,
        pause = sym deadline::pause,
    )
}

/// Finds out what [`pause`] has to know.
pub(in super::super) fn prepare() {
    let has_xsave = std::arch::is_x86_feature_detected!("xsave");
    HAS_XSAVE.store(has_xsave, Ordering::Relaxed);
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

/// See [`with_registers`](super::with_registers): puts what callers have in registers on
/// the stack, and calls.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn spill(call: WithStack, data: *mut c_void) {
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
