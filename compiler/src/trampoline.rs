//! Code between the wasm convention and C (see the ABI's "Calling
//! conventions"): entries, exits, and the C symbols of exports.

use core::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, ExtFuncData, ExternalName,
    FuncRef, Function, Inst, InstBuilder, SigRef, StackSlotData, StackSlotKind, Type, Value, types,
};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use wasm_aot_abi::{self as abi, VALUE_SIZE};
use wasmparser::{FuncType, ValType};

use crate::abi::{
    Access, Builtin, Region, Symbol, ask_signature, clif_trap, clif_type, entry_signature,
    host_signature, throw_signature, typed_signature, wasm_signature,
};
use crate::translate::{declare, declare_asking, stack_is_used_up};

const VALUES: Access = Access::Trusted(Region::Values);
const STORE: Access = Access::Trusted(Region::Store);

/// `entry(code, ctx, values) -> status`: calls `code` with the parameters that
/// `values` holds and puts its results there.
pub(crate) fn entry(
    ty: &FuncType,
    isa: &dyn TargetIsa,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    func.signature = entry_signature(isa);
    let mut trampoline = Trampoline::new(func, scratch);
    let [code, ctx, values] = *trampoline.params else {
        unreachable!("three parameters");
    };
    let mut args = vec![ctx];
    args.extend(trampoline.load_values(ty.params(), values));
    let results = trampoline.enter(ty, ctx, Callee::Code(code), &args);
    trampoline.store_values(&results, values);
    trampoline.succeed(isa);
}

/// What the C symbol of an export calls.
pub(crate) enum Export {
    /// A function of the module, by its index.
    Defined(u32),
    /// The same, one that neither traps nor calls: it surely returns, and nobody
    /// walks the stack meanwhile.
    Returning(u32),
    /// An imported function, by its slot in the vmctx.
    Imported(u32),
}

/// `name(vmctx, params..., result pointers...) -> status`: calls an export.
pub(crate) fn typed(
    ty: &FuncType,
    export: Export,
    isa: &dyn TargetIsa,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    func.signature = typed_signature(ty, isa);
    let mut trampoline = Trampoline::new(func, scratch);
    let params = trampoline.params.clone();
    let (inputs, outputs) = params.split_at(1 + ty.params().len());
    let vmctx = inputs[0];
    if !matches!(export, Export::Returning(_)) {
        trampoline.attach(vmctx, isa);
    }
    let (callee, ctx) = match export {
        Export::Defined(index) | Export::Returning(index) => (Callee::Function(index), vmctx),
        Export::Imported(slot) => {
            let [code, ctx] = [
                offset_of!(abi::FunctionImport, code),
                offset_of!(abi::FunctionImport, ctx),
            ]
            .map(|field| trampoline.load(types::I64, Access::Fixed, vmctx, slot as usize + field));
            (Callee::Code(code), ctx)
        }
    };
    let mut args = vec![ctx];
    for (&input, &ty) in inputs[1..].iter().zip(ty.params()) {
        args.push(match ty {
            // C passes vectors in too many ways; ours come by pointer, and a
            // C compiler aligns what it points to as it likes.
            ValType::V128 => trampoline.load_unaligned(types::I8X16, input),
            _ => trampoline.as_type(clif_type(ty), input),
        });
    }
    let results = match export {
        Export::Returning(index) => trampoline.call(ty, index, &args),
        _ => trampoline.enter(ty, vmctx, callee, &args),
    };
    for (&result, &output) in results.iter().zip(outputs) {
        trampoline.store_unaligned(result, output);
    }
    trampoline.succeed(isa);
}

