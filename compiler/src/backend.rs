//! The seam to the code generator: finished CLIF in; machine code, relocations,
//! sites and unwind information out. Nothing above this file assumes Cranelift's
//! machine code.

use std::collections::BTreeMap;

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::entity::PrimaryMap;
use cranelift_codegen::ir::{
    BlockCall, ExternalName, Function, JumpTableData, UserExternalName, UserExternalNameRef,
};
use cranelift_codegen::isa::unwind::{UnwindInfo, UnwindInfoKind};
use cranelift_codegen::isa::{self, CallConv, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable, Flags};
use cranelift_codegen::{
    ExceptionContextLoc, Final, FinalizedMachExceptionHandler, FinalizedMachReloc,
    FinalizedRelocTarget, MachBufferFinalized, MachSrcLoc,
};
use serde::{Deserialize, Serialize};
use target_lexicon::Triple;
use wasm_aot_abi::{Architecture, CpuFeatures, System, Target, TrapCode};

use crate::abi::{Clause, Kept, Symbol, wasm_trap};
use crate::cpu;
use crate::error::{Error, Result};
use crate::layout::FrameInfo;
use crate::options::Polls;
use crate::{Codegen, Emit, Level, Options, RelaxedSimd};

/// A code generator for one target.
pub(crate) struct Backend {
    isa: OwnedTargetIsa,
    /// What generates the code of functions.
    pub(crate) codegen: Codegen,
    #[cfg(feature = "llvm")]
    pub(crate) level: Level,
    #[cfg(feature = "llvm")]
    pub(crate) features: CpuFeatures,
    pub(crate) target: Target,
    /// Which instructions the code asks for.
    pub(crate) relaxed: RelaxedSimd,
    pub(crate) polls: Polls,
    pub(crate) fuel: bool,
    pub(crate) spectre_guards: bool,
    /// Whether traps are faults.
    pub(crate) signals: bool,
    /// Whether there is a landing pad wherever code is reached by an indirect branch.
    pub(crate) landing_pads: bool,
    /// Whether to say where all code comes from.
    pub(crate) origins: bool,
    /// See [`Options::keeps_locals`].
    pub(crate) keeps_locals: bool,
}

/// The machine code of one function or trampoline.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) bytes: Vec<u8>,
    pub(crate) align: u32,
    /// Where tables in the text lead to, in bytes from the start of the code.
    pub(crate) row: u32,
    pub(crate) relocations: Vec<Relocation>,
    /// In ascending order of `code`.
    pub(crate) sites: Vec<Site>,
    /// In ascending order of `code`. Nothing if this has been kept, since Cranelift
    /// inlines nothing.
    #[serde(skip)]
    pub(crate) inlined: Vec<Inlined>,
    /// In ascending order of `code`.
    pub(crate) guarded: Vec<GuardedCall>,
    pub(crate) unwind: Option<FrameInfo>,
    /// In ascending order, without overlap; none if nobody wants to know.
    pub(crate) origins: Vec<Origin>,
    /// What the frame keeps for debuggers.
    pub(crate) frame: Option<Frame>,
}

impl Code {
    /// Whether it calls anything.
    pub(crate) fn calls(&self) -> bool {
        self.sites.iter().any(|site| site.trap.is_none())
    }

    /// Puts more code of the same function behind this, with `padding` between them. Both
    /// are called; the frame is that of the rest.
    pub(crate) fn append(&mut self, mut rest: Code, padding: u8) {
        let at = self.start_of(&rest);
        self.bytes.resize(at as usize, padding);
        self.bytes.append(&mut rest.bytes);
        self.align = self.align.max(rest.align);
        for relocation in &mut rest.relocations {
            relocation.offset += at;
        }
        for site in &mut rest.sites {
            site.code += at;
        }
        for inlined in &mut rest.inlined {
            inlined.code += at;
            if let At::Call(caller) = &mut inlined.at {
                *caller += at;
            }
        }
        for call in &mut rest.guarded {
            call.code += at;
            for handler in &mut call.handlers {
                handler.code += at;
            }
        }
        for origin in &mut rest.origins {
            origin.start += at;
            origin.end += at;
        }
        self.relocations.append(&mut rest.relocations);
        self.sites.append(&mut rest.sites);
        self.inlined.append(&mut rest.inlined);
        self.guarded.append(&mut rest.guarded);
        self.origins.append(&mut rest.origins);
        self.frame = rest.frame;
        self.unwind = match (self.unwind.take(), rest.unwind) {
            (Some(own), Some(rest)) => Some(FrameInfo::Two(Box::new([own, rest]), at)),
            _ => None,
        };
    }

