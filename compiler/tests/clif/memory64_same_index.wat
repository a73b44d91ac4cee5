;; An index of 64 bits is limited to the length, behind which accesses fault: there is
;; no branch. (That of the second access is the same instruction to the code generator.)
(module
  (memory i64 1)
  (func (param i64 i64)
    (i64.store offset=8 (local.get 0) (local.get 1))
    (i64.store offset=16 (local.get 0) (local.get 1))))

;; function u0:0(i64 vmctx, i64, i64) tail {
;;     region0 = 3 "memory length"
;;     region1 = 0 "memory"
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i64, v2: i64):
;;     v3 = load.i64 notrap aligned readonly can_move v0+48
;;     v4 = load.i64 notrap aligned readonly can_move v0+56
;;     v5 = load.i64 notrap aligned region0 v4
;;     v6 = icmp ugt v1, v5
;;     v7 = select_spectre_guard v6, v5, v1
;;     v8 = iadd v3, v7
;;     store little region1 v2, v8+8
;;     v9 = load.i64 notrap aligned readonly can_move v0+48
;;     v10 = load.i64 notrap aligned readonly can_move v0+56
;;     v11 = load.i64 notrap aligned region0 v10
;;     v12 = icmp ugt v1, v11
;;     v13 = select_spectre_guard v12, v11, v1
;;     v14 = iadd v9, v13
;;     store little region1 v2, v14+16
;;     jump block1
;;
;; block1:
;;     return
;; }
