//! LLVM as the code generator of functions: of all functions of a module at a time, which
//! it inlines and specialises as it likes.
//!
//! `write` makes IR of the CLIF that translation has made, `machine` has LLVM make an
//! object file of that, `object` and `sites` read it, and what comes out here is a
//! [`Code`] for each function, as from Cranelift. Trampolines are Cranelift's; so are the
//! few functions that need what LLVM has no way to say (`write::can_write`), and those of
//! enormous frames. Whoever made it, a function can be called in the wasm convention where
//! its code begins; see `shape`.

mod machine;
mod object;
mod shape;
mod sites;
mod trap;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{ExternalName, Function, UserExternalName};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::FunctionBuilderContext;
use rayon::prelude::*;

use self::machine::Machine;
use self::object::{Name, Section};
use self::shape::Shape;
use self::write::{Plan, Planned};
use crate::abi::Symbol;
use crate::backend::{Backend, Code, Relocation};
use crate::compile::Generated;
use crate::error::{Error, Result};
use crate::functions::Compiled;
use crate::layout::{FrameInfo, FrameRule};
use crate::module::Body;
use crate::passes::Fact;
use crate::translate::{self, Context};
use crate::{Observer, trampoline};

/// Bytes that a frame may have without being compared with the limit of the stack before
/// it is there: less than what is usable below the limit, for what else is there too.
const MAX_FRAME: u32 = wasm_aot_abi::STACK_RESERVE as u32 / 2;

/// Name and version of LLVM.
pub(crate) fn name() -> String {
    let (major, minor, patch) = inkwell::support::get_llvm_version();
    format!("llvm {major}.{minor}.{patch}")
}

/// A function that is translated.
struct Translated {
    index: u32,
    func: Function,
    facts: Vec<Fact>,
}