    /// Where other code starts behind this, in bytes.
    fn start_of(&self, rest: &Code) -> u32 {
        (self.bytes.len() as u32).next_multiple_of(rest.align)
    }

    /// This code of function `index`, with what it goes on with behind it: `padding` is
    /// between them. Of this, a reference to the function is one to that; of that, one to
    /// the whole.
    pub(crate) fn followed_by(mut self, rest: Code, index: u32, padding: u8) -> Code {
        let at = self.start_of(&rest);
        for relocation in &mut self.relocations {
            if relocation.target == Symbol::Function(index) {
                relocation.addend += i64::from(at);
            }
        }
        self.append(rest, padding);
        self
    }

    /// The same code of a body that is somewhere else in the module.
    pub(crate) fn moved(mut self, place: impl Fn(u32) -> u32) -> Code {
        for site in &mut self.sites {
            site.source = site.source.map(&place);
        }
        for origin in &mut self.origins {
            origin.source = place(origin.source);
        }
        self
    }
}

/// Where a function keeps its context and its locals, from after its prologue on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) vmctx: i32,
    pub(crate) locals: Vec<Place>,
}

/// A place in a frame.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Bytes from where the frame pointer points.
    pub(crate) offset: i32,
    /// Bytes.
    pub(crate) size: u8,
}

/// A place in the code that must be given the address of a symbol.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Relocation {
    /// Bytes from the start of the code.
    pub(crate) offset: u32,
    pub(crate) kind: Reloc,
    pub(crate) target: Symbol,
    pub(crate) addend: i64,
}

/// Machine code that comes from one operator.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Bytes from the start of the code.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Byte offset in the module.
    pub(crate) source: u32,
}

/// A call or an instruction that may trap.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Site {
    /// Bytes from the start of the code.
    pub(crate) code: u32,
    /// `None` for the return address of a call.
    #[serde(with = "crate::abi::trap_number")]
    pub(crate) trap: Option<TrapCode>,
    /// Byte offset in the module, if it is known.
    pub(crate) source: Option<u32>,
}

/// Where code of inlined functions begins or ends; see [`wasm_aot_abi::Inlined`].
#[derive(Clone, Copy)]
pub(crate) struct Inlined {
    /// Bytes from the start of the code.
    pub(crate) code: u32,
    pub(crate) at: At,
}

/// What code is inlined at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "llvm"),
    expect(dead_code, reason = "Cranelift inlines nothing")
)]
pub(crate) enum At {
    /// Nothing.
    Function,
    /// Nothing: it is no function's, but leads to one.
    Border,
    /// A call, by its number; or behind the byte that stands for it, in bytes from the start
    /// of the code.
    Call(u32),
}

/// A call with handlers; see [`wasm_aot_abi::GuardedCall`].
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct GuardedCall {
    /// The return address, in bytes from the start of the code.
    pub(crate) code: u32,
    pub(crate) frame: u32,
    pub(crate) ctx: u32,
    pub(crate) handlers: Vec<Handler>,
}

/// What is done with an exception.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Handler {
    /// Where to go on, in bytes from the start of the code.
    pub(crate) code: u32,
    pub(crate) clause: Clause,
}

