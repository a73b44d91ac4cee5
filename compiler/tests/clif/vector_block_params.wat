;; Vectors become bytes before control leaves a block, once for all labels and
;; for both arms.
(module
  (func (param v128 i32) (result v128)
    (block $one (result v128)
      (block $two (result v128)
        (i32x4.neg (local.get 0))
        (br_table $one $two (local.get 1)))
      (i32x4.abs)
      (if (param v128) (result v128) (local.get 1)
        (then (f32x4.sqrt))))))

;; function u0:0(i64 vmctx, i8x16, i32) -> i8x16 tail {
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i8x16, v2: i32):
;;     v6 = bitcast.i32x4 little v1
;;     v7 = ineg v6
;;     v8 = bitcast.i8x16 little v7
;;     br_table v2, block4, [block5]
;;
;; block4:
;;     jump block3(v8)
;;
;; block5:
;;     jump block2(v8)
;;
;; block3(v5: i8x16):
;;     v9 = bitcast.i32x4 little v5
;;     v10 = iabs v9
;;     v12 = bitcast.i8x16 little v10
;;     brif.i32 v2, block6, block7
;;
;; block6:
;;     v13 = bitcast.f32x4 little v10
;;     v14 = sqrt v13
;;     v15 = bitcast.i8x16 little v14
;;     jump block8(v15)
;;
;; block7:
;;     jump block8(v12)
;;
;; block8(v11: i8x16):
;;     jump block2(v11)
;;
;; block2(v4: i8x16):
;;     jump block1(v4)
;;
;; block1(v3: i8x16):
;;     return v3
;; }
