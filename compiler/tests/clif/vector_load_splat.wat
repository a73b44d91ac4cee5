;; A splat is a scalar load of one lane's size and an instruction that needs no
;; memory.
(module
  (memory 1)
  (func (param i32) (result v128)
    (v128.load16_splat offset=2 (local.get 0))))

;; function u0:0(i64 vmctx, i32) -> i8x16 tail {
;;     region0 = 0 "memory"
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     v3 = load.i64 notrap aligned readonly can_move v0+48
;;     v4 = uextend.i64 v1
;;     v5 = iadd v3, v4
;;     v6 = load.i16 little region0 v5+2
;;     v7 = splat.i16x8 v6
;;     v8 = bitcast.i8x16 little v7
;;     jump block1(v8)
;;
;; block1(v2: i8x16):
;;     return v2
;; }