impl Backend {
    /// # Errors
    ///
    /// If the target or the processor is not supported, or what is to be written
    /// not for that target.
    pub(crate) fn new(options: &Options) -> Result<Backend> {
        let target = options.cpu.target();
        if options.emit == Emit::SharedObject && target.system() != System::Linux {
            return Err(Error::Options(format!(
                "there are no shared objects for {target} yet, but object files (obj) and \
                 static libraries (staticlib)"
            )));
        }
        let triple: Triple = target.triple().parse().expect("a triple");
        let mut builder = isa::lookup(triple).map_err(|error| Error::Options(error.to_string()))?;
        for (feature, _) in CpuFeatures::of(target) {
            let value = options.cpu.features().contains(feature).to_string();
            for setting in cpu::settings(feature) {
                builder
                    .set(setting, &value)
                    .expect("a setting of the target");
            }
        }
        let landing_pads = options.landing_pads && target == Target::Aarch64Linux;
        if landing_pads {
            builder.enable("use_bti").expect("a setting of the target");
        }
        let isa = builder
            .finish(flags(options.level))
            .map_err(|error| Error::Options(error.to_string()))?;
        let codegen = options.codegen()?;
        Ok(Backend {
            isa,
            codegen,
            #[cfg(feature = "llvm")]
            level: options.level,
            #[cfg(feature = "llvm")]
            features: options.cpu.features(),
            target,
            relaxed: options.relaxed_simd,
            polls: options.polls(),
            fuel: options.fuel,
            spectre_guards: options.spectre_guards,
            signals: options.signals,
            landing_pads,
            origins: options.debug,
            keeps_locals: options.keeps_locals(codegen),
        })
    }

    pub(crate) fn isa(&self) -> &dyn TargetIsa {
        &*self.isa
    }

    /// Compiles what `cx` holds.
    ///
    /// # Errors
    ///
    /// The code generator's message.
    pub(crate) fn compile(
        &self,
        cx: &mut cranelift_codegen::Context,
    ) -> std::result::Result<Code, String> {
        if self.landing_pads {
            list_defaults(&mut cx.func);
        }
        cx.compile(self.isa(), &mut ControlPlane::default())
            .map_err(|error| {
                cranelift_codegen::print_errors::pretty_error(error.func, error.inner)
            })?;
        let code = cx.compiled_code().expect("just compiled");
        // What object files of other systems say is made of the same facts.
        let kind = UnwindInfoKind::SystemV;
        let unwind = match code.create_unwind_info_of_kind(self.isa(), kind) {
            Ok(Some(UnwindInfo::SystemV(info))) => Some(FrameInfo::Cranelift(info)),
            Ok(_) => None,
            Err(error) => return Err(error.to_string()),
        };
        let buffer = &code.buffer;
        let names = cx.func.params.user_named_funcs();
        let relocations = buffer
            .relocs()
            .iter()
            .map(|reloc| relocation(buffer.relocs(), reloc, names))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let alignment = self.isa.function_alignment();
        Ok(Code {
            sites: match self.signals {
                true => sites(buffer),
                false => self.sites_of_calls(buffer, &relocations)?,
            },
            bytes: self.landing(&cx.func, buffer.data().to_vec()),
            align: buffer
                .alignment
                .max(alignment.minimum)
                .max(alignment.preferred),
            row: 0,
            relocations,
            inlined: Vec::new(),
            guarded: guarded_calls(buffer)?,
            unwind,
            origins: match self.origins {
                true => origins(buffer),
                false => Vec::new(),
            },
            frame: frame(buffer, &cx.func),
        })
    }

    /// The code of a function, with a landing pad that all its callers may use.
    ///
    /// Cranelift calls by `blr`, for which `bti c` is the pad, and makes indirect tail calls
    /// by `br x1`, which is taken for a jump unless the register is x16 or x17.
    fn landing(&self, func: &Function, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.landing_pads {
            let pad = bytes.first_chunk_mut().expect("code is not empty");
            assert_eq!(*pad, BTI_C, "a function starts with its pad");
            if func.signature.call_conv == CallConv::Tail {
                *pad = BTI_JC;
            }
        }
        bytes
    }

    /// How many bytes of stack the function that was just compiled takes, at most: its
    /// frame, and what it may make of its arguments for one that it calls in its place.
    pub(crate) fn frame_size(
        &self,
        cx: &cranelift_codegen::Context,
    ) -> std::result::Result<u32, String> {
        let code = cx.compiled_code().expect("just compiled");
        let layout = code.buffer.frame_layout();
        let layout = layout.ok_or("the size of a frame is unknown")?;
        // Of the caller, and where it goes on.
        const LINKS: u32 = 16;
        let signatures = cx.func.dfg.signatures.values();
        let arguments = signatures.map(|signature| signature.params.len() as u32 * 16);
        Ok(layout.frame_to_fp_offset + LINKS + arguments.max().unwrap_or(0))
    }

