;; What is executed together is paid for at once, before it: 2 at first, 2 and 4 in the arms,
;; 1 at the end.
(module
  (func (param i32) (result i32) (local i32)
    (if (local.get 0)
      (then (nop) (return (i32.const 1)))
      (else (local.set 1 (i32.add (local.get 0) (i32.const 5)))))
    (local.get 1)))

;; function u0:0(i64 vmctx, i32) -> i32 tail {
;;     region0 = 7 "fuel"
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     v3 = iconst.i32 0
;;     v4 = iconst.i64 2
;;     v5 = load.i64 notrap aligned readonly can_move v0
;;     v6 = load.i64 notrap aligned region0 v5+32
;;     v7 = icmp ult v6, v4  ; v4 = 2
;;     trapnz v7, user14
;;     v8 = isub v6, v4  ; v4 = 2
;;     store notrap aligned region0 v8, v5+32
;;     brif v1, block2, block3
;;
;; block2:
;;     v9 = iconst.i64 2
;;     v10 = load.i64 notrap aligned readonly can_move v0
;;     v11 = load.i64 notrap aligned region0 v10+32
;;     v12 = icmp ult v11, v9  ; v9 = 2
;;     trapnz v12, user14
;;     v13 = isub v11, v9  ; v9 = 2
;;     store notrap aligned region0 v13, v10+32
;;     v14 = iconst.i32 1
;;     return v14  ; v14 = 1
;;
;; block3:
;;     v15 = iconst.i64 4
;;     v16 = load.i64 notrap aligned readonly can_move v0
;;     v17 = load.i64 notrap aligned region0 v16+32
;;     v18 = icmp ult v17, v15  ; v15 = 4
;;     trapnz v18, user14
;;     v19 = isub v17, v15  ; v15 = 4
;;     store notrap aligned region0 v19, v16+32
;;     v20 = iconst.i32 5
;;     v21 = iadd.i32 v1, v20  ; v20 = 5
;;     jump block4
;;
;; block4:
;;     v22 = iconst.i64 1
;;     v23 = load.i64 notrap aligned readonly can_move v0
;;     v24 = load.i64 notrap aligned region0 v23+32
;;     v25 = icmp ult v24, v22  ; v22 = 1
;;     trapnz v25, user14
;;     v26 = isub v24, v22  ; v22 = 1
;;     store notrap aligned region0 v26, v23+32
;;     jump block1(v21)
;;
;; block1(v2: i32):
;;     return v2
;; }
