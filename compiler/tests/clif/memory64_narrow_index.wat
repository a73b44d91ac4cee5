;; What is surely in the reservation is not limited.
(module
  (memory i64 1)
  (func (param i32) (result i32)
    (i32.load (i64.extend_i32_u (local.get 0)))))

;; function u0:0(i64 vmctx, i32) -> i32 tail {
;;     region0 = 0 "memory"
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     v3 = uextend.i64 v1
;;     v4 = load.i64 notrap aligned readonly can_move v0+48
;;     v5 = iadd v4, v3
;;     v6 = load.i32 little region0 v5
;;     jump block1(v6)
;;
;; block1(v2: i32):
;;     return v2
;; }
