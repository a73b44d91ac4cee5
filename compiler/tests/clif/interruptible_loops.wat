;; Loops that begin at one place look once, in front of the memory; each look has a place
;; of its own.
(module
  (memory 1)
  (func (param i32)
    (loop $outer
      (loop $inner
        (br_if $inner (i32.load (local.get 0)))
        (br_if $outer (i32.load offset=4 (local.get 0)))))
    (loop $other
      (br_if $other (i32.load offset=8 (local.get 0))))))

;; function u0:0(i64 vmctx, i32) tail {
;;     region0 = 0 "memory"
;;     region1 = 4 "store"
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     v13 -> v1
;;     v14 -> v1
;;     v2 -> v13
;;     jump block2
;;
;; block2:
;;     jump block4
;;
;; block4:
;;     v3 = load.i64 notrap aligned readonly can_move v0+48
;;     v4 = uextend.i64 v2
;;     v5 = iadd v3, v4
;;     v6 = load.i32 little region0 v5
;;     v7 = load.i64 notrap aligned readonly can_move v0+48
;;     v8 = load.f32 user13 aligned region1 v7-4
;;     brif v6, block4, block6
;;
;; block6:
;;     v9 = load.i64 notrap aligned readonly can_move v0+48
;;     v10 = uextend.i64 v2
;;     v11 = iadd v9, v10
;;     v12 = load.i32 little region0 v11+4
;;     brif v12, block2, block7
;;
;; block7:
;;     jump block5
;;
;; block5:
;;     jump block3
;;
;; block3:
;;     jump block8
;;
;; block8:
;;     v15 = load.i64 notrap aligned readonly can_move v0+48
;;     v16 = uextend.i64 v14
;;     v17 = iadd v15, v16
;;     v18 = load.i32 little region0 v17+8
;;     v19 = load.i64 notrap aligned readonly can_move v0+48
;;     v20 = load.f32 user13 aligned region1 v19-8
;;     brif v18, block8, block10
;;
;; block10:
;;     jump block9
;;
;; block9:
;;     jump block1
;;
;; block1:
;;     return
;; }
