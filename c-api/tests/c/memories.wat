(module
  (import "host" "memory" (memory $m 1 4))
  (data (i32.const 16) "hello")
  (export "memory" (memory $m))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
