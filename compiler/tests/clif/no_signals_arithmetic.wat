;; Without signals what a division or a conversion would trap for is compared before; of a
;; constant divisor there is nothing to ask.
(module
  (func (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 7)))
  (func (param f32) (result i64) (i64.trunc_f32_u (local.get 0))))

