//! The fence: what C gives us that Rust's types do not vouch for. Vectors, unions,
//! strings, function pointers, and the store that is shared by its handles.
#![allow(unsafe_code)]

mod callback;
mod cell;
mod deadline;
mod items;
mod limiter;
mod linked;
mod program;
mod text;
mod value;
mod vector;

pub(crate) use callback::{Callback, Finalizer, HostInfo, Plain, WithEnv};
pub(crate) use cell::StoreCell;
pub(crate) use deadline::{AskTicks, Deadline};
pub(crate) use limiter::{Ask, Limiter};
pub(crate) use text::{c_str, c_strs};
pub(crate) use value::Value;
pub(crate) use vector::Vector;
