(module
  (import "host" "memory" (memory $m i64 1 0x1_0000_0000_0000))
  (import "host" "table" (table $t i64 1 funcref))
  (memory $bytes (export "bytes") 100 300 (pagesize 1))
  (func (export "load") (param i64) (result i32) (i32.load8_u $m (local.get 0)))
  (func (export "grow") (param i64) (result i64) (memory.grow $m (local.get 0))))
