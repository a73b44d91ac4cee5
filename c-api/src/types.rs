//! Types as objects of their own.

use wasm_aot_loader::{ExternType, FuncType, GlobalType, HeapType, MemoryType, TableType, ValType};

use crate::error;
use crate::raw::Vector;

/// `wasm_valkind_t`: any byte that C code may put there.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct ValueKind(u8);

impl ValueKind {
    pub(crate) const I32: ValueKind = ValueKind(0);
    pub(crate) const I64: ValueKind = ValueKind(1);
    pub(crate) const F32: ValueKind = ValueKind(2);
    pub(crate) const F64: ValueKind = ValueKind(3);
    /// Not of `wasm.h`, where no value can be a vector.
    pub(crate) const V128: ValueKind = ValueKind(4);
    pub(crate) const EXTERNREF: ValueKind = ValueKind(128);
    pub(crate) const FUNCREF: ValueKind = ValueKind(129);
    /// Not of `wasm.h`, which has no exceptions: no value is made of one.
    pub(crate) const EXNREF: ValueKind = ValueKind(130);

    pub(crate) fn is_reference(self) -> bool {
        matches!(self, ValueKind::EXTERNREF | ValueKind::FUNCREF)
    }

    pub(crate) fn ty(self) -> Option<ValType> {
        Some(match self {
            ValueKind::I32 => ValType::I32,
            ValueKind::I64 => ValType::I64,
            ValueKind::F32 => ValType::F32,
            ValueKind::F64 => ValType::F64,
            ValueKind::V128 => ValType::V128,
            ValueKind::EXTERNREF => ValType::EXTERNREF,
            ValueKind::FUNCREF => ValType::FUNCREF,
            _ => return None,
        })
    }
}

impl From<ValType> for ValueKind {
    fn from(ty: ValType) -> ValueKind {
        match ty {
            ValType::I32 => ValueKind::I32,
            ValType::I64 => ValueKind::I64,
            ValType::F32 => ValueKind::F32,
            ValType::F64 => ValueKind::F64,
            ValType::V128 => ValueKind::V128,
            ValType::Ref(ty) => match ty.heap().top() {
                HeapType::Func => ValueKind::FUNCREF,
                HeapType::Exn => ValueKind::EXNREF,
                // Those below `any` are always null.
                _ => ValueKind::EXTERNREF,
            },
        }
    }
}

/// `wasm_valtype_t`.
#[derive(Clone)]
pub(crate) struct ValueType(ValType);

type ValueTypes = Vector<Option<Box<ValueType>>>;

fn value_types(types: &[ValType]) -> ValueTypes {
    types
        .iter()
        .map(|&ty| Some(Box::new(ValueType(ty))))
        .collect()
}

