//! What a trap tells about the stack.

use wasm_aot_loader::{BoxError, Caller, Imports, Store};

use crate::support::{add, instance, names, run, trap};

#[test]
fn a_backtrace_reads_like_this() {
    let wat = r#"(module $app
      (func $div (param i32 i32) (result i32)
        (i32.div_s (local.get 0) (local.get 1)))
      (func (result i32) (call $div (i32.const 1) (i32.const 0)))
      (func $main (export "run") (drop (call 1))))"#;
    let (mut store, instance) = instance(wat);
    let trap = trap(run(&mut store, instance, "run"));
    let wasm = wat::parse_str(wat).unwrap();
    let find = |bytes: &[u8]| {
        let at = wasm.windows(bytes.len()).position(|window| window == bytes);
        at.unwrap()
    };
    let expected = format!(
        "integer divide by zero\n    \
           0: app!div, offset {:#x}\n    \
           1: app!func[1], offset {:#x}\n    \
           2: app!main, offset {:#x}",
        find(&[0x6d, 0x0b]),
        find(&[0x10, 0x00, 0x0b]),
        find(&[0x10, 0x01, 0x1a]),
    );
    assert_eq!(trap.to_string(), expected);
    let frame = &trap.backtrace().frames()[1];
    assert_eq!(frame.func_index(), 1);
    assert_eq!(frame.func_name(), None);
    assert_eq!(frame.module_name(), "app");
    assert_eq!(frame.module().name(), "app");
}

#[test]
fn imported_functions_count_in_function_indices() {
    let wat = r#"(module (import "h" "f" (func)) (import "h" "f" (func))
      (func (export "run") unreachable))"#;
    let mut imports = Imports::new();
    imports.func("h", "f", || ());
    let mut store = Store::new();
    let instance = add(&mut store, wat, &imports);
    let trap = trap(run(&mut store, instance, "run"));
    assert_eq!(trap.backtrace().frames()[0].func_index(), 2);
}

#[test]
fn a_backtrace_leads_through_artefacts_and_host_functions() {
    let mut store = Store::new();
    let bottom = add(
        &mut store,
        r#"(module $bottom (func $fail (export "fail") unreachable))"#,
        &Imports::new(),
    );
    let mut imports = Imports::new();
    imports.instance("bottom", &store, bottom);
    let middle = add(
        &mut store,
        r#"(module $middle
          (import "bottom" "fail" (func $fail))
          (func $deeper (call $fail))
          (func $pass (export "pass") (call $deeper)))"#,
        &imports,
    );
    let mut imports = Imports::new();
    imports.func(
        "h",
        "call",
        move |mut caller: Caller<'_>| -> Result<(), BoxError> {
            let pass = middle.get_typed_func::<(), ()>(&caller, "pass")?;
            Ok(pass.call(&mut caller, ())?)
        },
    );
    let top = add(
        &mut store,
        r#"(module $top
          (import "h" "call" (func $call))
          (func $leave (call $call))
          (func $enter (export "run") (call $leave)))"#,
        &imports,
    );
    let trap = trap(run(&mut store, top, "run"));
    let frames = trap.backtrace().frames().iter();
    let frames: Vec<_> = frames
        .map(|frame| (frame.module_name(), frame.func_name().unwrap()))
        .collect();
    let expected = [
        ("bottom", "fail"),
        ("middle", "deeper"),
        ("middle", "pass"),
        ("top", "leave"),
        ("top", "enter"),
    ];
    assert_eq!(frames, expected);
    let all = trap.backtrace().frames();
    assert!(all.iter().all(|frame| frame.offset().is_some()));
}

#[test]
fn the_middle_of_a_deep_stack_is_left_out() {
    let (mut store, instance) = instance(
        r#"(module
          (func $recurse (param i32)
            (if (local.get 0)
              (then (call $recurse (i32.sub (local.get 0) (i32.const 1))) (global.set 0 (i32.const 1)))
              (else (call $leaf))))
          (global (mut i32) (i32.const 0))
          (func $leaf unreachable)
          (func $main (export "run") (call $recurse (i32.const 1000)))
          (func $few (export "few") (call $recurse (i32.const 53)))
          (func $fewer (export "fewer") (call $recurse (i32.const 40))))"#,
    );
    let trace = trap(run(&mut store, instance, "run"));
    let backtrace = trace.backtrace();
    let all = names(backtrace);
    assert_eq!(all.len() + backtrace.omitted(), 1003);
    assert!(backtrace.omitted() > 900);
    assert_eq!(all[0], "leaf");
    assert_eq!(*all.last().unwrap(), "main");
    assert!(all[1..all.len() - 1].iter().all(|&name| name == "recurse"));
    let text = trace.to_string();
    assert!(text.contains(&format!("... {} more frames", backtrace.omitted())));
    assert!(
        text.lines().last().unwrap().starts_with("  1002: "),
        "{text}"
    );

    for (name, count) in [("few", 56), ("fewer", 43)] {
        let trace = trap(run(&mut store, instance, name));
        assert_eq!(trace.backtrace().omitted(), 0);
        let all = names(trace.backtrace());
        assert_eq!(all.len(), count);
        assert_eq!((all[0], all[count - 1]), ("leaf", name));
    }
}

#[test]
fn frames_keep_their_module_open() {
    let trap = {
        let (mut store, instance) = instance("(module $gone (func (export \"run\") unreachable))");
        trap(run(&mut store, instance, "run"))
    };
    assert!(trap.to_string().contains("gone!"));
}
