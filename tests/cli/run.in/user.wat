(module
  (import "counter" "next" (func $next (result i32)))
  (func (export "twice") (result i32)
    (i32.add (call $next) (call $next))))
