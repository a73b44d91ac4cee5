//! Closures as host functions.

use crate::raw::HostFunction;
use crate::typed::{WasmType, WasmValues};
use crate::{BoxError, Caller};

/// A closure that can be a host function: parameters that are [`WasmType`]s, at
/// most 16, after an optional [`Caller`]; a [`HostReturn`]. `P` and `R` tell
/// the shapes apart and are always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a host function",
    note = "a host function is a closure that is `Send + Sync + 'static`, with annotated parameters: \
            an optional `Caller<'_>`, then at most 16 of `i32`, `u32`, `i64`, `u64`, `f32`, `f64`, \
            `u128`, `Func`, `ExternRef`, `ExnRef` and `Option`s of the last three",
    note = "it returns nothing, one of these types, a tuple of them, or a `Result` of those"
)]
pub trait IntoHostFunc<P, R>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_host_function(self) -> HostFunction;
}

/// What a host function may return: nothing, a [`WasmType`], a tuple of them,
/// or a `Result` of those with any error that converts to [`BoxError`].
///
/// ```
/// use wasm_aot_loader::{Func, FuncType, Store, ValType::{I32, I64}};
///
/// let mut store = Store::new();
/// let nothing = Func::wrap(&mut store, || ());
/// let pair = Func::wrap(&mut store, |x: i32| (x, i64::from(x)));
/// let fallible = Func::wrap(&mut store, |x: i32| x.checked_mul(2).ok_or("too large"));
/// assert_eq!(nothing.ty(&store), FuncType::new([], []));
/// assert_eq!(pair.ty(&store), FuncType::new([I32], [I32, I64]));
/// assert_eq!(fallible.ty(&store), FuncType::new([I32], [I32]));
/// ```
pub trait HostReturn {
    /// The results that WebAssembly sees.
    type Values: WasmValues;

    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Values, BoxError>;
}

impl<V: WasmValues> HostReturn for V {
    type Values = V;

    #[inline]
    fn into_result(self) -> Result<V, BoxError> {
        Ok(self)
    }
}

impl<V: WasmValues, E: Into<BoxError>> HostReturn for Result<V, E> {
    type Values = V;

    #[inline]
    fn into_result(self) -> Result<V, BoxError> {
        self.map_err(Into::into)
    }
}

macro_rules! into_host_func {
    ($($param:ident)*) => {
        impl<F, R, $($param),*> IntoHostFunc<($($param,)*), R> for F
        where
            F: Fn($($param),*) -> R + Send + Sync + 'static,
            R: HostReturn + 'static,
            $($param: WasmType + 'static,)*
        {
            #[allow(non_snake_case)]
            fn into_host_function(self) -> HostFunction {
                HostFunction::typed(move |_: Caller<'_>, ($($param,)*): ($($param,)*)| {
                    self($($param),*)
                })
            }
        }

        impl<F, R, $($param),*> IntoHostFunc<(Caller<'_>, $($param,)*), R> for F
        where
            F: Fn(Caller<'_>, $($param),*) -> R + Send + Sync + 'static,
            R: HostReturn + 'static,
            $($param: WasmType + 'static,)*
        {
            #[allow(non_snake_case)]
            fn into_host_function(self) -> HostFunction {
                HostFunction::typed(move |caller: Caller<'_>, ($($param,)*): ($($param,)*)| {
                    self(caller, $($param),*)
                })
            }
        }
    };
}

into_host_func!();
into_host_func!(A);
into_host_func!(A B);
into_host_func!(A B C);
into_host_func!(A B C D);
into_host_func!(A B C D E);
into_host_func!(A B C D E G);
into_host_func!(A B C D E G H);
into_host_func!(A B C D E G H I);
into_host_func!(A B C D E G H I J);
into_host_func!(A B C D E G H I J K);
into_host_func!(A B C D E G H I J K L);
into_host_func!(A B C D E G H I J K L M);
into_host_func!(A B C D E G H I J K L M N);
into_host_func!(A B C D E G H I J K L M N O);
into_host_func!(A B C D E G H I J K L M N O P);
into_host_func!(A B C D E G H I J K L M N O P Q);
