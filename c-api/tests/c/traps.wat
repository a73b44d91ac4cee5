(module $trapping
  (import "host" "fail" (func $fail (param i32)))
  (func $unreachable (export "unreachable") unreachable)
  (func $outer (export "outer") (call $unreachable))
  (func (export "divide") (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1)))
  (func $forever (export "forever") (call $forever) (call $forever))
  (func $fails (export "fails") (param i32) (call $fail (local.get 0))))
