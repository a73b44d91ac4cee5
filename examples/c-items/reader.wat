;; Calls what is in the table with what is in the memory.
(module
  (import "host" "memory" (memory 1))
  (import "host" "table" (table 2 funcref))
  (func (export "read") (param $at i32) (param $function i32) (result i32)
    (call_indirect (param i32) (result i32) (i32.load (local.get $at)) (local.get $function)))
  (func (export "pages") (result i32) (memory.size)))
