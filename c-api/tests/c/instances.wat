(module
  (import "host" "start" (func $start))
  (import "host" "g" (global $g i32))
  (func (export "f") (result i32) (global.get $g))
  (export "g" (global $g))
  (memory (export "m") 1)
  (table (export "t") 1 funcref)
  (start $start))
