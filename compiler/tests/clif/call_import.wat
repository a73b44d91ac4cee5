;; An imported function is called through its slot, with the context beside it; a
;; function of the module is called directly, with our own.
(module
  (import "host" "f" (func $imported (param i32)))
  (func $defined (param i32))
  (func
    (call $imported (i32.const 1))
    (call $defined (i32.const 2))))

;; function u0:1(i64 vmctx, i32) tail {
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     jump block1
;;
;; block1:
;;     return
;; }
;;
;; function u0:2(i64 vmctx) tail {
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     sig0 = (i64 vmctx, i32) tail
;;     fn0 = colocated u0:1 sig0
;;     stack_limit = gv2
;;
;; block0(v0: i64):
;;     v1 = iconst.i32 1
;;     v2 = load.i64 notrap aligned readonly can_move v0+48
;;     v3 = load.i64 notrap aligned readonly can_move v0+56
;;     call_indirect sig0, v2(v3, v1)  ; v1 = 1
;;     v4 = iconst.i32 2
;;     call fn0(v0, v4)  ; v4 = 2
;;     jump block1
;;
;; block1:
;;     return
;; }
