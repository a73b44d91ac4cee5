;; Vectors, in and out and through memory.
(module
  (memory 1)
  (data (i32.const 0) "\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f\10")
  (func (export "add") (param v128 v128) (result v128)
    (i32x4.add (local.get 0) (local.get 1)))
  (func (export "load") (result v128)
    (i8x16.swizzle (v128.load (i32.const 0)) (v128.const i8x16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0)))
  (func (export "round") (param v128) (result v128) (f32x4.nearest (local.get 0))))
(assert_return (invoke "add" (v128.const i32x4 1 2 3 4) (v128.const i32x4 10 20 30 -4))
  (v128.const i32x4 11 22 33 0))
(assert_return (invoke "load")
  (v128.const i8x16 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1))
(assert_return (invoke "round" (v128.const f32x4 0.5 1.5 -2.5 2.4)) (v128.const f32x4 0 2 -2 2))
