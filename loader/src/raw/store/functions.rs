//! Functions of a store.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use wasm_aot_abi::{FuncRef, NONE};

use super::super::enter::Code;
use super::super::host::{HostBinding, HostFunction};
use super::super::instance::InstanceData;
use super::super::stable::Stable;
use super::super::values::Slot;
use super::Inner;
use crate::{Func, FuncType, Module};

/// The host functions of a store that have a handle, or are of the store alone.
#[derive(Default)]
pub(super) struct Hosts {
    functions: Vec<Stable<HostEntry>>,
    /// Positions in `functions`.
    positions: HashMap<*const HostFunction, u32>,
    /// Positions in `functions` of those with a reference whose exit trampoline
    /// is missing.
    pending: Vec<u32>,
}

/// A host function that is called without an importer. Once it is there, nobody borrows it
/// mutably: compiled code has pointers to the binding.
struct HostEntry {
    binding: HostBinding,
    /// Made when it is asked for. Its code is set once more if an exit
    /// trampoline turns up only later.
    func_ref: OnceCell<Stable<FuncRef>>,
}

impl Inner {
    pub(crate) fn add_host_function(&mut self, function: HostFunction) -> Func {
        self.host_func(&Arc::new(function))
    }

    /// The handle of a host function: the same whenever it is asked for.
    pub(in super::super) fn host_func(&self, function: &Arc<HostFunction>) -> Func {
        let mut hosts = self.hosts.borrow_mut();
        let known = hosts.positions.get(&Arc::as_ptr(function)).copied();
        let index = known.unwrap_or_else(|| {
            let index = self.origin(NONE, hosts.functions.len()).index;
            let store = self.this();
            hosts.functions.push(Stable::new(HostEntry {
                binding: HostBinding::new(store, function.clone(), NONE),
                func_ref: OnceCell::new(),
            }));
            hosts.positions.insert(Arc::as_ptr(function), index);
            index
        });
        Func {
            origin: self.origin(NONE, index as usize),
        }
    }

    /// The host function that a handle names, if it names one.
    #[track_caller]
    pub(in super::super) fn host_function(&self, func: Func) -> Option<Arc<HostFunction>> {
        self.check(func.origin);
        let hosts = self.hosts.borrow();
        (func.origin.instance == NONE).then(|| {
            let entry = &hosts.functions[func.origin.index as usize];
            entry.binding.function().clone()
        })
    }

    #[track_caller]
    pub(crate) fn func_type(&self, func: Func) -> FuncType {
        match self.host_function(func) {
            Some(function) => function.ty(),
            None => self
                .instance(func.origin)
                .own_function_type(func.origin.index),
        }
    }

    /// What it takes to call a function.
    #[track_caller]
    pub(in super::super) fn code(&self, func: Func) -> Code {
        self.check(func.origin);
        if func.origin.instance == NONE {
            let hosts = self.hosts.borrow();
            let entry = &hosts.functions[func.origin.index as usize];
            // SAFETY: it is the context of a host function that we own.
            unsafe { Code::host(self.id, entry.binding.as_context()) }
        } else {
            self.instance(func.origin)
                .own_code(self.id, func.origin.index)
        }
    }

    /// The reference to a function.
    #[track_caller]
    fn func_ref(&self, func: Func) -> *const FuncRef {
        self.check(func.origin);
        if func.origin.instance != NONE {
            return self.instance(func.origin).own_func_ref(func.origin.index);
        }
        let mut hosts = self.hosts.borrow_mut();
        let hosts = &mut *hosts;
        let entry = &hosts.functions[func.origin.index as usize];
        let func_ref = entry.func_ref.get_or_init(|| {
            let ty = entry.binding.function().ty();
            let exit = exit_trampoline(&self.modules, ty);
            if exit.is_none() {
                hosts.pending.push(func.origin.index);
            }
            Stable::new(entry.binding.func_ref(exit))
        });
        func_ref.as_ptr().as_ptr()
    }

    /// The function that a reference refers to.
    ///
    /// # Safety
    ///
    /// It was made in this store.
    unsafe fn func(&self, func_ref: &FuncRef) -> Func {
        if func_ref.entry.is_null() {
            // SAFETY: it refers to a host function, so its context is a binding.
            let binding = unsafe { &*func_ref.ctx.cast::<HostBinding>() };
            return self.host_func(binding.function());
        }
        // SAFETY: otherwise it is the vmctx of an instance.
        let instance = unsafe { &*InstanceData::of(func_ref.ctx.cast()) };
        instance.func_at(self, func_ref.code)
    }

    #[track_caller]
    pub(in super::super) fn func_to_slot(&self, func: Option<Func>) -> Slot {
        func.map_or(Slot::ZERO, |func| Slot::from_pointer(self.func_ref(func)))
    }

    /// # Safety
    ///
    /// The slot holds a function reference of this store.
    pub(in super::super) unsafe fn func_from_slot(&self, slot: &Slot) -> Option<Func> {
        // SAFETY: so it is null or valid.
        unsafe {
            slot.as_pointer::<FuncRef>()
                .as_ref()
                .map(|func_ref| self.func(func_ref))
        }
    }

    /// A handle to a function that an instance defines.
    pub(in super::super) fn own_func(&self, instance: u32, index: u32) -> Func {
        Func {
            origin: self.origin(instance, index as usize),
        }
    }

    /// Makes host functions callable for which there was no exit trampoline,
    /// wherever they have got to.
    pub(super) fn resolve_pending(&mut self) {
        let hosts = self.hosts.get_mut();
        let pending = std::mem::take(&mut hosts.pending);
        for index in pending {
            let entry = &hosts.functions[index as usize];
            let ty = entry.binding.function().ty();
            let Some(exit) = exit_trampoline(&self.modules, ty) else {
                hosts.pending.push(index);
                continue;
            };
            let func_ref = entry.func_ref.get().expect("pending has one");
            let func_ref = func_ref.as_ptr().as_ptr();
            // SAFETY: it is alive, and no compiled code runs.
            unsafe { (*func_ref).code = exit.cast() };
            let own = self.tables.iter_mut();
            let others = self.instances.iter_mut();
            let others = others.flat_map(|instance| instance.own_tables_mut());
            for table in own.chain(others) {
                table.refresh(func_ref);
            }
        }
    }
}

/// The exit trampoline for a type in any of the modules.
fn exit_trampoline(modules: &[Module], ty: FuncType) -> Option<*const u8> {
    let mut modules = modules.iter();
    modules.find_map(|module| module.artefact().exit_for(ty))
}
