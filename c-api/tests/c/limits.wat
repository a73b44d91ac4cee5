(module
  (memory (export "memory") 1 8)
  (table (export "table") 1 8 externref)
  (func (export "memory_grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "table_grow") (param i32) (result i32)
    (table.grow (ref.null extern) (local.get 0))))
