;; Nobody but the module reaches the table, and nothing writes to it: its rows
;; are in the text, its length is a constant, and the callee has our context.
(module
  (type $t (func (param i32) (result i32)))
  (table 2 funcref)
  (elem (i32.const 0) $f $f)
  (func $f (type $t) (local.get 0))
  (func (export "call") (param i32) (result i32)
    (call_indirect (type $t) (i32.const 7) (local.get 0))))

;; function u0:0(i64 vmctx, i32) -> i32 tail {
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     jump block1(v1)
;;
;; block1(v2: i32):
;;     return v2
;; }
;;
;; function u0:1(i64 vmctx, i32) -> i32 tail {
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     gv3 = symbol colocated userextname0
;;     sig0 = (i64 vmctx, i32) -> i32 tail
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     v3 = iconst.i32 7
;;     v4 = uextend.i64 v1
;;     v5 = iconst.i64 2
;;     v6 = icmp ugt v4, v5  ; v5 = 2
;;     v7 = select_spectre_guard v6, v5, v4  ; v5 = 2
;;     v8 = symbol_value.i64 gv3
;;     v9 = iconst.i64 3
;;     v10 = ishl v7, v9  ; v9 = 3
;;     v11 = iadd v8, v10
;;     v12 = load.i32 notrap aligned readonly v11+4
;;     v13 = iconst.i32 0
;;     v14 = icmp ne v12, v13  ; v13 = 0
;;     brif v14, block2, block3
;;
;; block2 cold:
;;     v15 = iconst.i32 -1
;;     v16 = icmp.i32 eq v12, v15  ; v15 = -1
;;     trapnz v16, user6
;;     v17 = iconst.i32 -2
;;     v18 = icmp.i32 eq v12, v17  ; v17 = -2
;;     trapnz v18, user5
;;     trap user7
;;
;; block3:
;;     v19 = sload32.i64 notrap aligned readonly v11
;;     v20 = iadd.i64 v8, v19
;;     v21 = call_indirect sig0, v20(v0, v3)  ; v3 = 7
;;     jump block1(v21)
;;
;; block1(v2: i32):
;;     return v2
;; }