    /// Traps that are calls, and all other calls, by their return addresses. Whatever else is
    /// there that could trap comes behind a check.
    fn sites_of_calls(
        &self,
        buffer: &MachBufferFinalized<Final>,
        relocations: &[Relocation],
    ) -> std::result::Result<Vec<Site>, String> {
        // From where the symbol stands in a call to where that returns to.
        let rest = match self.target.architecture() {
            Architecture::X86_64 | Architecture::Aarch64 => 4,
            Architecture::Riscv64 => 8,
        };
        let mut traps: BTreeMap<u32, TrapCode> = relocations
            .iter()
            .filter_map(|relocation| match relocation.target {
                Symbol::Trap(code) => Some((relocation.offset + rest, trap_code(code))),
                _ => None,
            })
            .collect();
        let mut all = sites(buffer);
        all.retain(|site| site.trap.is_none());
        for site in &mut all {
            site.trap = traps.remove(&site.code);
        }
        match traps.is_empty() {
            true => Ok(all),
            false => Err("a call that traps does not return anywhere".to_owned()),
        }
    }

    /// The largest distance of a direct call, bytes.
    pub(crate) fn max_text(&self) -> u64 {
        match self.target.architecture() {
            Architecture::X86_64 | Architecture::Riscv64 => i32::MAX as u64,
            Architecture::Aarch64 => 128 << 20,
        }
    }

    /// What is between functions: bytes that trap when they are run.
    pub(crate) fn padding(&self) -> u8 {
        match self.target.architecture() {
            Architecture::X86_64 => 0xcc,                       // `int3`
            Architecture::Aarch64 | Architecture::Riscv64 => 0, // `udf`, `unimp`
        }
    }
}

/// Makes the default of each jump table one of its entries, as Cranelift has landing pads
/// for those, and jumps to the default by the table, too.
fn list_defaults(func: &mut Function) {
    let dfg = &mut func.stencil.dfg;
    let pool = &mut dfg.value_lists;
    for table in dfg.jump_tables.values_mut() {
        let default = table.default_block();
        let block = default.block(pool);
        let mut entries = table.as_slice().to_vec();
        if entries.iter().all(|entry| entry.block(pool) != block) {
            let args: Vec<_> = default.args(pool).collect();
            entries.push(BlockCall::new(block, args, pool));
            *table = JumpTableData::new(default, &entries);
        }
    }
}

/// `bti c`: calls, and jumps by x16 and x17, may lead here.
const BTI_C: [u8; 4] = 0xd503_245f_u32.to_le_bytes();
/// `bti jc`: any indirect branch may.
const BTI_JC: [u8; 4] = 0xd503_24df_u32.to_le_bytes();

/// The code that a [`Symbol::Trap`] is for.
pub(crate) fn trap_code(number: u32) -> TrapCode {
    TrapCode::try_from(number).expect("a number that was a code")
}

/// What a function keeps, which its slots have [keys](Kept) for.
fn frame(buffer: &MachBufferFinalized<Final>, func: &Function) -> Option<Frame> {
    let layout = buffer.frame_layout()?;
    let mut frame = None;
    for (slot, data) in &func.sized_stack_slots {
        let Some(key) = data.key else { continue };
        let frame: &mut Frame = frame.get_or_insert_default();
        let offset = i64::from(layout.stackslots[slot].offset);
        let offset = (offset - i64::from(layout.frame_to_fp_offset)) as i32;
        match Kept::from(key) {
            Kept::Vmctx => frame.vmctx = offset,
            // They are made in order.
            Kept::Local(_) => frame.locals.push(Place {
                offset,
                size: data.size as u8,
            }),
        }
    }
    frame
}

/// A relocation in our terms.
fn relocation(
    all: &[FinalizedMachReloc],
    reloc: &FinalizedMachReloc,
    names: &PrimaryMap<UserExternalNameRef, UserExternalName>,
) -> std::result::Result<Relocation, String> {
    match &reloc.target {
        FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => Ok(Relocation {
            offset: reloc.offset,
            kind: reloc.kind,
            target: Symbol::from(&names[*name]),
            addend: reloc.addend,
        }),
        // The low half of an address names the instruction that has the high
        // half, which names the symbol and which the distance is measured from.
        FinalizedRelocTarget::Func(high) if reloc.kind == Reloc::RiscvPCRelLo12I => {
            let high = all
                .iter()
                .find(|other| other.offset == *high && other.kind == Reloc::RiscvPCRelHi20)
                .ok_or("half an address")?;
            let mut low = relocation(all, high, names)?;
            low.addend += i64::from(reloc.offset) - i64::from(high.offset);
            low.offset = reloc.offset;
            low.kind = reloc.kind;
            Ok(low)
        }
        other => Err(format!("code refers to {other:?}")),
    }
}

