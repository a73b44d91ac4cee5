//! From CLIF to LLVM's IR, as text.
//!
//! Text can be written by many threads at a time, without LLVM and without unsafe code,
//! and be read by people; that LLVM has to parse it takes a few per cent of what it does
//! then.
//!
//! * Values are integers where CLIF has integers, addresses among them; only accesses
//!   make pointers of them. So nothing is assumed about what an address may reach, but
//!   what `!tbaa` says: that different [regions](crate::abi::Region) do not overlap.
//! * What may trap is `volatile`: LLVM neither removes such an access nor moves it over
//!   another. So are all stores, as what was stored before a trap can be seen after it.
//! * A trap is an instruction of inline assembly that clobbers memory; it has its code
//!   and its place in the source within it: see [`trap`](super::trap).
//! * Without signals, traps are calls, which may look at all of memory. Then no access is
//!   volatile, unless threads share memories: they may read what others write.
//! * There are no flags that make undefined behaviour of anything.
//! * Constants that arithmetic with a float could be left out for (x * 1) are hidden from
//!   LLVM, since arithmetic makes signalling NaNs quiet: see `float`.

mod access;
mod call;
mod control;
mod float;
mod function;
mod integer;
mod vector;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cranelift_codegen::ir::{Function, Type, UserExternalName};

pub(super) use function::function;

use super::machine::Machine;
use super::plan::{Member, Plan, Unit};
use super::shape::Shape;
use crate::abi::Symbol;

/// The text of a function, and what it refers to.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) uses: Uses,
}

/// What text refers to that has to be declared.
#[derive(Default)]
pub(super) struct Uses {
    /// Names of intrinsics, with their declarations.
    intrinsics: BTreeMap<String, String>,
    /// What is not LLVM's.
    symbols: BTreeSet<Symbol>,
    /// Shapes of what is called by an array of values.
    pub(super) left: BTreeSet<Shape>,
    /// Numbers of the regions that are accessed.
    regions: BTreeSet<u32>,
}

impl Uses {
    /// Declares a function.
    fn declare(&mut self, name: String, returns: &str, takes: &[&str]) {
        let declaration = format!("declare {returns} @{name}({})", takes.join(", "));
        self.intrinsics.insert(name, declaration);
    }
}

/// What stands at the start of a function that uses the stack: an instruction of no
/// effect that passes have to keep, with its context. What it is replaced by is not
/// wanted again wherever the function is inlined, so it is added when all is done.
pub(super) const MARKER: &str = "llvm.prefetch.p0";

/// Numbers of metadata nodes.
const UNIT: u32 = 0;
const FILE: u32 = 1;
const SUBROUTINE: u32 = 2;
const NOTHING: u32 = 3;
const TBAA_ROOT: u32 = 4;
/// Followed by a type and a tag for each region.
const REGIONS: u32 = 16;
/// Followed by the subprograms.
const SUBPROGRAMS: u32 = 1 << 20;
/// Followed by those of [`arrival`]s.
const ARRIVALS: u32 = 1 << 24;

