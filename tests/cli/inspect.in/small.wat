(module $small
  (import "env" "log" (func (param i32)))
  (memory (export "memory") 1 2)
  (table (export "table") 3 funcref)
  (global (export "global") (mut i64) (i64.const 0))
  (@custom "kept" "abc")
  (func $f (export "f") (param i32) (result f64) (f64.const 0))
  (data (i32.const 8) "hello"))
