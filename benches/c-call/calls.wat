(module
  ;; Neither traps nor calls.
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  ;; May trap, and do little.
  (memory 1)
  (func (export "fetch") (param i32 i32) (result i32)
    (i32.add (local.get 0) (i32.load8_u (local.get 1))))
  ;; May trap, and does a bit more.
  (func (export "divide") (param i32 i32) (result i32)
    (i32.add (i32.div_u (local.get 0) (local.get 1)) (local.get 1))))