/// The text of a unit, and the shapes of what is called by an array of values.
pub(super) fn module(
    plan: &Plan,
    unit: &Unit,
    functions: Vec<Written>,
    machine: &Machine,
) -> (String, BTreeSet<Shape>) {
    let size: usize = functions.iter().map(|function| function.text.len()).sum();
    let mut text = String::with_capacity(size + (1 << 16));
    let mut uses = Uses::default();
    text.push_str("target triple = \"x86_64-unknown-linux-gnu\"\n");
    for function in functions {
        text.push_str(&function.text);
        uses.intrinsics.extend(function.uses.intrinsics);
        uses.symbols.extend(function.uses.symbols);
        uses.left.extend(function.uses.left);
        uses.regions.extend(function.uses.regions);
    }
    let mut line = |line: std::fmt::Arguments<'_>| {
        text.write_fmt(line).expect("a string takes everything");
        text.push('\n');
    };
    for declaration in uses.intrinsics.values() {
        line(format_args!("{declaration}"));
    }
    for shape in &uses.left {
        let name = shape.name();
        line(format_args!(
            "declare hidden void @leave_{name}(i64, i64, ptr) #1"
        ));
    }
    for member in unit.members() {
        uses.symbols.remove(&Symbol::Function(member.index));
    }
    for symbol in &uses.symbols {
        let name = symbol_name(*symbol);
        match *symbol {
            Symbol::Function(index) => {
                let shape = &plan.functions[&index].shape;
                let (returned, params) = (shape.returned(), params(shape));
                line(format_args!(
                    "declare hidden {returned} @{name}({params}) #1"
                ));
            }
            Symbol::Trap(_) => line(format_args!("declare hidden void @{name}(ptr) #2")),
            Symbol::Interrupted => line(format_args!("declare hidden void @{name}(ptr) #1")),
            Symbol::Throw => line(format_args!("declare hidden void @{name}(ptr, i64) #1")),
            _ => line(format_args!("@{name} = external hidden constant i8")),
        }
    }
    let Machine { cpu, features, .. } = machine;
    line(format_args!(
        "attributes #0 = {{ nounwind uwtable null_pointer_is_valid \"frame-pointer\"=\"all\" \
         \"disable-tail-calls\"=\"true\" \"no-builtins\" \"tune-cpu\"=\"generic\" \"target-cpu\"=\"{cpu}\" \
         \"target-features\"=\"{features}\" }}"
    ));
    line(format_args!("attributes #1 = {{ nounwind }}"));
    line(format_args!(
        "attributes #2 = {{ nounwind noreturn nomerge cold }}"
    ));
    // Each call has a place of its own.
    line(format_args!("attributes #3 = {{ nomerge }}"));
    line(format_args!("!llvm.dbg.cu = !{{!{UNIT}}}"));
    line(format_args!("!llvm.module.flags = !{{!5, !6, !7}}"));
    line(format_args!(
        "!{UNIT} = distinct !DICompileUnit(language: DW_LANG_C, file: !{FILE}, \
         emissionKind: LineTablesOnly)"
    ));
    line(format_args!(
        "!{FILE} = !DIFile(filename: \"wasm\", directory: \"\")"
    ));
    line(format_args!(
        "!{SUBROUTINE} = !DISubroutineType(types: !{NOTHING})"
    ));
    line(format_args!("!{NOTHING} = !{{}}"));
    line(format_args!("!{TBAA_ROOT} = !{{!\"wasm\"}}"));
    line(format_args!(
        "!5 = !{{i32 2, !\"Debug Info Version\", i32 3}}"
    ));
    line(format_args!("!6 = !{{i32 2, !\"Dwarf Version\", i32 4}}"));
    line(format_args!("!7 = !{{i32 7, !\"PIC Level\", i32 2}}"));
    for region in &uses.regions {
        let ty = REGIONS + 2 * region;
        let tag = ty + 1;
        line(format_args!(
            "!{ty} = !{{!\"{region}\", !{TBAA_ROOT}, i64 0}}"
        ));
        line(format_args!("!{tag} = !{{!{ty}, !{ty}, i64 0}}"));
    }
    for Member { index, .. } in unit.members() {
        for node in [SUBPROGRAMS + index, ARRIVALS + index] {
            line(format_args!(
                "!{node} = distinct !DISubprogram(name: \"f{index}\", scope: !{FILE}, \
                 file: !{FILE}, line: 1, type: !{SUBROUTINE}, unit: !{UNIT}, \
                 spFlags: DISPFlagDefinition)"
            ));
        }
    }
    (text, uses.left)
}

