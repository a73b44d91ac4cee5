;; Blocks that are reached rarely are cold; the target of a branch is not, since
;; others may come there.
(module
  (func (param i32) (result i32)
    (block $out
      (@metadata.code.branch_hint "\00")
      (br_if $out (local.get 0))
      (@metadata.code.branch_hint "\01")
      (br_if $out (i32.eqz (local.get 0)))
      (@metadata.code.branch_hint "\00")
      (if (local.get 0) (then (return (i32.const 1)))))
    (i32.const 2)))

;; function u0:0(i64 vmctx, i32) -> i32 tail {
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     brif v1, block4, block3
;;
;; block4 cold:
;;     jump block2
;;
;; block3:
;;     v3 = iconst.i32 0
;;     v4 = icmp.i32 eq v1, v3  ; v3 = 0
;;     v5 = uextend.i32 v4
;;     brif v5, block2, block5
;;
;; block5 cold:
;;     brif.i32 v1, block6, block7
;;
;; block6 cold:
;;     v6 = iconst.i32 1
;;     return v6  ; v6 = 1
;;
;; block7:
;;     jump block8
;;
;; block8:
;;     jump block2
;;
;; block2:
;;     v7 = iconst.i32 2
;;     jump block1(v7)  ; v7 = 2
;;
;; block1(v2: i32):
;;     return v2
;; }