/// The code that wasm calls for a host function of type `ty`.
pub(crate) fn exit(
    ty: &FuncType,
    isa: &dyn TargetIsa,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    func.signature = wasm_signature(ty);
    let mut trampoline = Trampoline::new(func, scratch);
    let params = trampoline.params.clone();
    let (ctx, args) = (params[0], &params[1..]);

    let values = trampoline.values(ty);
    trampoline.store_values(args, values);
    let store = trampoline.load(
        types::I64,
        Access::Fixed,
        ctx,
        offset_of!(abi::HostContext, store),
    );
    // From here the host can find the frames of wasm.
    let frame = trampoline.builder.ins().get_frame_pointer(types::I64);
    trampoline.store(STORE, frame, store, offset_of!(abi::StoreContext, exit_fp));

    let host = trampoline.load(
        types::I64,
        Access::Fixed,
        ctx,
        offset_of!(abi::HostContext, call),
    );
    let signature = trampoline.builder.import_signature(host_signature(isa));
    let call = trampoline
        .builder
        .ins()
        .call_indirect(signature, host, &[ctx, values]);
    let status = trampoline.builder.inst_results(call)[0];

    let failed = trampoline.builder.create_block();
    let succeeded = trampoline.builder.create_block();
    trampoline.builder.set_cold_block(failed);
    trampoline
        .builder
        .ins()
        .brif(status, failed, [], succeeded, []);
    trampoline.builder.seal_block(failed);
    trampoline.builder.seal_block(succeeded);

    trampoline.builder.switch_to_block(failed);
    let builtins = trampoline.load(
        types::I64,
        Access::Fixed,
        ctx,
        offset_of!(abi::HostContext, builtins),
    );
    trampoline.call_builtin(Builtin::Raise, builtins, &[store, status], isa);
    let code = clif_trap(abi::TrapCode::Unreachable);
    trampoline.builder.ins().trap(code);

    trampoline.builder.switch_to_block(succeeded);
    let results = trampoline.load_values(ty.results(), values);
    trampoline.builder.ins().return_(&results);
    trampoline.finish(isa);
}

/// What calls functions of type `ty` for code that does not know their convention: takes
/// `(code, ctx, values)` as C does, and passes values as an entry, without being one.
#[cfg(feature = "llvm")]
pub(crate) fn leave(
    ty: &FuncType,
    isa: &dyn TargetIsa,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    func.signature = entry_signature(isa);
    func.signature.returns.clear();
    let mut trampoline = Trampoline::new(func, scratch);
    let [code, ctx, values] = *trampoline.params else {
        unreachable!("three parameters");
    };
    let mut args = vec![ctx];
    args.extend(trampoline.load_values(ty.params(), values));
    let signature = trampoline.builder.import_signature(wasm_signature(ty));
    let ins = trampoline.builder.ins();
    let call = ins.call_indirect(signature, code, &args);
    let results = trampoline.builder.inst_results(call).to_vec();
    trampoline.store_values(&results, values);
    trampoline.builder.ins().return_(&[]);
    trampoline.finish(isa);
}

/// The other way round: how function `index` of type `ty` is called in the wasm
/// convention. It calls what follows it in the text, as C does with `(ctx, values)`.
#[cfg(feature = "llvm")]
pub(crate) fn arrive(
    ty: &FuncType,
    index: u32,
    isa: &dyn TargetIsa,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    func.signature = wasm_signature(ty);
    let mut trampoline = Trampoline::new(func, scratch);
    let params = trampoline.params.clone();
    let values = trampoline.values(ty);
    trampoline.store_values(&params[1..], values);
    let mut signature = host_signature(isa);
    signature.returns.clear();
    let signature = trampoline.builder.import_signature(signature);
    let function = trampoline.function(index, signature);
    let ins = trampoline.builder.ins();
    ins.call(function, &[params[0], values]);
    let results = trampoline.load_values(ty.results(), values);
    trampoline.builder.ins().return_(&results);
    trampoline.finish(isa);
}

/// What throws an exception: shows the host the frames that may have a handler.
pub(crate) fn throw(
    isa: &dyn TargetIsa,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    func.signature = throw_signature();
    ask_for_good(Builtin::Throw, isa, scratch, func);
}

/// What traps: shows the host where, by the return address.
pub(crate) fn trap(isa: &dyn TargetIsa, scratch: &mut FunctionBuilderContext, func: &mut Function) {
    func.signature = ask_signature();
    ask_for_good(Builtin::Trap, isa, scratch, func);
}

