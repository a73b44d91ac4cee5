(module
  (import "host" "log" (func $log (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 64) "sum of digits\00")
  (func (export "name") (result i32) (i32.const 64))
  (func (export "transform") (param $n i64) (result i64)
    (local $sum i64)
    (loop $again
      (call $log (local.get $n))
      (local.set $sum (i64.add (local.get $sum) (i64.rem_u (local.get $n) (i64.const 10))))
      (local.set $n (i64.div_u (local.get $n) (i64.const 10)))
      (br_if $again (i64.ne (local.get $n) (i64.const 0))))
    (local.get $sum)))