/// The text of a function that others than LLVM's code call with an array of values:
/// `(vmctx, values)`.
pub(super) fn arrival(plan: &Plan, index: u32) -> Written {
    let shape = &plan.functions[&index].shape;
    let mut text = format!(
        "define hidden void @a{index}(ptr %ctx, ptr %values) #0 section \".text.a{index}\" \
         !dbg !{} {{\n",
        ARRIVALS + index
    );
    let mut args = vec!["ptr %ctx".to_owned()];
    for (position, class) in shape.params()[1..].iter().enumerate() {
        let (offset, ty) = (position * wasm_aot_abi::VALUE_SIZE, class.ty());
        writeln!(
            text,
            "  %p{position} = getelementptr i8, ptr %values, i64 {offset}"
        )
        .and_then(|()| {
            writeln!(
                text,
                "  %v{position} = load {ty}, ptr %p{position}, align 16"
            )
        })
        .expect("a string takes everything");
        args.push(format!("{ty} %v{position}"));
    }
    let (returned, args) = (shape.returned(), args.join(", "));
    let target = match returned.as_str() {
        "void" => "",
        _ => "%r = ",
    };
    writeln!(
        text,
        "  {target}call {returned} @f{index}({args}), !dbg !DILocation(line: 0, scope: !{})",
        ARRIVALS + index
    )
    .expect("as above");
    let (fields, places) = shape.fields();
    for (position, (class, place)) in shape.results().iter().zip(places).enumerate() {
        let (offset, mut ty) = (position * wasm_aot_abi::VALUE_SIZE, class.ty());
        let mut value = "%r".to_owned();
        if shape.results().len() > 1 {
            // A float that is an integer there is stored as one.
            ty = fields[place];
            value = format!("%r{position}");
            writeln!(text, "  {value} = extractvalue {returned} %r, {place}").expect("as above");
        }
        writeln!(
            text,
            "  %o{position} = getelementptr i8, ptr %values, i64 {offset}"
        )
        .and_then(|()| writeln!(text, "  store {ty} {value}, ptr %o{position}, align 16"))
        .expect("as above");
    }
    text.push_str("  ret void\n}\n");
    Written {
        text,
        uses: Uses::default(),
    }
}

/// The types of parameters, the context first.
fn params(shape: &Shape) -> String {
    let mut text = "ptr".to_owned();
    for class in &shape.params()[1..] {
        text.push_str(", ");
        text.push_str(class.ty());
    }
    text
}

/// What a symbol is called in LLVM's modules.
pub(super) fn symbol_name(symbol: Symbol) -> String {
    match symbol {
        Symbol::Function(index) => format!("f{index}"),
        other => {
            let UserExternalName { namespace, index } = other.into();
            format!("u{namespace}_{index}")
        }
    }
}

/// The type in IR.
fn ty(ty: Type) -> String {
    use cranelift_codegen::ir::types;
    if ty.is_vector() {
        return format!("<{} x {}>", ty.lane_count(), self::ty(ty.lane_type()));
    }
    match ty {
        types::F32 => "float".to_owned(),
        types::F64 => "double".to_owned(),
        _ => format!("i{}", ty.bits()),
    }
}

/// How the type is called in the names of intrinsics.
fn suffix(ty: Type) -> String {
    if ty.is_vector() {
        return format!("v{}{}", ty.lane_count(), suffix(ty.lane_type()));
    }
    match ty.is_float() {
        true => format!("f{}", ty.bits()),
        false => format!("i{}", ty.bits()),
    }
}

/// Whether LLVM's code can do all that `func` does. Handlers of exceptions and tail calls
/// are left to Cranelift.
pub(super) fn can_write(func: &Function) -> bool {
    use cranelift_codegen::ir::Opcode;
    let mut insts = func
        .layout
        .blocks()
        .flat_map(|block| func.layout.block_insts(block));
    !insts.any(|inst| {
        matches!(
            func.dfg.insts[inst].opcode(),
            Opcode::TryCall
                | Opcode::TryCallIndirect
                | Opcode::ReturnCall
                | Opcode::ReturnCallIndirect
        )
    })
}
