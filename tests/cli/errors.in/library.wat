(module $library
  (import "host" "log" (func (param i32)))
  (import "host" "memory" (memory 1))
  (func (export "f"))
  (func (export "g") (param i32 externref)))
