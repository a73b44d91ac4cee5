;; The prologue compares the stack pointer with a limit that the store has, for
;; it may change while the function's context does not.
(module
  (func))

;; function u0:0(i64 vmctx) tail {
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64):
;;     jump block1
;;
;; block1:
;;     return
;; }
