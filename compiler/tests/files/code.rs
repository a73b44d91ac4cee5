//! Layouts to write, made of real machine code.

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, Signature, StackSlotData, StackSlotKind, UserFuncName, types,
};
use cranelift_codegen::isa::unwind::{UnwindInfo, UnwindInfoKind};
use cranelift_codegen::isa::{self, CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use wasm_aot_compiler::layout::{
    Fixup, FrameInfo, Image, Layout, Metadata, Symbol, Target, Text, Unwind,
};

pub(crate) const X86_64: &str = "x86_64-unknown-linux-gnu";
pub(crate) const AARCH64: &str = "aarch64-unknown-linux-gnu";
pub(crate) const RISCV64: &str = "riscv64gc-unknown-linux-gnu";

/// Every machine that there are shared objects for.
pub(crate) const ALL: [&str; 3] = [X86_64, AARCH64, RISCV64];

pub(crate) const X86_64_MACOS: &str = "x86_64-apple-darwin";
pub(crate) const AARCH64_MACOS: &str = "aarch64-apple-darwin";
pub(crate) const X86_64_WINDOWS: &str = "x86_64-pc-windows-gnu";

/// Every target that there are object files for.
pub(crate) const OBJECTS: [&str; 6] = [
    X86_64,
    AARCH64,
    RISCV64,
    X86_64_MACOS,
    AARCH64_MACOS,
    X86_64_WINDOWS,
];

/// A module without anything in it but a descriptor.
pub(crate) fn empty(target: &str) -> Layout {
    Layout {
        target: target.parse().unwrap(),
        metadata: Metadata {
            bytes: b"descriptor".to_vec(),
            fixups: Vec::new(),
        },
        text: Text {
            bytes: Vec::new(),
            align: 1,
            landing_pads: target == AARCH64,
        },
        image: None,
        exports: Vec::new(),
        functions: Vec::new(),
        unwind: Vec::new(),
        debug: Vec::new(),
        descriptor_symbol: "sample_Zmodule".to_owned(),
    }
}

/// A module with something of everything: two functions, code without unwind
/// information behind them, awkward names, fixups and an image.
pub(crate) fn sample(target: &str) -> Layout {
    let isa = isa(target);
    let mut layout = empty(target);
    layout.text.align = 64;
    push_function(&mut layout, &isa, "add", &add(&isa));
    push_function(&mut layout, &isa, "call_back", &call_back(&isa));
    layout.exports = layout.functions.clone();

    let thunk = layout.text.bytes.len() as u64;
    layout.text.bytes.extend([0; 24]);
    for name in [
        "thunk",
        "thunk",
        "na\u{ef}ve \u{2603} <T as U>::f",
        "nul\0in name",
        "",
    ] {
        layout.functions.push(Symbol {
            name: name.to_owned(),
            offset: thunk,
            size: 24,
        });
    }

    layout.metadata.bytes = vec![0xa5; 1000];
    layout.metadata.fixups = vec![
        fixup(992, Target::Image, 0),
        fixup(8, Target::Text, 0),
        fixup(16, Target::Text, thunk),
        fixup(24, Target::Image, 0x1_0001),
    ];
    layout.image = Some(Image {
        bytes: (0..70_000_u32).map(|i| (i % 251) as u8).collect(),
    });
    layout
}

/// A module with `count` functions, all of them exported.
pub(crate) fn many(target: &str, count: u64) -> Layout {
    let isa = isa(target);
    let mut layout = empty(target);
    let add = add(&isa);
    for i in 0..count {
        push_function(&mut layout, &isa, &format!("function_{i}"), &add);
    }
    layout.exports = layout.functions.clone();
    layout
}

/// A code generator for a target.
pub(crate) fn isa(target: &str) -> OwnedTargetIsa {
    let mut flags = settings::builder();
    flags.set("preserve_frame_pointers", "true").unwrap();
    let flags = settings::Flags::new(flags);
    let mut isa = isa::lookup(target.parse().unwrap()).unwrap();
    if target == AARCH64 {
        isa.enable("use_bti").unwrap();
    }
    isa.finish(flags).unwrap()
}

/// The code of one function, and how to unwind out of it.
pub(crate) struct Code {
    bytes: Vec<u8>,
    unwind: cranelift_codegen::isa::unwind::systemv::UnwindInfo,
}

/// Appends a function to the text.
pub(crate) fn push_function(layout: &mut Layout, isa: &OwnedTargetIsa, name: &str, code: &Code) {
    let text = &mut layout.text.bytes;
    text.resize(
        text.len()
            .next_multiple_of(isa.function_alignment().preferred as usize),
        0,
    );
    let offset = text.len() as u64;
    text.extend(&code.bytes);
    layout.functions.push(Symbol {
        name: name.to_owned(),
        offset,
        size: code.bytes.len() as u64,
    });
    layout.unwind.push(Unwind {
        offset,
        size: code.bytes.len() as u64,
        info: FrameInfo::Cranelift(code.unwind.clone()),
    });
}

/// `i32 add(i32 a, i32 b)`
fn add(isa: &OwnedTargetIsa) -> Code {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = vec![AbiParam::new(types::I32); 2];
    signature.returns = vec![AbiParam::new(types::I32)];
    compile(isa, signature, |builder, params| {
        let sum = builder.ins().iadd(params[0], params[1]);
        builder.ins().return_(&[sum]);
    })
}

/// `i64 call_back(i64 (*f)(i64), i64 a)`: calls `f(a)` from a frame of 256
/// bytes and returns the result plus one.
fn call_back(isa: &OwnedTargetIsa) -> Code {
    let mut callee = Signature::new(CallConv::SystemV);
    callee.params = vec![AbiParam::new(types::I64)];
    callee.returns = vec![AbiParam::new(types::I64)];
    let mut signature = callee.clone();
    signature.params = vec![AbiParam::new(types::I64); 2];
    compile(isa, signature, |builder, params| {
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 256, 4);
        let slot = builder.create_sized_stack_slot(slot);
        builder.ins().stack_store(types::I64, params[1], slot, 128);
        let callee = builder.import_signature(callee);
        let call = builder.ins().call_indirect(callee, params[0], &[params[1]]);
        let result = builder.inst_results(call)[0];
        let kept = builder.ins().stack_load(types::I64, types::I64, slot, 128);
        let result = builder.ins().iadd(result, kept);
        builder.ins().return_(&[result]);
    })
}

fn compile(
    isa: &OwnedTargetIsa,
    signature: Signature,
    build: impl FnOnce(&mut FunctionBuilder<'_>, &[cranelift_codegen::ir::Value]),
) -> Code {
    let mut context = Context::for_function(Function::with_name_signature(
        UserFuncName::default(),
        signature,
    ));
    let mut frontend = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    builder.seal_all_blocks();
    let params = builder.block_params(entry).to_vec();
    build(&mut builder, &params);
    builder.finalize(isa.frontend_config());
    let code = context
        .compile(&**isa, &mut ControlPlane::default())
        .unwrap();
    assert!(code.buffer.relocs().is_empty());
    let bytes = code.buffer.data().to_vec();
    let kind = UnwindInfoKind::SystemV;
    match code.create_unwind_info_of_kind(&**isa, kind).unwrap() {
        Some(UnwindInfo::SystemV(unwind)) => Code { bytes, unwind },
        other => panic!("unwind information of another kind: {other:?}"),
    }
}

fn fixup(offset: u64, target: Target, addend: u64) -> Fixup {
    Fixup {
        offset,
        target,
        addend,
    }
}