/// The types in a vector, but for the NULLs.
fn types(types: &ValueTypes) -> impl Iterator<Item = ValType> {
    types.as_slice().iter().flatten().map(|ty| ty.0)
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_valtype_new(kind: ValueKind) -> Option<Box<ValueType>> {
    let ty = kind
        .ty()
        .ok_or_else(|| format!("no type of values has the kind {}", kind.0));
    Some(Box::new(ValueType(error::keep(ty)?)))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_valtype_delete(_: Option<Box<ValueType>>) {}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_valtype_copy(ty: &ValueType) -> Box<ValueType> {
    Box::new(ty.clone())
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_valtype_kind(ty: &ValueType) -> ValueKind {
    ty.0.into()
}

/// `wasm_limits_t`. What is beyond 32 bits reads as `u32::MAX`: no maximum, then.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Limits {
    min: u32,
    max: u32,
}

impl Limits {
    /// `wasm_limits_max_default`.
    const NO_MAX: u32 = u32::MAX;

    fn new(min: u64, max: Option<u64>) -> Limits {
        let clamp = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
        Limits {
            min: clamp(min),
            max: max.map_or(Limits::NO_MAX, clamp),
        }
    }

    fn min(self) -> u64 {
        self.min.into()
    }

    fn max(self) -> Option<u64> {
        (self.max != Limits::NO_MAX).then(|| self.max.into())
    }
}

/// `wasm_externtype_t`, and as what its kind says: `wasm_functype_t`,
/// `wasm_globaltype_t`, `wasm_tabletype_t` or `wasm_memorytype_t`.
#[derive(Clone)]
pub(crate) enum Type {
    Func {
        params: ValueTypes,
        results: ValueTypes,
    },
    Global {
        content: Box<ValueType>,
        mutability: u8,
    },
    Table {
        element: Box<ValueType>,
        limits: Limits,
        /// All of it, also what C cannot see.
        ty: TableType,
    },
    Memory {
        limits: Limits,
        /// All of it, also what C cannot see.
        ty: MemoryType,
    },
    /// Of `wasm.h`, only the kind.
    Tag,
}

/// `WASM_VAR`; everything else is `WASM_CONST`.
const VAR: u8 = 1;

impl From<ExternType> for Type {
    fn from(ty: ExternType) -> Type {
        match ty {
            ExternType::Func(ty) => Type::Func {
                params: value_types(ty.params()),
                results: value_types(ty.results()),
            },
            ExternType::Global(ty) => Type::Global {
                content: Box::new(ValueType(ty.content())),
                mutability: ty.mutable().into(),
            },
            ExternType::Table(ty) => Type::Table {
                element: Box::new(ValueType(ty.element())),
                limits: Limits::new(ty.min(), ty.max()),
                ty,
            },
            ExternType::Memory(ty) => Type::Memory {
                limits: Limits::new(ty.min(), ty.max()),
                ty,
            },
            ExternType::Tag(_) => Type::Tag,
        }
    }
}

impl Type {
    fn kind(&self) -> u8 {
        match self {
            Type::Func { .. } => 0,
            Type::Global { .. } => 1,
            Type::Table { .. } => 2,
            Type::Memory { .. } => 3,
            Type::Tag => 4,
        }
    }

    /// The type of a function.
    pub(crate) fn func(&self) -> FuncType {
        match self {
            Type::Func { params, results } => FuncType::new(types(params), types(results)),
            _ => unreachable!("it is a wasm_functype_t"),
        }
    }

    /// The type of a global.
    pub(crate) fn global(&self) -> GlobalType {
        match self {
            Type::Global {
                content,
                mutability,
            } => GlobalType::new(content.0, *mutability == VAR),
            _ => unreachable!("it is a wasm_globaltype_t"),
        }
    }

    /// The type of a table.
    pub(crate) fn table(&self) -> TableType {
        match self {
            Type::Table { ty, .. } => *ty,
            _ => unreachable!("it is a wasm_tabletype_t"),
        }
    }

    /// The type of a memory.
    pub(crate) fn memory(&self) -> MemoryType {
        match self {
            Type::Memory { ty, .. } => *ty,
            _ => unreachable!("it is a wasm_memorytype_t"),
        }
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_functype_new(params: &mut ValueTypes, results: &mut ValueTypes) -> Box<Type> {
    Box::new(Type::Func {
        params: params.take(),
        results: results.take(),
    })
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_functype_params(ty: &Type) -> Option<&ValueTypes> {
    match ty {
        Type::Func { params, .. } => Some(params),
        _ => None,
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_functype_results(ty: &Type) -> Option<&ValueTypes> {
    match ty {
        Type::Func { results, .. } => Some(results),
        _ => None,
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_globaltype_new(
    content: Option<Box<ValueType>>,
    mutability: u8,
) -> Option<Box<Type>> {
    let content = content?;
    Some(Box::new(Type::Global {
        content,
        mutability,
    }))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_globaltype_content(ty: &Type) -> Option<&ValueType> {
    match ty {
        Type::Global { content, .. } => Some(content),
        _ => None,
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_globaltype_mutability(ty: &Type) -> u8 {
    match ty {
        Type::Global { mutability, .. } => *mutability,
        _ => 0,
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_tabletype_new(
    element: Option<Box<ValueType>>,
    limits: &Limits,
) -> Option<Box<Type>> {
    let element = element?;
    if !element.0.is_reference() {
        error::set(format_args!(
            "a table cannot hold values of type {}",
            element.0
        ));
        return None;
    }
    let ty = TableType::new(element.0, limits.min(), limits.max());
    Some(Box::new(ExternType::Table(ty).into()))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_tabletype_element(ty: &Type) -> Option<&ValueType> {
    match ty {
        Type::Table { element, .. } => Some(element),
        _ => None,
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_tabletype_limits(ty: &Type) -> Option<&Limits> {
    match ty {
        Type::Table { limits, .. } => Some(limits),
        _ => None,
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_memorytype_new(limits: &Limits) -> Box<Type> {
    let ty = MemoryType::new(limits.min(), limits.max());
    Box::new(ExternType::Memory(ty).into())
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_memorytype_limits(ty: &Type) -> Option<&Limits> {
    match ty {
        Type::Memory { limits, .. } => Some(limits),
        _ => None,
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_externtype_kind(ty: &Type) -> u8 {
    ty.kind()
}

/// Deletion and copies, and for each of the four kinds its views.
macro_rules! objects {
    ($($delete:ident $copy:ident;)*) => {$(
        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $delete(_: Option<Box<Type>>) {}

        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $copy(ty: &Type) -> Box<Type> {
            Box::new(ty.clone())
        }
    )*};
}

objects! {
    wasm_functype_delete wasm_functype_copy;
    wasm_globaltype_delete wasm_globaltype_copy;
    wasm_tabletype_delete wasm_tabletype_copy;
    wasm_memorytype_delete wasm_memorytype_copy;
    wasm_externtype_delete wasm_externtype_copy;
}

macro_rules! views {
    ($($kind:ident: $up:ident $up_const:ident $down:ident $down_const:ident;)*) => {$(
        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $up(ty: Option<&mut Type>) -> Option<&mut Type> {
            ty
        }

        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $up_const(ty: Option<&Type>) -> Option<&Type> {
            ty
        }

        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $down(ty: Option<&mut Type>) -> Option<&mut Type> {
            ty.filter(|ty| matches!(ty, Type::$kind { .. }))
        }

        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $down_const(ty: Option<&Type>) -> Option<&Type> {
            ty.filter(|ty| matches!(ty, Type::$kind { .. }))
        }
    )*};
}

views! {
    Func: wasm_functype_as_externtype wasm_functype_as_externtype_const
        wasm_externtype_as_functype wasm_externtype_as_functype_const;
    Global: wasm_globaltype_as_externtype wasm_globaltype_as_externtype_const
        wasm_externtype_as_globaltype wasm_externtype_as_globaltype_const;
    Table: wasm_tabletype_as_externtype wasm_tabletype_as_externtype_const
        wasm_externtype_as_tabletype wasm_externtype_as_tabletype_const;
    Memory: wasm_memorytype_as_externtype wasm_memorytype_as_externtype_const
        wasm_externtype_as_memorytype wasm_externtype_as_memorytype_const;
}

/// `wasm_importtype_t`.
#[derive(Clone)]
pub(crate) struct Import {
    module: Vector<u8>,
    name: Vector<u8>,
    ty: Box<Type>,
}

impl Import {
    pub(crate) fn new(module: &str, name: &str, ty: ExternType) -> Import {
        Import {
            module: Vector::from_bytes(module.as_bytes()),
            name: Vector::from_bytes(name.as_bytes()),
            ty: Box::new(ty.into()),
        }
    }
}

/// `wasm_exporttype_t`.
#[derive(Clone)]
pub(crate) struct Export {
    name: Vector<u8>,
    ty: Box<Type>,
}

impl Export {
    pub(crate) fn new(name: &str, ty: ExternType) -> Export {
        Export {
            name: Vector::from_bytes(name.as_bytes()),
            ty: Box::new(ty.into()),
        }
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_importtype_new(
    module: &mut Vector<u8>,
    name: &mut Vector<u8>,
    ty: Option<Box<Type>>,
) -> Option<Box<Import>> {
    let (module, name) = (module.take(), name.take());
    Some(Box::new(Import {
        module,
        name,
        ty: ty?,
    }))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_importtype_delete(_: Option<Box<Import>>) {}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_importtype_copy(import: &Import) -> Box<Import> {
    Box::new(import.clone())
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_importtype_module(import: &Import) -> &Vector<u8> {
    &import.module
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_importtype_name(import: &Import) -> &Vector<u8> {
    &import.name
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_importtype_type(import: &Import) -> &Type {
    &import.ty
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_exporttype_new(
    name: &mut Vector<u8>,
    ty: Option<Box<Type>>,
) -> Option<Box<Export>> {
    let name = name.take();
    Some(Box::new(Export { name, ty: ty? }))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_exporttype_delete(_: Option<Box<Export>>) {}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_exporttype_copy(export: &Export) -> Box<Export> {
    Box::new(export.clone())
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_exporttype_name(export: &Export) -> &Vector<u8> {
    &export.name
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_exporttype_type(export: &Export) -> &Type {
    &export.ty
}
