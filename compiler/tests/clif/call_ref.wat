;; A call through a reference loads code and context and compares nothing: a null
;; faults at the first load. If a table holds functions of the expected type, an
;; indirect call compares no types, and nothing at all if no element is null.
(module
  (type $t (func))
  (table $some 2 (ref $t) (ref.func $g))
  (table $perhaps 2 2 (ref null $t))
  (export "some" (table $some))
  (export "perhaps" (table $perhaps))
  (func $g)
  (func (param (ref null $t) i32)
    (call_ref $t (local.get 0))
    (call_indirect $some (type $t) (local.get 1))
    (call_indirect $perhaps (type $t) (local.get 1))))

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
;;
;; function u0:1(i64 vmctx, i64, i32) tail {
;;     region0 = 2 "element"
;;     region1 = 1 "table"
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     sig0 = (i64 vmctx) tail
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i64, v2: i32):
;;     v3 = load.i64 user15 aligned region0 v1
;;     v4 = load.i64 notrap aligned region0 v1+8
;;     call_indirect sig0, v3(v4)
;;     v5 = uextend.i64 v2
;;     v6 = load.i64 notrap aligned region1 v0+64
;;     v7 = icmp uge v5, v6
;;     trapnz v7, user5
;;     v8 = load.i64 notrap aligned region1 v0+56
;;     v9 = iconst.i64 5
;;     v10 = ishl v5, v9  ; v9 = 5
;;     v11 = iadd v8, v10
;;     v12 = iconst.i64 0
;;     v13 = select_spectre_guard v7, v12, v11  ; v12 = 0
;;     v14 = load.i64 notrap aligned region0 v13
;;     v15 = load.i64 notrap aligned region0 v13+8
;;     call_indirect sig0, v14(v15)
;;     v16 = uextend.i64 v2
;;     v17 = load.i64 notrap aligned region1 v0+80
;;     v18 = icmp uge v16, v17
;;     trapnz v18, user5
;;     v19 = load.i64 notrap aligned region1 v0+72
;;     v20 = iconst.i64 5
;;     v21 = ishl v16, v20  ; v20 = 5
;;     v22 = iadd v19, v21
;;     v23 = iconst.i64 0
;;     v24 = select_spectre_guard v18, v23, v22  ; v23 = 0
;;     v25 = load.i32 notrap aligned region0 v24+16
;;     trapz v25, user6
;;     v26 = load.i64 notrap aligned region0 v24
;;     v27 = load.i64 notrap aligned region0 v24+8
;;     call_indirect sig0, v26(v27)
;;     jump block1
;;
;; block1:
;;     return
;; }
