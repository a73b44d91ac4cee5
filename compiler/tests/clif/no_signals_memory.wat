;; Without signals every address of 32 bits is compared with the memory's length, less what
;; the access takes: once for those with the same index that end no further, and not at all
;; where the module says that the memory is large enough. No access faults, and nothing
;; speculative can leave what is reserved.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.store (i32.const 1024) (local.get 0))
    (i32.add
      (i32.load offset=12 (local.get 0))
      (i32.load offset=8 (local.get 0)))))

;; function u0:0(i64 vmctx, i32) -> i32 tail {
;;     region0 = 0 "memory"
;;     region1 = 3 "memory length"
;;     sig0 = (i64 vmctx) tail
;;     fn0 = colocated u9:2 sig0
;;
;; block0(v0: i64, v1: i32):
;;     v3 = iconst.i32 1024
;;     v4 = load.i64 notrap aligned readonly can_move v0+48
;;     v5 = uextend.i64 v3  ; v3 = 1024
;;     v6 = iadd v4, v5
;;     store notrap little region0 v1, v6
;;     v7 = load.i64 notrap aligned readonly can_move v0+48
;;     v8 = uextend.i64 v1
;;     v9 = load.i64 notrap aligned readonly can_move v0+56
;;     v10 = load.i64 notrap aligned region1 v9
;;     v11 = iconst.i64 -16
;;     v12 = iadd v10, v11  ; v11 = -16
;;     v13 = icmp ugt v8, v12
;;     brif v13, block2, block3
;;
;; block2 cold:
;;     call fn0(v0)
;;     trap heap_oob
;;
;; block3:
;;     v14 = iadd.i64 v7, v8
;;     v15 = load.i32 notrap little region0 v14+12
;;     v16 = load.i64 notrap aligned readonly can_move v0+48
;;     v17 = uextend.i64 v1
;;     v18 = iadd v16, v17
;;     v19 = load.i32 notrap little region0 v18+8
;;     v20 = iadd v15, v19
;;     jump block1(v20)
;;
;; block1(v2: i32):
;;     return v2
;; }
