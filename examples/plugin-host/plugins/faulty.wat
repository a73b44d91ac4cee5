(module
  (memory (export "memory") 1)
  (data (i32.const 0) "divide by nothing\00")
  (func (export "name") (result i32) (i32.const 0))
  (func (export "transform") (param i64) (result i64)
    (i64.div_s (local.get 0) (i64.const 0))))
