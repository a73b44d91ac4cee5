;; An exported table belongs to the instance and may grow: its length and address
;; are loaded, and one compare of type ids covers null elements as well.
(module
  (type $t (func (param i32) (result i32)))
  (table (export "table") 2 funcref)
  (func (param i32) (result i32)
    (call_indirect (type $t) (i32.const 7) (local.get 0))))

;; function u0:0(i64 vmctx, i32) -> i32 tail {
;;     region0 = 1 "table"
;;     region1 = 2 "element"
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     sig0 = (i64 vmctx, i32) -> i32 tail
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     v3 = iconst.i32 7
;;     v4 = uextend.i64 v1
;;     v5 = load.i64 notrap aligned region0 v0+64
;;     v6 = icmp uge v4, v5
;;     trapnz v6, user5
;;     v7 = load.i64 notrap aligned region0 v0+56
;;     v8 = iconst.i64 5
;;     v9 = ishl v4, v8  ; v8 = 5
;;     v10 = iadd v7, v9
;;     v11 = iconst.i64 0
;;     v12 = select_spectre_guard v6, v11, v10  ; v11 = 0
;;     v13 = load.i32 notrap aligned region1 v12+16
;;     v14 = load.i32 notrap aligned readonly can_move v0+48
;;     v15 = icmp ne v13, v14
;;     brif v15, block2, block3
;;
;; block2 cold:
;;     v16 = iconst.i32 0
;;     v17 = icmp.i32 eq v13, v16  ; v16 = 0
;;     trapnz v17, user6
;;     trap user7
;;
;; block3:
;;     v18 = load.i64 notrap aligned region1 v12
;;     v19 = load.i64 notrap aligned region1 v12+8
;;     v20 = call_indirect sig0, v18(v19, v3)  ; v3 = 7
;;     jump block1(v20)
;;
;; block1(v2: i32):
;;     return v2
;; }
