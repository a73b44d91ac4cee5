//! What an artefact says about itself.

use wasm_aot_compiler::{Options, compile};
use wasm_aot_loader::{FuncType, GlobalType, MemoryType, Module, TableType, ValType};

#[test]
fn a_module_tells_its_imports_exports_names_and_sections() {
    let wat = r#"(module $reflect
      (import "a" "f" (func $imported (param i32)))
      (import "a" "g" (global i64))
      (import "b" "m" (memory 1 2))
      (func $first (export "one") (result f64) (f64.const 0))
      (func)
      (table (export "t") 3 4 funcref)
      (export "again" (func $imported))
      (export "m" (memory 0))
      (@custom "keep" "bytes")
      (@custom "drop" "others"))"#;
    let wasm = wat::parse_str(wat).unwrap();
    let options = Options {
        keep_custom: vec!["keep".into()],
        ..Options::default()
    };
    let module = Module::from_bytes(&compile(&wasm, &options).unwrap()).unwrap();
    assert_eq!(module.name(), "reflect");

    let imports: Vec<_> = module
        .imports()
        .map(|i| (i.module, i.field, i.ty))
        .collect();
    let func = FuncType::new([ValType::I32], []);
    let memory = MemoryType::new(1, Some(2));
    let expected = [
        ("a", "f", func.into()),
        ("a", "g", GlobalType::new(ValType::I64, false).into()),
        ("b", "m", memory.into()),
    ];
    assert_eq!(imports, expected);

    let exports: Vec<_> = module.exports().map(|e| (e.name, e.ty)).collect();
    let expected = [
        ("one", FuncType::new([], [ValType::F64]).into()),
        ("t", TableType::new(ValType::FUNCREF, 3, Some(4)).into()),
        ("again", func.into()),
        ("m", memory.into()),
    ];
    assert_eq!(exports, expected);
    assert_eq!(module.get_export("again"), Some(func.into()));
    assert_eq!(module.get_export("none"), None);

    let sections: Vec<_> = module
        .custom_sections()
        .map(|s| (s.name, s.bytes))
        .collect();
    assert_eq!(sections, [("keep", &b"bytes"[..])]);

    assert_eq!(module.imported_functions(), 1);
    assert_eq!(module.defined_functions(), 2);
    let names: Vec<_> = module.function_names().collect();
    assert_eq!(names, [(0, "imported"), (1, "first")]);
    assert_eq!(module.function_name(1), Some("first"));
    assert_eq!(module.function_name(2), None);
    assert_eq!(module.function_name(u32::MAX), None);

    assert_eq!(
        module.abi_version(),
        (wasm_aot_abi::ABI_MAJOR, wasm_aot_abi::ABI_MINOR)
    );
    assert_eq!(
        Some(module.target()),
        wasm_aot_abi::Target::HOST.map(wasm_aot_abi::Target::triple)
    );
    assert!(
        module.producer().contains("wasm-aot"),
        "{}",
        module.producer()
    );
    assert!(module.text_size() > 0 && module.metadata_size() > 0);
}

#[test]
fn custom_sections_are_kept_on_request_and_in_order() {
    let wat = r#"(module (@custom "a" "1") (@custom "b" "2") (@custom "a" "3"))"#;
    let sections = |keep: &[&str]| -> Vec<Vec<u8>> {
        let options = Options {
            keep_custom: keep.iter().map(|&name| name.into()).collect(),
            ..Options::default()
        };
        let artefact = compile(wat.as_bytes(), &options).unwrap();
        let module = Module::from_bytes(&artefact).unwrap();
        let sections = module.custom_sections();
        sections.map(|section| section.bytes.to_vec()).collect()
    };
    assert_eq!(sections(&["a"]), [b"1", b"3"]);
    assert_eq!(sections(&["b", "a", "none"]), [b"1", b"2", b"3"]);
    assert!(sections(&[]).is_empty());
}
