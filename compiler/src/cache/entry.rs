//! A function's code as bytes. Places in the module are relative to the body, so that
//! it can be somewhere else next time.

use serde::{Deserialize, Serialize};

use crate::backend::Code;
use crate::functions::Compiled;
use crate::passes::Fact;

#[derive(Serialize)]
struct Borrowed<'a> {
    code: &'a Code,
    direct: &'a Option<Code>,
    facts: &'a [Fact],
}

#[derive(Deserialize)]
struct Owned {
    code: Code,
    direct: Option<Code>,
    facts: Vec<Fact>,
}

/// The code of a function whose body is at `offset` in the module.
pub(super) fn encode(function: &Compiled, offset: u32) -> Vec<u8> {
    let code = function
        .code
        .clone()
        .moved(|source| source.wrapping_sub(offset));
    let direct = function.direct.clone();
    let entry = Borrowed {
        code: &code,
        direct: &direct.map(|code| code.moved(|source| source.wrapping_sub(offset))),
        facts: &function.facts,
    };
    postcard::to_allocvec(&entry).expect("memory takes everything")
}

/// The same back, if it is that.
pub(super) fn decode(entry: &[u8], offset: u32) -> Option<Compiled> {
    let Owned {
        code,
        direct,
        facts,
    } = postcard::from_bytes(entry).ok()?;
    Some(Compiled {
        code: code.moved(|source| source.wrapping_add(offset)),
        direct: direct.map(|code| code.moved(|source| source.wrapping_add(offset))),
        facts,
        key: None,
        is_kept: true,
    })
}
