;; A machine with a tape in its memory, which it tells its host about.
(module
  (import "host" "log" (func $log (param i32 i32)))
  (import "host" "halve" (func $halve
    (param i32 i64 f32 f64 i32 i64 f32 f64) (result f64 i32)))
  (memory (export "tape") 1 3)
  (data (i32.const 16) "Hello from WebAssembly")
  (global (export "steps") (mut i32) (i32.const 0))
  (table 4 funcref)
  (elem (i32.const 0) $double $square)
  (elem (i32.const 3) $endless)

  (func (export "hello") (result i32)
    (global.set 0 (i32.add (global.get 0) (i32.const 1)))
    (i32.store8 (i32.const 38) (i32.const 0x21))
    (call $log (i32.const 16) (i32.const 23))
    (i32.load8_u (i32.const 38)))

  ;; Everything on its way to C and back: more than there are registers.
  (func (export "mix") (param i32 i64 f32 f64 i32 i64 f32 f64) (result f64 i32)
    (call $halve (local.get 0) (local.get 1) (local.get 2) (local.get 3)
      (local.get 4) (local.get 5) (local.get 6) (local.get 7)))

  (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
  (func (export "apply") (param i32 i32) (result i32)
    (call_indirect (param i32) (result i32) (local.get 1) (local.get 0)))
  (func (export "peek") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "divide") (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1)))
  (func $endless (export "endless") (call $endless) (call $endless))
  (func (export "vector") (param v128) (result v128)
    (i32x4.add (local.get 0) (v128.const i32x4 1 2 3 4))))
