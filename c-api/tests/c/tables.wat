(module
  (type $binary (func (param i32 i32) (result i32)))
  (table $t (export "table") 3 5 funcref)
  (elem (i32.const 0) $add)
  (func $add (export "add") (type $binary) (i32.add (local.get 0) (local.get 1)))
  (func (export "sub") (type $binary) (i32.sub (local.get 0) (local.get 1)))
  (func (export "call") (param i32) (result i32)
    (call_indirect (type $binary) (i32.const 30) (i32.const 12) (local.get 0))))