/// Calls what does not return, with what `func` is called with.
fn ask_for_good(
    builtin: Builtin,
    isa: &dyn TargetIsa,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    let mut trampoline = Trampoline::new(func, scratch);
    trampoline.ask(builtin, isa);
    let never = clif_trap(abi::TrapCode::Unreachable);
    trampoline.builder.ins().trap(never);
    trampoline.finish(isa);
}

/// What asks whether a function is to go on, and returns if it is.
pub(crate) fn interrupted(
    isa: &dyn TargetIsa,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    func.signature = ask_signature();
    let mut trampoline = Trampoline::new(func, scratch);
    trampoline.ask(Builtin::Interrupted, isa);
    trampoline.builder.ins().return_(&[]);
    trampoline.finish(isa);
}

/// What checks the stack for function `index`, of the signature of `func`, and then goes on
/// with what follows in the text: that makes a frame of so many bytes.
pub(crate) fn guard_frame(
    index: u32,
    frame: u32,
    isa: &dyn TargetIsa,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    let mut trampoline = Trampoline::new(func, scratch);
    let params = trampoline.params.clone();
    let builder = &mut trampoline.builder;
    let overflow = stack_is_used_up(builder, params[0], frame);
    let (trap, fits) = (builder.create_block(), builder.create_block());
    builder.set_cold_block(trap);
    builder.ins().brif(overflow, trap, [], fits, []);
    builder.seal_block(trap);
    builder.seal_block(fits);

    builder.switch_to_block(trap);
    let code = abi::TrapCode::StackOverflow;
    let function = declare_asking(builder, Symbol::Trap(code as u32));
    builder.ins().call(function, &params[..1]);
    builder.ins().trap(clif_trap(code));

    builder.switch_to_block(fits);
    let signature = builder.func.signature.clone();
    let signature = builder.import_signature(signature);
    let rest = trampoline.function(index, signature);
    trampoline.builder.ins().return_call(rest, &params);
    trampoline.finish(isa);
}

enum Callee {
    Code(Value),
    /// By its index in the module.
    Function(u32),
}

struct Trampoline<'f> {
    builder: FunctionBuilder<'f>,
    params: Vec<Value>,
}

impl<'f> Trampoline<'f> {
    fn new(func: &'f mut Function, scratch: &'f mut FunctionBuilderContext) -> Self {
        let mut builder = FunctionBuilder::new(func, scratch);
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        builder.seal_block(block);
        let params = builder.block_params(block).to_vec();
        Trampoline { builder, params }
    }

    /// Has the host make the store ready for calls from this thread, unless the
    /// stack pointer says that it is. What follows is on the way where it is.
    fn attach(&mut self, ctx: Value, isa: &dyn TargetIsa) {
        let store = self.word(Access::Fixed, ctx, offset_of!(abi::VmContext, store));
        let limit = self.word(STORE, store, offset_of!(abi::StoreContext, stack_limit));
        let size = self.word(STORE, store, offset_of!(abi::StoreContext, stack_size));
        let sp = self.builder.ins().get_stack_pointer(types::I64);
        let distance = self.builder.ins().isub(sp, limit);
        let ready = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedLessThan, distance, size);
        let [proceed, ask, refused] = [(); 3].map(|()| self.builder.create_block());
        self.builder.set_cold_block(ask);
        self.builder.set_cold_block(refused);
        self.builder.ins().brif(ready, proceed, [], ask, []);
        self.builder.seal_block(ask);

        self.builder.switch_to_block(ask);
        let builtins = self.word(Access::Fixed, ctx, offset_of!(abi::VmContext, builtins));
        let call = self.call_builtin(Builtin::Attach, builtins, &[store], isa);
        let status = self.builder.inst_results(call)[0];
        self.builder.ins().brif(status, refused, [], proceed, []);
        self.builder.seal_block(refused);
        self.builder.seal_block(proceed);

