//! The functions as a table, for binding them to imports.

use crate::{Errno, GuestMemory, WasiCtx};

/// The module name the functions are imported from.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// The wasm types that occur in preview 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValType {
    /// Pointers, lengths, descriptors, small enumerations and flags.
    I32,
    /// Sizes and offsets of files, times, rights and cookies.
    I64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// It returns this `i32` to the guest: 0, or the number of an [`Errno`].
    Errno(u32),
    /// The guest called `proc_exit` with this code and must not run on. What
    /// codes above 125 mean to a shell is for the host to consider.
    Exit(u32),
}

impl From<Result<(), Errno>> for Outcome {
    fn from(result: Result<(), Errno>) -> Self {
        Self::Errno(result.err().map_or(0, |errno| errno.raw().into()))
    }
}

/// One function of [`MODULE`].
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// The field name of the import.
    pub name: &'static str,
    /// Parameter types.
    pub params: &'static [ValType],
    /// Result types: one `i32`, or none for `proc_exit`.
    pub results: &'static [ValType],
    /// Calls it. There is one argument for each parameter; of one for an
    /// `i32` the low half counts. Any other number of arguments is answered
    /// with [`Errno::Inval`].
    pub call: fn(&mut WasiCtx, &mut GuestMemory<'_>, &[u64]) -> Outcome,
}

/// A row per function: whether it takes the memory, and its parameters.
macro_rules! functions {
    ($($name:ident [$($memory:ident)?] ($($arg:ident: $ty:ident),*);)*) => {
        /// All functions but `proc_exit`.
        const RETURNING: [Function; 45] = [$(Function {
            name: stringify!($name),
            params: &[$(ValType::$ty),*],
            results: &[ValType::I32],
            call: |ctx, mem, args| {
                let &[$($arg),*] = args else {
                    return Err(Errno::Inval).into();
                };
                call!(ctx.$name([$($memory)?] mem, $($arg),*)).into()
            },
        }),*];
    };
}

/// Calls a method with or without the memory. The types of its parameters say
/// how the arguments are to be read.
macro_rules! call {
    ($ctx:ident.$name:ident([memory] $mem:ident, $($arg:ident),*)) => {
        $ctx.$name($mem, $(FromSlot::from_slot($arg)),*)
    };
    ($ctx:ident.$name:ident([] $mem:ident, $($arg:ident),*)) => {{
        let _: &mut GuestMemory<'_> = $mem;
        $ctx.$name($(FromSlot::from_slot($arg)),*)
    }};
}

