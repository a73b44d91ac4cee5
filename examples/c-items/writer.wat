;; Writes to the memory of its host, and offers a function in a table of its host.
(module
  (import "host" "memory" (memory 1))
  (import "host" "table" (table 2 funcref))
  (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
  (elem (i32.const 1) $square)
  (func (export "write") (param $at i32) (param $value i32)
    (i32.store (local.get $at) (local.get $value))))