/// The settings that hold for every function.
fn flags(level: Level) -> Flags {
    let mut builder = settings::builder();
    let (opt_level, regalloc) = match level {
        Level::O0 => ("none", "single_pass"),
        Level::O1 => ("none", "backtracking"),
        Level::O2 | Level::O3 => ("speed", "backtracking"),
        Level::Os => ("speed_and_size", "backtracking"),
    };
    for (name, value) in [
        ("opt_level", opt_level),
        ("regalloc_algorithm", regalloc),
        // Everything is in one text; `true` would go through a GOT.
        ("is_pic", "false"),
        // Walking the stack from a trap relies on them, and so do profilers.
        ("preserve_frame_pointers", "true"),
        ("unwind_info", "true"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        // Results beyond the registers go through memory.
        ("enable_multi_ret_implicit_sret", "true"),
        (
            "enable_verifier",
            if cfg!(debug_assertions) {
                "true"
            } else {
                "false"
            },
        ),
    ] {
        builder.set(name, value).expect("a setting");
    }
    Flags::new(builder)
}

fn sites(buffer: &cranelift_codegen::MachBufferFinalized<cranelift_codegen::Final>) -> Vec<Site> {
    let traps = buffer.traps().iter().map(|trap| Site {
        code: trap.offset,
        trap: Some(wasm_trap(trap.code)),
        source: source(buffer.get_srclocs_sorted(), trap.offset),
    });
    let calls = buffer.call_sites().map(|call| Site {
        code: call.ret_addr,
        trap: None,
        source: source(buffer.get_srclocs_sorted(), call.ret_addr - 1),
    });
    let mut sites: Vec<Site> = calls.chain(traps).collect();
    // A return address may be where the next instruction traps: two sites, the
    // call's first, as the sort is stable.
    sites.sort_by_key(|site| site.code);
    sites
}

fn origins(buffer: &MachBufferFinalized<Final>) -> Vec<Origin> {
    let mut origins: Vec<Origin> = Vec::new();
    let ranges = buffer.get_srclocs_sorted().iter();
    for range in ranges.filter(|range| !range.loc.is_default() && range.start < range.end) {
        let source = range.loc.bits();
        match origins.last_mut() {
            Some(last) if last.end == range.start && last.source == source => last.end = range.end,
            _ => origins.push(Origin {
                start: range.start,
                end: range.end,
                source,
            }),
        }
    }
    origins
}

/// The calls whose handlers are for exceptions: in a function, those that say what
/// the tags are to be compared by.
fn guarded_calls(
    buffer: &MachBufferFinalized<Final>,
) -> std::result::Result<Vec<GuardedCall>, String> {
    let mut calls = Vec::new();
    for call in buffer.call_sites() {
        let mut ctx = None;
        let mut handlers = Vec::new();
        for item in call.exception_handlers {
            match *item {
                FinalizedMachExceptionHandler::Context(ExceptionContextLoc::SPOffset(offset)) => {
                    ctx = Some(offset);
                }
                FinalizedMachExceptionHandler::Context(ExceptionContextLoc::GPR(_)) => {
                    return Err("the context is in no frame".to_owned());
                }
                FinalizedMachExceptionHandler::Tag(tag, code) => handlers.push(Handler {
                    code,
                    clause: Clause::from(tag),
                }),
                // Of an entry, for traps.
                FinalizedMachExceptionHandler::Default(_) => {}
            }
        }
        if let Some(ctx) = ctx {
            calls.push(GuardedCall {
                code: call.ret_addr,
                frame: call.frame_offset.ok_or("the size of a frame is unknown")?,
                ctx,
                handlers,
            });
        }
    }
    Ok(calls)
}

/// Where the instruction at `offset` comes from.
fn source(ranges: &[MachSrcLoc<cranelift_codegen::Final>], offset: u32) -> Option<u32> {
    let index = ranges.partition_point(|range| range.end <= offset);
    let range = ranges.get(index)?;
    (range.start <= offset && !range.loc.is_default()).then(|| range.loc.bits())
}
