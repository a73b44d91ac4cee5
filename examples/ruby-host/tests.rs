//! The host's side of the calling convention, with a small guest that stands
//! in for the interpreter. An object of it is the address of a length and text;
//! the first character of a script or method says what it does.

mod abi;
mod ruby;

use wasm_aot_loader::Module;
use wasm_aot_wasi::WasiCtx;

use ruby::{Error, Exception, Ruby};

const GUEST: &str = r#"(module
  (import "canonical_abi" "resource_new_rb-abi-value" (func $new (param i32) (result i32)))
  (import "canonical_abi" "resource_get_rb-abi-value" (func $get (param i32) (result i32)))
  (import "rb-js-abi-host" "eval-js: func(code: string) -> ()" (func $js (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 1000) "\05\00\00\00value")
  (data (i32.const 1100) "\04\00\00\00oops")
  (data (i32.const 1200) "\0c\00\00\00StandInError")
  (data (i32.const 1300) "\06\00\00\00line 7")
  (data (i32.const 1400) "\01\00\00\000")
  (global $free (mut i32) (i32.const 4096))
  (global $initialized (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $initialized (i32.const 1)))

  ;; Leaves room for the length of an object before each place.
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (global.set $free (i32.add (global.get $free) (i32.const 8)))
    (global.get $free)
    (global.set $free (i32.and (i32.const -8)
      (i32.add (i32.add (global.get $free) (local.get $size)) (i32.const 7)))))

  ;; Counts in the text of the object at 1400.
  (func (export "canonical_abi_drop_rb-abi-value") (param i32)
    (i32.store8 (i32.const 1404) (i32.add (i32.load8_u (i32.const 1404)) (i32.const 1))))

  ;; A string ends in a NUL, which its length counts, except of a script.
  (func $check (param $at i32) (param $len i32)
    (if (i32.load8_u (i32.sub (i32.add (local.get $at) (local.get $len)) (i32.const 1)))
      (then unreachable)))

  (func (export "ruby-init: func(args: list<string>) -> ()") (param $list i32) (param $len i32)
    (if (i32.or (i32.eqz (global.get $initialized)) (i32.ne (local.get $len) (i32.const 3)))
      (then unreachable))
    (loop $next
      (call $check (i32.load (local.get $list)) (i32.load offset=4 (local.get $list)))
      (local.set $list (i32.add (local.get $list) (i32.const 8)))
      (local.set $len (i32.sub (local.get $len) (i32.const 1)))
      (br_if $next (local.get $len))))

  (func $return (param $object i32) (param $tag i32) (result i32)
    (i32.store (i32.const 16) (call $new (local.get $object)))
    (i32.store (i32.const 20) (local.get $tag))
    (i32.const 16))

  (func (export "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>")
    (param $at i32) (param $len i32) (result i32) (local $does i32)
    (call $check (local.get $at) (i32.add (local.get $len) (i32.const 1)))
    (local.set $does (i32.load8_u (local.get $at)))
    (if (i32.eq (local.get $does) (i32.const 0x72)) ;; raise
      (then (return (call $return (i32.const 1000) (i32.const 6)))))
    (if (i32.eq (local.get $does) (i32.const 0x62)) ;; break
      (then (return (call $return (i32.const 1000) (i32.const 2)))))
    (if (i32.eq (local.get $does) (i32.const 0x74)) ;; trap
      (then unreachable))
    (if (i32.eq (local.get $does) (i32.const 0x6a)) ;; javascript
      (then (call $js (i32.const 0) (i32.const 0) (i32.const 0))))
    (if (i32.eq (local.get $does) (i32.const 0x68)) ;; handle that was never given
      (then (i32.store (i32.const 16) (i32.const 99)) (return (i32.const 16))))
    (if (i32.eq (local.get $does) (i32.const 0x64)) ;; dropped objects
      (then (return (call $return (i32.const 1400) (i32.const 0)))))
    (if (i32.or (i32.eq (local.get $does) (i32.const 0x65)) ;; echo
                (i32.eq (local.get $does) (i32.const 0x22))) ;; a string literal
      (then
        (i32.store (i32.sub (local.get $at) (i32.const 4)) (local.get $len))
        (return (call $return (i32.sub (local.get $at) (i32.const 4)) (i32.const 0)))))
    (call $return (i32.const 1000) (i32.const 0)))

  (func (export "rb-intern: func(name: string) -> u32") (param i32 i32) (result i32)
    (call $check (local.get 0) (local.get 1))
    (i32.load8_u (local.get 0)))

  (func (export "rb-funcallv-protect: func(recv: handle<rb-abi-value>, mid: u32, args: list<handle<rb-abi-value>>) -> tuple<handle<rb-abi-value>, s32>")
    (param $receiver i32) (param $method i32) (param $list i32) (param $len i32) (result i32)
    (if (i32.eq (local.get $method) (i32.const 0x63)) ;; class
      (then (return (call $return (i32.const 1200) (i32.const 0)))))
    (if (i32.eq (local.get $method) (i32.const 0x66)) ;; first
      (then (return (call $return (i32.const 1300) (i32.const 0)))))
    (if (i32.eq (local.get $method) (i32.const 0x72)) ;; raise
      (then (return (call $return (i32.const 1000) (i32.const 6)))))
    (if (i32.eq (local.get $method) (i32.const 0x6c)) ;; last argument
      (then (return (call $return
        (call $get (i32.load (i32.add (local.get $list)
          (i32.shl (i32.sub (local.get $len) (i32.const 1)) (i32.const 2)))))
        (i32.const 0)))))
    (call $return (call $get (local.get $receiver)) (i32.const 0)))

  (func (export "rb-errinfo: func() -> handle<rb-abi-value>") (result i32)
    (call $new (i32.const 1100)))
  (func (export "rb-clear-errinfo: func() -> ()"))
  (func (export "rstring-ptr: func(value: handle<rb-abi-value>) -> string")
    (param $object i32) (result i32)
    (local.set $object (call $get (local.get $object)))
    (i32.store (i32.const 16) (i32.add (local.get $object) (i32.const 4)))
    (i32.store (i32.const 20) (i32.load (local.get $object)))
    (i32.const 16))
  (func (export "cabi_post_rstring-ptr") (param i32)))"#;