        self.builder.switch_to_block(refused);
        self.builder.ins().return_(&[status]);
        self.builder.switch_to_block(proceed);
    }

    /// Calls into wasm between pushing and popping an entry record. Behind it,
    /// the code is where the call returned normally; the other way returns the
    /// status that the trap came with.
    fn enter(&mut self, ty: &FuncType, ctx: Value, callee: Callee, args: &[Value]) -> Vec<Value> {
        let signature = self.builder.import_signature(wasm_signature(ty));
        let store = self.word(Access::Fixed, ctx, offset_of!(abi::VmContext, store));
        let size = size_of::<abi::EntryRecord>() as u32;
        let record = self.stack_slot(size);

        // The handler belongs to the call, which must end a block of its own.
        let call_block = self.builder.create_block();
        self.builder.ins().jump(call_block, []);
        self.builder.seal_block(call_block);
        self.builder.switch_to_block(call_block);
        let previous = self.word(STORE, store, offset_of!(abi::StoreContext, entry));
        let exit_fp = self.word(STORE, store, offset_of!(abi::StoreContext, exit_fp));
        let sp = self.builder.ins().get_stack_pointer(types::I64);
        let fp = self.builder.ins().get_frame_pointer(types::I64);
        let handler = self
            .builder
            .ins()
            .get_exception_handler_address(types::I64, call_block, 0);
        for (value, offset) in [
            (previous, offset_of!(abi::EntryRecord, previous)),
            (exit_fp, offset_of!(abi::EntryRecord, exit_fp)),
            (sp, offset_of!(abi::EntryRecord, sp)),
            (fp, offset_of!(abi::EntryRecord, fp)),
            (handler, offset_of!(abi::EntryRecord, handler)),
        ] {
            self.store(STORE, value, record, offset);
        }
        self.store(STORE, record, store, offset_of!(abi::StoreContext, entry));

        let returned = self.builder.create_block();
        let trapped = self.builder.create_block();
        self.builder.set_cold_block(trapped);
        let results: Vec<Value> = ty
            .results()
            .iter()
            .map(|&ty| self.builder.append_block_param(returned, clif_type(ty)))
            .collect();
        let status = self.builder.append_block_param(trapped, types::I64);
        let dfg = &mut self.builder.func.dfg;
        let normal = BlockCall::new(
            returned,
            (0..results.len() as u32).map(BlockArg::TryCallRet),
            &mut dfg.value_lists,
        );
        let exceptional = BlockCall::new(trapped, [BlockArg::TryCallExn(0)], &mut dfg.value_lists);
        let table = dfg.exception_tables.push(ExceptionTableData::new(
            signature,
            normal,
            [ExceptionTableItem::Default(exceptional)],
        ));
        match callee {
            Callee::Code(code) => self.builder.ins().try_call_indirect(code, args, table),
            Callee::Function(index) => {
                let function = self.function(index, signature);
                self.builder.ins().try_call(function, args, table)
            }
        };
        self.builder.seal_block(returned);
        self.builder.seal_block(trapped);

        self.builder.switch_to_block(trapped);
        self.leave(store, record);
        let status = self.builder.ins().ireduce(types::I32, status);
        self.builder.ins().return_(&[status]);

        self.builder.switch_to_block(returned);
        self.leave(store, record);
        results
    }

    /// Calls function `index` of the module, which surely returns.
    fn call(&mut self, ty: &FuncType, index: u32, args: &[Value]) -> Vec<Value> {
        let signature = self.builder.import_signature(wasm_signature(ty));
        let function = self.function(index, signature);
        let call = self.builder.ins().call(function, args);
        self.builder.inst_results(call).to_vec()
    }

    /// Calls a service of the host, which the table at `builtins` has.
    fn call_builtin(
        &mut self,
        builtin: Builtin,
        builtins: Value,
        args: &[Value],
        isa: &dyn TargetIsa,
    ) -> Inst {
        let code = builtin.offset() as usize;
        let code = self.word(Access::Fixed, builtins, code);
        let signature = self.builder.import_signature(builtin.signature(isa));
        self.builder.ins().call_indirect(signature, code, args)
    }

    /// Declares function `index` of the module.
    fn function(&mut self, index: u32, signature: SigRef) -> FuncRef {
        let name = declare(self.builder.func, Symbol::Function(index));
        self.builder.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: true,
            patchable: false,
        })
    }

    /// Leaves the frame pointer for the host, as an exit does, and calls it with the store
    /// in place of the vmctx, which is the first parameter.
    fn ask(&mut self, builtin: Builtin, isa: &dyn TargetIsa) {
        let mut args = self.params.clone();
        let [store, builtins] = [
            offset_of!(abi::VmContext, store),
            offset_of!(abi::VmContext, builtins),
        ]
        .map(|field| self.word(Access::Fixed, args[0], field));
        let frame = self.builder.ins().get_frame_pointer(types::I64);
        self.store(STORE, frame, store, offset_of!(abi::StoreContext, exit_fp));
        args[0] = store;
        self.call_builtin(builtin, builtins, &args, isa);
    }

    /// Pops the entry record.
    fn leave(&mut self, store: Value, record: Value) {
        for (from, to) in [
            (
                offset_of!(abi::EntryRecord, previous),
                offset_of!(abi::StoreContext, entry),
            ),
            (
                offset_of!(abi::EntryRecord, exit_fp),
                offset_of!(abi::StoreContext, exit_fp),
            ),
        ] {
            let value = self.word(STORE, record, from);
            self.store(STORE, value, store, to);
        }
    }

    /// An array of values for `ty` on the stack.
    fn values(&mut self, ty: &FuncType) -> Value {
        let count = ty.params().len().max(ty.results().len());
        self.stack_slot((count * VALUE_SIZE) as u32)
    }

    fn stack_slot(&mut self, size: u32) -> Value {
        let align = VALUE_SIZE.trailing_zeros() as u8;
        let slot = self.builder.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            size,
            align,
        ));
        self.builder.ins().stack_addr(types::I64, slot, 0)
    }

    fn load_values(&mut self, types: &[ValType], values: Value) -> Vec<Value> {
        (0..)
            .zip(types)
            .map(|(index, &ty)| self.load(clif_type(ty), VALUES, values, index * VALUE_SIZE))
            .collect()
    }

    fn store_values(&mut self, from: &[Value], values: Value) {
        for (index, &value) in from.iter().enumerate() {
            self.store(VALUES, value, values, index * VALUE_SIZE);
        }
    }

    /// The bits of a value as one of another type.
    fn as_type(&mut self, ty: Type, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value) == ty {
            return value;
        }
        let flags = cranelift_codegen::ir::MemFlagsData::new();
        self.builder.ins().bitcast(ty, flags, value)
    }

    fn load_unaligned(&mut self, ty: Type, address: Value) -> Value {
        let flags = cranelift_codegen::ir::MemFlagsData::new().with_notrap();
        self.builder.ins().load(ty, flags, address, 0)
    }

    fn store_unaligned(&mut self, value: Value, address: Value) {
        let flags = cranelift_codegen::ir::MemFlagsData::new().with_notrap();
        self.builder.ins().store(flags, value, address, 0);
    }

    /// Loads an address, or whatever else is as large.
    fn word(&mut self, access: Access, base: Value, offset: usize) -> Value {
        self.load(types::I64, access, base, offset)
    }

    fn load(&mut self, ty: Type, access: Access, base: Value, offset: usize) -> Value {
        let flags = access.flags(self.builder.func);
        self.builder.ins().load(ty, flags, base, offset as i32)
    }

    fn store(&mut self, access: Access, value: Value, base: Value, offset: usize) {
        let flags = access.flags(self.builder.func);
        self.builder.ins().store(flags, value, base, offset as i32);
    }

    fn succeed(mut self, isa: &dyn TargetIsa) {
        let ok = self.builder.ins().iconst(types::I32, 0);
        self.builder.ins().return_(&[ok]);
        self.finish(isa);
    }

    fn finish(self, isa: &dyn TargetIsa) {
        self.builder.finalize(isa.frontend_config());
    }
}
