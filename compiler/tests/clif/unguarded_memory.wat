;; The bounds are checked, and nothing is done about what a processor runs ahead with.
(module
  (memory 1)
  (func (param i32) (result i32) (i32.load offset=0x7fffffff (local.get 0))))

;; function u0:0(i64 vmctx, i32) -> i32 tail {
;;     region0 = 3 "memory length"
;;     region1 = 0 "memory"
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     v3 = load.i64 notrap aligned readonly can_move v0+48
;;     v4 = uextend.i64 v1
;;     v5 = iconst.i64 0x7fff_ffff
;;     v6 = iadd v4, v5  ; v5 = 0x7fff_ffff
;;     v7 = iconst.i64 4
;;     v8 = iadd v6, v7  ; v7 = 4
;;     v9 = load.i64 notrap aligned readonly can_move v0+56
;;     v10 = load.i64 notrap aligned region0 v9
;;     v11 = icmp ugt v8, v10
;;     trapnz v11, heap_oob
;;     v12 = iadd v3, v6
;;     v13 = load.i32 little region1 v12
;;     jump block1(v13)
;;
;; block1(v2: i32):
;;     return v2
;; }