fn start() -> Ruby {
    let artefact = wasm_aot_compiler::compile(GUEST.as_bytes(), &Default::default()).unwrap();
    let module = Module::from_bytes(&artefact).unwrap();
    Ruby::new(&module, WasiCtx::builder().build().unwrap()).unwrap()
}

/// Runs a script for its text.
fn text(ruby: &mut Ruby, code: &str) -> String {
    let value = ruby.eval(code).unwrap();
    ruby.text(&value).unwrap()
}

#[test]
fn text_passes_in_both_directions() {
    let mut ruby = start();
    assert_eq!(text(&mut ruby, "value"), "value");
    assert_eq!(text(&mut ruby, "echo ÄÖÜ \u{1f48e}"), "echo ÄÖÜ \u{1f48e}");
    let long = format!("echo {}", "x".repeat(20_000));
    assert_eq!(text(&mut ruby, &long), long);
}

#[test]
fn text_of_the_host_becomes_data_and_never_code() {
    let mut ruby = start();
    let string = ruby.string("\"#{a}\0é").unwrap();
    let literal = r#""\x22\x23\x7b\x61\x7d\x00\xc3\xa9""#;
    assert_eq!(ruby.text(&string).unwrap(), literal);
}

#[test]
fn arguments_arrive_as_the_values_they_are() {
    let mut ruby = start();
    let [receiver, first, last] =
        ["value", "echo 1", "echo 2"].map(|code| ruby.eval(code).unwrap());
    let result = ruby.call(&receiver, "last", &[&first, &last]).unwrap();
    assert_eq!(ruby.text(&result).unwrap(), "echo 2");
}

#[test]
fn an_exception_tells_class_message_and_place_and_the_interpreter_goes_on() {
    let mut ruby = start();
    let value = ruby.eval("value").unwrap();
    for result in [ruby.eval("raise"), ruby.call(&value, "raise", &[])] {
        let Err(Error::Raised(exception)) = result else {
            panic!("no exception");
        };
        let expected = Exception {
            class: "StandInError".to_owned(),
            message: "oops".to_owned(),
            place: "line 7".to_owned(),
        };
        assert_eq!(exception, expected);
    }
    assert!(matches!(ruby.eval("break"), Err(Error::Escaped("break"))));
    assert_eq!(text(&mut ruby, "value"), "value");
}

#[test]
fn after_a_trap_or_a_broken_convention_the_interpreter_is_not_called_again() {
    for (code, message) in [
        ("trap", "unreachable"),
        ("javascript", "the missing import"),
        (
            "handle",
            "Ruby passed the handle 99, which stands for nothing",
        ),
    ] {
        let mut ruby = start();
        let error = ruby.eval(code).map(drop).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert!(matches!(ruby.eval("value"), Err(Error::Broken)), "{code}");
    }
}

#[test]
fn a_nul_in_code_is_refused_instead_of_cutting_it() {
    let mut ruby = start();
    assert!(matches!(ruby.eval("value\0trap"), Err(Error::Nul)));
    let value = ruby.eval("value").unwrap();
    assert!(matches!(ruby.call(&value, "a\0b", &[]), Err(Error::Nul)));
    assert_eq!(text(&mut ruby, "value"), "value");
}

#[test]
fn a_dropped_value_is_given_back_once_before_the_next_call() {
    let mut ruby = start();
    let dropped = |ruby: &mut Ruby| text(ruby, "dropped").parse::<u32>().unwrap();
    let before = dropped(&mut ruby);
    // To ask takes two values: the answer and its text.
    assert_eq!(dropped(&mut ruby), before + 2);
    let (kept, gone) = (ruby.eval("value").unwrap(), ruby.eval("value").unwrap());
    assert_eq!(dropped(&mut ruby), before + 4);
    drop(gone);
    assert_eq!(dropped(&mut ruby), before + 7);
    drop(kept);
}

#[test]
fn no_handle_stays_behind() {
    let mut ruby = start();
    let value = ruby.eval("value").unwrap();
    ruby.call(&value, "last", &[&value, &value]).unwrap();
    assert!(ruby.eval("raise").is_err() && ruby.text(&value).is_ok());
    assert_eq!(ruby.handles().len(), 0);
}

#[test]
fn another_module_is_refused() {
    let artefact = wasm_aot_compiler::compile(b"(module)", &Default::default()).unwrap();
    let module = Module::from_bytes(&artefact).unwrap();
    let result = Ruby::new(&module, WasiCtx::builder().build().unwrap());
    let error = result.map(drop).unwrap_err();
    assert_eq!(error.to_string(), "no export is named \"memory\"");
}
