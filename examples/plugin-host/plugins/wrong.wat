(module
  (memory (export "memory") 1)
  (func (export "name") (result i32) (i32.const 0))
  (func (export "transform") (param i32) (result i32) (local.get 0)))
