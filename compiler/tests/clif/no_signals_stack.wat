;; Without signals a function that calls others compares the stack pointer itself, with its
;; frame already made; one that calls none does not.
(module
  (func $calls (call $leaf))
  (func $leaf))

;; function u0:0(i64 vmctx) tail {
;;     region0 = 4 "store"
;;     sig0 = (i64 vmctx) tail
;;     sig1 = (i64 vmctx) tail
;;     fn0 = colocated u9:1 sig0
;;     fn1 = colocated u0:1 sig1
;;
;; block0(v0: i64):
;;     v1 = load.i64 notrap aligned readonly can_move v0
;;     v2 = load.i64 notrap aligned region0 v1
;;     v3 = get_stack_pointer.i64
;;     v4 = icmp ult v3, v2
;;     brif v4, block2, block3
;;
;; block2 cold:
;;     call fn0(v0)
;;     trap stk_ovf
;;
;; block3:
;;     call fn1(v0)
;;     jump block1
;;
;; block1:
;;     return
;; }
;;
;; function u0:1(i64 vmctx) tail {
;; block0(v0: i64):
;;     jump block1
;;
;; block1:
;;     return
;; }
