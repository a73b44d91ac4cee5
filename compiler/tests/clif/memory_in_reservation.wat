;; Behind a memory lies address space for every index and for offsets up to the
;; guard: an access is an addition and a load, and the base is loaded as a
;; constant.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=1000 (local.get 0))))

;; function u0:0(i64 vmctx, i32) -> i32 tail {
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
;;     v6 = load.i32 little region0 v5+1000
;;     jump block1(v6)
;;
;; block1(v2: i32):
;;     return v2
;; }
