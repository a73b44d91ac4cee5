//! From the sections of LLVM's object files to the code of functions.

use std::collections::{BTreeMap, BTreeSet};

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{Function, UserExternalName};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::FunctionBuilderContext;

use super::object::Name;
use super::plan::{Plan, Summary};
use super::shape::Shape;
use super::sites::TRAP;
use super::unit::{self, Output, Piece};
use crate::abi::Symbol;
use crate::backend::{At, Backend, Code, Inlined, Relocation};
use crate::compile::{Generated, Object};
use crate::error::{Error, Result};
use crate::functions::{Compiled, Worker};
use crate::layout::FrameInfo;
use crate::module::Body;
use crate::trampoline;
use crate::translate::Context;

/// A part of a function's code.
enum Part {
    /// Cranelift's.
    Code(Code),
    Piece(Name, Piece),
}

/// Alignment of parts, in bytes.
const ALIGN: u32 = 16;

/// Where in the text a name is: in the piece of a symbol, at an offset.
type Places = BTreeMap<Name, (Symbol, u32)>;

/// Makes code of the functions out of what LLVM has made of all units.
pub(super) fn assemble(
    cx: &Context<'_>,
    backend: &Backend,
    bodies: &[Body<'_>],
    plan: &Plan,
    summaries: Vec<Summary>,
    outputs: Vec<Output>,
) -> Result<Generated> {
    let mut compiler = Compiler {
        backend,
        functions: Worker::new(),
        codegen: cranelift_codegen::Context::new(),
        scratch: FunctionBuilderContext::new(),
    };
    let Merged {
        mut pieces,
        left,
        kept,
        objects,
    } = Merged::new(plan, outputs, cx.kept.is_some());
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
    let mut functions = Vec::with_capacity(summaries.len());
    for Summary { index, facts, .. } in summaries {
        let planned = &plan.functions[&index];
        let mut parts = Vec::new();
        if !planned.is_ours {
            parts.push(Part::Code(
                compiler.function(cx, unit::body(bodies, index))?,
            ));
            places.insert(Name::Function(index), (Symbol::Function(index), 0));
        }
        if planned.has_arrival() {
            let ty = cx.module.function_type(index);
            parts.push(Part::Code(compiler.trampoline(|isa, scratch, func| {
                trampoline::arrive(ty, index, isa, scratch, func);
            })?));
        }
        for name in [Name::Arrival(index), Name::Function(index)] {
            if let Some(piece) = pieces.remove(&name) {
                parts.push(Part::Piece(name, piece));
            }
        }
        let mut end = 0_u32;
        for part in &parts {
            end = end.next_multiple_of(ALIGN);
            if let Part::Piece(name, _) = part {
                places.insert(name.clone(), (Symbol::Function(index), end));
            }
            end += part.bytes().len() as u32;
        }
        functions.push((index, parts, facts));
    }
    for name in pieces.keys() {
        let Name::Constants(number) = *name else {
            return Err(unexpected(name));
        };
        places.insert(name.clone(), (Symbol::Constants(number), 0));
    }
    for (name, piece) in pieces {
        let (symbol, _) = places[&name];
        let align = piece.section.align;
        let mut code = join(vec![Part::Piece(name, piece)], 0, &places)?;
        code.align = align;
        // It is no code.
        code.unwind = None;
        others.push((symbol, code));
    }
    let functions = functions
        .into_iter()
        .map(|(index, parts, facts)| {
            let mut code = join(parts, index, &places)?;
            if plan.is_complete {
                let body = places.get(&Name::Function(index));
                code.row = body.map_or(0, |place| place.1);
            }
            Ok(Compiled {
                code,
                direct: None,
                facts,
                key: None,
                is_kept: kept.contains(&index),
            })
        })
        .collect::<Result<_>>()?;
    Ok(Generated {
        functions,
        others,
        objects,
    })
}

/// What LLVM has made of all units.
struct Merged {
    pieces: BTreeMap<Name, Piece>,
    /// Shapes of what is called by an array of values.
    left: BTreeSet<Shape>,
    /// The functions whose code has been kept from another time.
    kept: BTreeSet<u32>,
    objects: Vec<Object>,
}

impl Merged {
    /// Somebody `keeps` the objects, or nobody wants to have them.
    fn new(plan: &Plan, outputs: Vec<Output>, keeps: bool) -> Merged {
        let mut merged = Merged {
            pieces: BTreeMap::new(),
            left: BTreeSet::new(),
            kept: BTreeSet::new(),
            objects: Vec::new(),
        };
        let mut constants = 0;
        for (unit, output) in plan.units.iter().zip(outputs) {
            // Every unit counts its own.
            let first = constants;
            let number = |name| match name {
                Name::Constants(number) => Name::Constants(first + number),
                other => other,
            };
            for (name, mut piece) in output.pieces {
                constants += u32::from(matches!(name, Name::Constants(_)));
                for reference in &mut piece.section.references {
                    reference.target = number(reference.target.clone());
                }
                merged.pieces.insert(number(name), piece);
            }
            merged.left.extend(output.left);
            if output.is_kept {
                merged.kept.extend(unit.own());
            }
            if keeps {
                merged.objects.push(Object {
                    key: output.key,
                    bytes: output.object,
                    is_kept: output.is_kept,
                });
            }
        }
        merged
    }
}

/// The code of function `index`, or of constants, in one piece.
fn join(mut parts: Vec<Part>, index: u32, places: &Places) -> Result<Code> {
    if let [Part::Code(_)] = parts[..]
        && let Some(Part::Code(code)) = parts.pop()
    {
        return Ok(code);
    }
    let arrival = places.get(&Name::Arrival(index)).map_or(0, |place| place.1);
    let mut all: Option<Code> = None;
    for part in parts {
        let code = match part {
            Part::Code(code) => leading(code, arrival),
            Part::Piece(name, piece) => code_of(&name, piece, places)?,
        };
        match &mut all {
            Some(all) => all.append(code, TRAP),
            None => all = Some(code),
        }
    }
    // If there is none, it is a part of those that called it.
    Ok(all.unwrap_or_else(|| Code {
        bytes: vec![TRAP],
        align: 1,
        ..Code::default()
    }))
}

/// What leads to the arrival of a function, which is at an offset in the function's code.
/// It is no frame of the function's, so its call is not known.
fn leading(code: Code, arrival: u32) -> Code {
    let relocations = code.relocations.into_iter();
    let relocations = relocations.map(|relocation| Relocation {
        addend: relocation.addend + i64::from(arrival),
        ..relocation
    });
    let end = code.bytes.len() as u32;
    let (start, at) = (0, At::Border);
    Code {
        align: ALIGN,
        relocations: relocations.collect(),
        inlined: vec![
            Inlined { code: start, at },
            Inlined {
                code: end,
                at: At::Function,
            },
        ],
        unwind: code.unwind,
        bytes: code.bytes,
        ..Code::default()
    }
}

/// The code of a piece.
fn code_of(name: &Name, piece: Piece, places: &Places) -> Result<Code> {
    let Piece { section, sites } = piece;
    let place = |target: &Name| match *target {
        Name::Other(namespace, index) => {
            let name = UserExternalName { namespace, index };
            Some((Symbol::from(&name), 0))
        }
        _ => places.get(target).copied(),
    };
    let references = section.references.iter();
    let relocations = references.map(|reference| {
        let (target, offset) =
            place(&reference.target).ok_or_else(|| unexpected(&reference.target))?;
        Ok(Relocation {
            offset: reference.offset,
            kind: Reloc::X86PCRel4,
            target,
            addend: reference.addend + i64::from(offset),
        })
    });
    let relocations = relocations.collect::<Result<_>>()?;
    let mut inlined = sites.inlined;
    if inlined.last().is_some_and(|last| last.at != At::Function) {
        inlined.push(Inlined {
            code: section.bytes.len() as u32,
            at: At::Function,
        });
    }
    // Nobody is to see that there is an arrival.
    let is_arrival = matches!(name, Name::Arrival(_));
    let seen = sites.sites.into_iter();
    let seen = seen.filter(|site| !is_arrival || site.source.is_some());
    Ok(Code {
        bytes: section.bytes,
        align: ALIGN,
        relocations,
        sites: seen.collect(),
        inlined,
        unwind: Some(FrameInfo::Rules(section.frame.unwrap_or_default())),
        origins: sites.origins,
        ..Code::default()
    })
}

impl Part {
    fn bytes(&self) -> &[u8] {
        match self {
            Part::Code(code) => &code.bytes,
            Part::Piece(_, piece) => &piece.section.bytes,
        }
    }
}

fn unexpected(name: &Name) -> Error {
    Error::Generator {
        message: format!("LLVM's code refers to {name:?}"),
    }
}

/// Compiles what is Cranelift's.
struct Compiler<'a> {
    backend: &'a Backend,
    functions: Worker,
    codegen: cranelift_codegen::Context,
    scratch: FunctionBuilderContext,
}

impl Compiler<'_> {
    fn function(&mut self, cx: &Context<'_>, body: &Body<'_>) -> Result<Code> {
        let (code, _) = self.functions.code(cx, self.backend, body)?;
        Ok(code)
    }

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
