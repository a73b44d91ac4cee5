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
;;     v6 = icmp uge v4, v5  ; v5 = 2
;;     trapnz v6, user5
;;     v7 = symbol_value.i64 gv3
;;     v8 = iconst.i64 3
;;     v9 = ishl v4, v8  ; v8 = 3
;;     v10 = iadd v7, v9
;;     v11 = iconst.i64 0
;;     v12 = select_spectre_guard v6, v11, v10  ; v11 = 0
;;     v13 = load.i32 notrap aligned readonly v12+4
;;     v14 = iconst.i32 0
;;     v15 = iconst.i32 -1
;;     v16 = icmp ne v13, v14  ; v14 = 0
;;     brif v16, block2, block3
;;
;; block2 cold:
;;     v17 = icmp.i32 eq v13, v15  ; v15 = -1
;;     trapnz v17, user6
;;     trap user7
;;
;; block3:
;;     v18 = sload32.i64 notrap aligned readonly v12
;;     v19 = iadd.i64 v7, v18
;;     v20 = call_indirect sig0, v19(v0, v3)  ; v3 = 7
;;     jump block1(v20)
;;
;; block1(v2: i32):
;;     return v2
;; }
