(module $sample
  (import "env" "f" (func (param i32 i64) (result f32 externref)))
  (import "env" "g" (global (mut f64)))
  (import "" "" (table 1 10 funcref))
  (import "env" "m" (memory 1 2))
  (func (export "run"))
  (global (export "answer") i32 (i32.const 42))
  (table (export "table") 3 externref))
