;; A memory that never gets larger than the reservation has a constant limit.
(module
  (memory i64 1 0x1_0000)
  (func (param i64) (result i32)
    (i32.load (local.get 0))))

;; function u0:0(i64 vmctx, i64) -> i32 tail {
;;     region0 = 0 "memory"
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i64):
;;     v3 = load.i64 notrap aligned readonly can_move v0+48
;;     v4 = iconst.i64 0x0001_0000_0000
;;     v5 = icmp ugt v1, v4  ; v4 = 0x0001_0000_0000
;;     v6 = select_spectre_guard v5, v4, v1  ; v4 = 0x0001_0000_0000
;;     v7 = iadd v3, v6
;;     v8 = load.i32 little region0 v7
;;     jump block1(v8)
;;
;; block1(v2: i32):
;;     return v2
;; }
