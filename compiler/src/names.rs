//! The C names of what is in an artefact; see "Symbols" in the ABI's
//! documentation.

use wasm_aot_abi::DESCRIPTOR_SUFFIX;

/// The C identifier closest to `name`: what stands before the symbols of a module
/// that is called so. ASCII letters, digits and `_` stay, everything else becomes
/// `_`; another one goes before a digit at the start, and behind a name that C,
/// C++ or Rust keeps for itself.
pub fn identifier(name: &str) -> String {
    let mut identifier: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if !identifier.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        identifier.insert(0, '_');
    }
    if KEYWORDS.contains(&identifier.as_str()) {
        identifier.push('_');
    }
    identifier
}

/// The symbol of an export of the module whose symbols start with `prefix`. A
/// name that generated headers use themselves has its first byte written in
/// hexadecimal too.
pub fn export_symbol(prefix: &str, name: &str) -> String {
    format!("{prefix}_{}", mangle_unless(name, HEADER))
}

/// The symbol of the descriptor of the module whose symbols start with `prefix`.
pub fn descriptor_symbol(prefix: &str) -> String {
    format!("{prefix}_{DESCRIPTOR_SUFFIX}")
}

/// The part of a C identifier that stands for a WebAssembly name: ASCII letters
/// but `Z`, digits and `_` for themselves, every other byte as `Z` and two
/// upper-case hexadecimal digits. Reversible, so two names never collide.
pub fn mangle(name: &str) -> String {
    let mut mangled = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Y' | b'0'..=b'9' | b'_' => mangled.push(byte.into()),
            other => mangled.push_str(&hexadecimal(other)),
        }
    }
    mangled
}

/// A whole identifier for a WebAssembly name: [`mangle`]d, and if that is no
/// identifier, or one that means something else in C, C++ or Rust, with the first
/// byte in hexadecimal too.
pub(crate) fn field(name: &str) -> String {
    if name.is_empty() {
        return "Z".to_owned();
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) || name == "_" {
        return escape_first(name);
    }
    mangle_unless(name, KEYWORDS)
}

fn mangle_unless(name: &str, reserved: &[&str]) -> String {
    if reserved.contains(&name) {
        escape_first(name)
    } else {
        mangle(name)
    }
}

fn escape_first(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    hexadecimal(first.as_bytes()[0]) + &mangle(rest)
}

fn hexadecimal(byte: u8) -> String {
    format!("Z{byte:02X}")
}

/// What generated headers declare for each module, besides its exports.
const HEADER: &[&str] = &[
    "create",
    "create_from",
    "destroy",
    "error",
    "imports",
    "library",
    "library_find",
    "status",
];

/// Words that cannot be names everywhere: keywords of C, C++ and Rust, and common
/// macros that stand for something without being called.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "EOF", "I", "NULL", "Self", "abstract", "alignas", "alignof", "and", "and_eq", "as", "asm",
    "assert", "async", "auto", "await", "become", "bitand", "bitor", "bool", "box", "break",
    "case", "catch", "char", "char16_t", "char32_t", "char8_t", "class", "co_await", "co_return",
    "co_yield", "compl", "complex", "concept", "const", "const_cast", "consteval", "constexpr",
    "constinit", "continue", "crate", "decltype", "default", "delete", "do", "double", "dyn",
    "dynamic_cast", "else", "enum", "environ", "errno", "explicit", "export", "extern", "false",
    "final", "float", "fn", "for", "friend", "gen", "goto", "i386", "if", "impl", "in", "inline",
    "int", "let", "linux", "long", "loop", "macro", "main", "match", "mod", "move", "mut",
    "mutable", "namespace", "new", "noexcept", "noreturn", "not", "not_eq", "nullptr", "operator",
    "or", "or_eq", "override", "priv", "private", "protected", "pub", "public", "ref", "register",
    "reinterpret_cast", "requires", "restrict", "return", "self", "short", "signed", "sizeof",
    "static", "static_assert", "static_cast", "stderr", "stdin", "stdout", "struct", "super",
    "switch", "template", "this", "thread_local", "throw", "trait", "true", "try", "type",
    "typedef", "typeid", "typename", "typeof", "union", "unix", "unsafe", "unsigned", "unsized",
    "use", "using", "virtual", "void", "volatile", "wchar_t", "where", "while", "xor", "xor_eq",
    "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mangled_names_are_identifiers_and_differ() {
        assert_eq!(mangle("memory_grow2"), "memory_grow2");
        assert_eq!(mangle("cabi:realloc"), "cabiZ3Arealloc");
        assert_eq!(mangle("Z3A"), "Z5A3A");
        assert_eq!(mangle(""), "");
        assert_eq!(mangle("ü"), "ZC3ZBC");
    }

    #[test]
    fn prefixes_are_identifiers() {
        assert_eq!(identifier("my-app.v2"), "my_app_v2");
        assert_eq!(identifier("2048"), "_2048");
        assert_eq!(identifier(""), "_");
        assert_eq!(identifier("int"), "int_");
    }

    #[test]
    fn exports_do_not_collide_with_what_a_header_declares() {
        assert_eq!(export_symbol("app", "run"), "app_run");
        assert_eq!(export_symbol("app", "create"), "app_Z63reate");
        assert_eq!(export_symbol("app", "create2"), "app_create2");
        assert_eq!(export_symbol("app", "Z63reate"), "app_Z5A63reate");
        assert_eq!(descriptor_symbol("app"), "app_Zmodule");
        assert_eq!(export_symbol("app", "Zmodule"), "app_Z5Amodule");
    }

    #[test]
    fn fields_are_identifiers_of_their_own() {
        assert_eq!(field("log"), "log");
        assert_eq!(field("new"), "Z6Eew");
        assert_eq!(field("9p"), "Z39p");
        assert_eq!(field("_"), "Z5F");
        assert_eq!(field(""), "Z");
    }

    #[test]
    fn keywords_are_in_order() {
        assert!(KEYWORDS.is_sorted());
    }
}
