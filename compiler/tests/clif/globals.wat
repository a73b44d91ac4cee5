;; An immutable global that is the same in every instance is a constant; an
;; imported one is read like a constant; a mutable one is loaded and stored.
(module
  (import "host" "g" (global $imported i32))
  (global $constant i32 (i32.const 42))
  (global $counter (mut i32) (i32.const 0))
  (func (result i32)
    (global.set $counter (i32.add (global.get $counter) (global.get $constant)))
    (global.get $imported)))

;; function u0:0(i64 vmctx) -> i32 tail {
;;     region0 = 18 "global 2"
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64):
;;     v2 = load.i32 notrap aligned region0 v0+64
;;     v3 = iconst.i32 42
;;     v4 = iadd v2, v3  ; v3 = 42
;;     store notrap aligned region0 v4, v0+64
;;     v5 = load.i64 notrap aligned readonly can_move v0+48
;;     v6 = load.i32 notrap aligned readonly can_move v5
;;     jump block1(v6)
;;
;; block1(v1: i32):
;;     return v1
;; }