/// Compiles all functions. Of several errors, the first is returned.
pub(crate) fn functions(
    cx: &Context<'_>,
    backend: &Backend,
    bodies: &[Body<'_>],
    observer: &(impl Observer + ?Sized),
) -> Result<Generated> {
    observer.functions(0, bodies.len());
    let translated: Vec<Result<Translated>> = bodies
        .par_iter()
        .map_init(FunctionBuilderContext::new, |scratch, body| {
            let mut func = Function::new();
            let facts = translate::translate(cx, body, scratch, &mut func)?;
            Ok(Translated {
                index: body.index,
                func,
                facts,
            })
        })
        .collect();
    let translated: Vec<Translated> = translated.into_iter().collect::<Result<_>>()?;
    let mut others: BTreeSet<u32> = translated
        .iter()
        .filter(|function| !write::can_write(&function.func))
        .map(|function| function.index)
        .collect();
    loop {
        let plan = plan(cx, backend, &translated, &others);
        let output = generate(backend, &plan, &translated)?;
        let large: Vec<u32> = output
            .sections
            .iter()
            .filter_map(|(name, section)| match name {
                Name::Function(index) | Name::Arrival(index) => {
                    (sites::frame_size(&section.bytes) > MAX_FRAME).then_some(*index)
                }
                _ => None,
            })
            .collect();
        if large.is_empty() {
            let generated = assemble(cx, backend, &plan, translated, output);
            observer.functions(bodies.len(), bodies.len());
            return generated;
        }
        others.extend(large);
    }
}

fn plan(
    cx: &Context<'_>,
    backend: &Backend,
    translated: &[Translated],
    others: &BTreeSet<u32>,
) -> Plan {
    let (module, whole) = (cx.module, cx.whole);
    let is_complete = others.is_empty();
    let mut called: BTreeSet<u32> = whole.exported.clone();
    called.extend(whole.escapes.funcrefs());
    called.extend(module.start);
    let mut rows = BTreeSet::new();
    for table in 0..module.tables.len() as u32 {
        let table = whole.escapes.table_in_text(table);
        rows.extend(table.into_iter().flat_map(|rows| rows.iter().flatten()));
    }
    if !is_complete {
        called.extend(&rows);
    }
    for function in translated {
        if others.contains(&function.index) {
            called.insert(function.index);
            called.extend(callees(&function.func));
        }
    }
    let functions = translated
        .iter()
        .map(|function| {
            let planned = Planned {
                shape: Shape::new(&function.func.signature),
                is_ours: !others.contains(&function.index),
                is_external: called.contains(&function.index) || rows.contains(&function.index),
                is_called: called.contains(&function.index),
            };
            (function.index, planned)
        })
        .collect();
    Plan {
        functions,
        is_complete,
        vmctx_size: whole.vmctx.size,
        debug: backend.origins,
    }
}

/// The functions of the module that a function calls by name.
fn callees(func: &Function) -> impl Iterator<Item = u32> {
    func.dfg
        .ext_funcs
        .values()
        .filter_map(|callee| match &callee.name {
            ExternalName::User(name) => {
                match Symbol::from(&func.params.user_named_funcs()[*name]) {
                    Symbol::Function(index) => Some(index),
                    _ => None,
                }
            }
            _ => None,
        })
}

/// What LLVM has made.
struct Output {
    sections: BTreeMap<Name, Section>,
    /// Shapes of what it calls by an array of values.
    left: BTreeSet<Shape>,
}

/// Has LLVM compile what is planned.
fn generate(backend: &Backend, plan: &Plan, translated: &[Translated]) -> Result<Output> {
    let written: Vec<Result<_>> = translated
        .par_iter()
        .filter(|function| plan.functions[&function.index].is_ours)
        .map(|function| {
            let index = function.index;
            write::function(plan, index, &function.func).map_err(|message| Error::Codegen {
                function: index,
                message,
            })
        })
        .collect();
    let mut written: Vec<_> = written.into_iter().collect::<Result<_>>()?;
    let arrivals = plan.functions.iter().filter(|(_, it)| it.has_arrival());
    written.extend(arrivals.map(|(&index, _)| write::arrival(plan, index)));
    let machine = Machine::new(backend.features, backend.level);
    let (text, left) = write::module(plan, written, machine.cpu, &machine.features);
    let object = machine.compile(text);
    let sections = object.and_then(|object| object::read(&object));
    Ok(Output {
        sections: sections.map_err(|message| Error::Generator { message })?,
        left,
    })
}

impl Planned {
    /// Whether it has to be called with an array of values.
    fn has_arrival(&self) -> bool {
        self.is_ours && self.is_called && !self.shape.is_plain()
    }
}

/// A part of a function's code.
enum Part {
    /// Cranelift's.
    Code(Code),
    Section(Name, Section),
}

/// Alignment of parts, in bytes.
const ALIGN: u32 = 16;

/// Where in the text a name is: in the piece of a symbol, at an offset.
type Places = BTreeMap<Name, (Symbol, u32)>;

/// Makes code of the functions out of sections.
fn assemble(
    cx: &Context<'_>,
    backend: &Backend,
    plan: &Plan,
    translated: Vec<Translated>,
    output: Output,
) -> Result<Generated> {
    let Output { mut sections, left } = output;
    let mut compiler = Compiler {
        backend,
        codegen: cranelift_codegen::Context::new(),
        scratch: FunctionBuilderContext::new(),
    };
    let mut places = Places::new();
    let mut others = Vec::new();
    for (number, shape) in (0..).zip(&left) {
        let ty = shape.func_type();
        let code = compiler.trampoline(|isa, scratch, func| {
            trampoline::leave(&ty, isa, scratch, func);
        })?;
        others.push((Symbol::Leave(number), code));
        places.insert(Name::Leave(shape.name()), (Symbol::Leave(number), 0));
    }
    let mut functions = Vec::with_capacity(translated.len());
    for Translated { index, func, facts } in translated {
        let planned = &plan.functions[&index];
        let mut parts = Vec::new();
        if !planned.is_ours {
            compiler.codegen.clear();
            compiler.codegen.func = func;
            let code = backend.compile(&mut compiler.codegen);
            parts.push(Part::Code(code.map_err(|message| Error::Codegen {
                function: index,
                message,
            })?));
            places.insert(Name::Function(index), (Symbol::Function(index), 0));
        }
        if planned.has_arrival() {
            let ty = cx.module.function_type(index);
            parts.push(Part::Code(compiler.trampoline(|isa, scratch, func| {
                trampoline::arrive(ty, index, isa, scratch, func);
            })?));
        }
        for name in [Name::Arrival(index), Name::Function(index)] {
            if let Some(section) = sections.remove(&name) {
                parts.push(Part::Section(name, section));
            }
        }
        let mut end = 0_u32;
        for part in &parts {
            end = end.next_multiple_of(ALIGN);
            if let Part::Section(name, _) = part {
                places.insert(name.clone(), (Symbol::Function(index), end));
            }
            end += part.bytes().len() as u32;
        }
        functions.push((index, parts, facts));
    }
    for name in sections.keys() {
        let Name::Constants(number) = *name else {
            return Err(unexpected(name));
        };
        places.insert(name.clone(), (Symbol::Constants(number), 0));
    }
    for (name, section) in sections {
        let (symbol, _) = places[&name];
        let align = section.align;
        let mut code = join(vec![Part::Section(name, section)], 0, &places, false)?;
        code.align = align;
        // It is no code.
        (code.sites, code.unwind) = (Vec::new(), None);
        others.push((symbol, code));
    }
    let functions = functions
        .into_iter()
        .map(|(index, parts, facts)| {
            let mut code = join(parts, index, &places, backend.origins)?;
            if plan.is_complete {
                let body = places.get(&Name::Function(index));
                code.row = body.map_or(0, |place| place.1);
            }
            Ok(Compiled {
                code,
                direct: None,
                facts,
                key: None,
                is_kept: false,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Generated { functions, others })
}

/// The code of function `index`, or of constants, in one piece.
fn join(mut parts: Vec<Part>, index: u32, places: &Places, debug: bool) -> Result<Code> {
    if let [Part::Code(_)] = parts[..]
        && let Some(Part::Code(code)) = parts.pop()
    {
        return Ok(code);
    }
    let mut all = Code {
        bytes: Vec::new(),
        align: ALIGN,
        row: 0,
        relocations: Vec::new(),
        sites: Vec::new(),
        guarded: Vec::new(),
        unwind: None,
        origins: Vec::new(),
        frame: None,
    };
    let mut rules = Vec::new();
    for part in parts {
        let start = (all.bytes.len() as u32).next_multiple_of(ALIGN);
        all.bytes.resize(start as usize, TRAP);
        if start > 0 {
            rules.extend(ENTRY_FRAME.map(|rule| (start, rule)));
        }
        match part {
            Part::Code(code) => {
                // What leads here, before its frame is made, then with it. It is no frame
                // of the function's, so its call is not known.
                let arrival = places.get(&Name::Arrival(index)).map_or(0, |place| place.1);
                all.relocations
                    .extend(code.relocations.into_iter().map(|it| Relocation {
                        offset: it.offset + start,
                        addend: it.addend + i64::from(arrival),
                        ..it
                    }));
                rules.extend(TRAMPOLINE_FRAME.map(|(offset, rule)| (start + offset, rule)));
                all.bytes.extend(code.bytes);
            }
            Part::Section(name, mut section) => {
                for reference in std::mem::take(&mut section.references) {
                    let other = |name: &Name| match *name {
                        Name::Other(namespace, index) => {
                            let name = UserExternalName { namespace, index };
                            Some((Symbol::from(&name), 0))
                        }
                        _ => None,
                    };
                    let place = places.get(&reference.target).copied();
                    let (target, offset) = place
                        .or_else(|| other(&reference.target))
                        .ok_or_else(|| unexpected(&reference.target))?;
                    all.relocations.push(Relocation {
                        offset: reference.offset + start,
                        kind: Reloc::X86PCRel4,
                        target,
                        addend: reference.addend + i64::from(offset),
                    });
                }
                if !matches!(name, Name::Constants(_)) {
                    let (sites, origins) = sites::find(&mut section, debug);
                    // Nobody is to see that there is an arrival.
                    if matches!(name, Name::Arrival(_)) {
                        all.sites.extend(sites.into_iter().filter_map(|mut site| {
                            site.code += start;
                            site.source.is_some().then_some(site)
                        }));
                    } else {
                        all.sites.extend(sites.into_iter().map(|mut site| {
                            site.code += start;
                            site
                        }));
                    }
                    all.origins.extend(origins.into_iter().map(|mut origin| {
                        origin.start += start;
                        origin.end += start;
                        origin
                    }));
                }
                let frame = section.frame.unwrap_or_default();
                rules.extend(
                    frame
                        .into_iter()
                        .map(|(offset, rule)| (start + offset, rule)),
                );
                all.bytes.extend(section.bytes);
            }
        }
    }
    if all.bytes.is_empty() {
        // It is a part of those that called it.
        all.bytes.push(TRAP);
        all.align = 1;
    } else {
        all.unwind = Some(FrameInfo::Rules(rules));
    }
    Ok(all)
}

impl Part {
    fn bytes(&self) -> &[u8] {
        match self {
            Part::Code(code) => &code.bytes,
            Part::Section(_, section) => &section.bytes,
        }
    }
}

/// `int3`, where nothing comes along.
const TRAP: u8 = 0xcc;

/// DWARF's numbers of rbp and rsp.
const RBP: u16 = 6;
const RSP: u16 = 7;

/// How frames are where a function is entered.
const ENTRY_FRAME: [FrameRule; 7] = [
    FrameRule::Cfa(RSP, 8),
    FrameRule::Restore(3), // rbx
    FrameRule::Restore(RBP),
    FrameRule::Restore(12),
    FrameRule::Restore(13),
    FrameRule::Restore(14),
    FrameRule::Restore(15),
];

/// How they are in a trampoline: after `push rbp`, and after `mov rbp, rsp`.
const TRAMPOLINE_FRAME: [(u32, FrameRule); 3] = [
    (1, FrameRule::CfaOffset(16)),
    (1, FrameRule::Offset(RBP, -16)),
    (4, FrameRule::CfaRegister(RBP)),
];

fn unexpected(name: &Name) -> Error {
    Error::Generator {
        message: format!("LLVM's code refers to {name:?}"),
    }
}

/// Compiles what is Cranelift's.
struct Compiler<'a> {
    backend: &'a Backend,
    codegen: cranelift_codegen::Context,
    scratch: FunctionBuilderContext,
}

impl Compiler<'_> {
    fn trampoline(
        &mut self,
        make: impl FnOnce(&dyn TargetIsa, &mut FunctionBuilderContext, &mut Function),
    ) -> Result<Code> {
        self.codegen.clear();
        make(
            self.backend.isa(),
            &mut self.scratch,
            &mut self.codegen.func,
        );
        self.backend
            .compile(&mut self.codegen)
            .map_err(|message| Error::Trampoline { message })
    }
}