functions! {
    args_get [memory] (argv: I32, argv_buf: I32);
    args_sizes_get [memory] (argc: I32, argv_buf_size: I32);
    environ_get [memory] (environ: I32, environ_buf: I32);
    environ_sizes_get [memory] (count: I32, environ_buf_size: I32);
    clock_res_get [memory] (id: I32, resolution: I32);
    clock_time_get [memory] (id: I32, precision: I64, time: I32);
    fd_advise [] (fd: I32, offset: I64, len: I64, advice: I32);
    fd_allocate [] (fd: I32, offset: I64, len: I64);
    fd_close [] (fd: I32);
    fd_datasync [] (fd: I32);
    fd_fdstat_get [memory] (fd: I32, fdstat: I32);
    fd_fdstat_set_flags [] (fd: I32, fdflags: I32);
    fd_fdstat_set_rights [] (fd: I32, base: I64, inheriting: I64);
    fd_filestat_get [memory] (fd: I32, filestat: I32);
    fd_filestat_set_size [] (fd: I32, size: I64);
    fd_filestat_set_times [] (fd: I32, atim: I64, mtim: I64, fst_flags: I32);
    fd_pread [memory] (fd: I32, iovs: I32, iovs_len: I32, offset: I64, nread: I32);
    fd_prestat_get [memory] (fd: I32, prestat: I32);
    fd_prestat_dir_name [memory] (fd: I32, path: I32, path_len: I32);
    fd_pwrite [memory] (fd: I32, iovs: I32, iovs_len: I32, offset: I64, nwritten: I32);
    fd_read [memory] (fd: I32, iovs: I32, iovs_len: I32, nread: I32);
    fd_readdir [memory] (fd: I32, buf: I32, buf_len: I32, cookie: I64, used: I32);
    fd_renumber [] (fd: I32, to: I32);
    fd_seek [memory] (fd: I32, offset: I64, whence: I32, position: I32);
    fd_sync [] (fd: I32);
    fd_tell [memory] (fd: I32, position: I32);
    fd_write [memory] (fd: I32, iovs: I32, iovs_len: I32, nwritten: I32);
    path_create_directory [memory] (fd: I32, path: I32, path_len: I32);
    path_filestat_get [memory] (fd: I32, lookup: I32, path: I32, path_len: I32, filestat: I32);
    path_filestat_set_times [memory]
        (fd: I32, lookup: I32, path: I32, path_len: I32, atim: I64, mtim: I64, fst_flags: I32);
    path_link [memory]
        (old_fd: I32, old_lookup: I32, old_path: I32, old_path_len: I32,
         new_fd: I32, new_path: I32, new_path_len: I32);
    path_open [memory]
        (fd: I32, lookup: I32, path: I32, path_len: I32, oflags: I32,
         rights_base: I64, rights_inheriting: I64, fdflags: I32, opened: I32);
    path_readlink [memory]
        (fd: I32, path: I32, path_len: I32, buf: I32, buf_len: I32, used: I32);
    path_remove_directory [memory] (fd: I32, path: I32, path_len: I32);
    path_rename [memory]
        (fd: I32, old_path: I32, old_path_len: I32, new_fd: I32, new_path: I32, new_path_len: I32);
    path_symlink [memory]
        (contents: I32, contents_len: I32, fd: I32, path: I32, path_len: I32);
    path_unlink_file [memory] (fd: I32, path: I32, path_len: I32);
    poll_oneoff [memory] (subscriptions: I32, events: I32, count: I32, nevents: I32);
    proc_raise [] (signal: I32);
    sched_yield [] ();
    random_get [memory] (buf: I32, buf_len: I32);
    sock_accept [memory] (fd: I32, fdflags: I32, accepted: I32);
    sock_recv [memory]
        (fd: I32, iovs: I32, iovs_len: I32, ri_flags: I32, nread: I32, ro_flags: I32);
    sock_send [memory] (fd: I32, iovs: I32, iovs_len: I32, si_flags: I32, nwritten: I32);
    sock_shutdown [] (fd: I32, how: I32);
}

const PROC_EXIT: Function = Function {
    name: "proc_exit",
    params: &[ValType::I32],
    results: &[],
    call: |_, _, args| match *args {
        [code] => Outcome::Exit(u32::from_slot(code)),
        _ => Err(Errno::Inval).into(),
    },
};

/// Every function of preview 1.
pub const FUNCTIONS: &[Function] = &{
    let mut all = [PROC_EXIT; 46];
    let mut i = 0;
    while i < RETURNING.len() {
        all[i] = RETURNING[i];
        i += 1;
    }
    all
};

/// An argument as a method takes it.
trait FromSlot {
    fn from_slot(slot: u64) -> Self;
}

impl FromSlot for u32 {
    fn from_slot(slot: u64) -> Self {
        slot as u32
    }
}

impl FromSlot for u64 {
    fn from_slot(slot: u64) -> Self {
        slot
    }
}

impl FromSlot for i64 {
    fn from_slot(slot: u64) -> Self {
        slot.cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_46_functions_with_distinct_names() {
        let names: std::collections::BTreeSet<_> = FUNCTIONS.iter().map(|f| f.name).collect();
        assert_eq!((FUNCTIONS.len(), names.len()), (46, 46));
    }

    #[test]
    fn a_wrong_number_of_arguments_is_refused() {
        let mut ctx = WasiCtx::builder().build().unwrap();
        for function in FUNCTIONS {
            let args = vec![0; function.params.len() + 1];
            let mut memory = GuestMemory::new(&mut []);
            let outcome = (function.call)(&mut ctx, &mut memory, &args);
            assert_eq!(outcome, Err(Errno::Inval).into(), "{}", function.name);
        }
    }
}
