;; A sum that is compared stays one: Cranelift would compare its first summand, and a
;; loop would need both.
(module
  (func (param i32) (local i32)
    (loop
      (br_if 0 (i32.ne (local.tee 1 (i32.add (local.get 1) (i32.const 16)))
                       (i32.const 3984)))))
  (func (param i32) (result i32)
    (loop
      (br_if 0 (i32.eqz (local.tee 0 (i32.add (local.get 0) (i32.const -1))))))
    (i32.eq (local.get 0) (i32.const 5))))

;; function u0:0(i64 vmctx, i32) tail {
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     v2 = iconst.i32 0
;;     jump block2(v2)  ; v2 = 0
;;
;; block2(v3: i32):
;;     v4 = iconst.i32 16
;;     v5 = iadd v3, v4  ; v4 = 16
;;     v6 = iconst.i32 3984
;;     v7 = uextend.i64 v5
;;     v8 = uextend.i64 v6  ; v6 = 3984
;;     v9 = icmp ne v7, v8
;;     v10 = uextend.i32 v9
;;     brif v10, block2(v5), block4
;;
;; block4:
;;     jump block3
;;
;; block3:
;;     jump block1
;;
;; block1:
;;     return
;; }
;;
;; function u0:1(i64 vmctx, i32) -> i32 tail {
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     jump block2(v1)
;;
;; block2(v3: i32):
;;     v4 = iconst.i32 -1
;;     v5 = iadd v3, v4  ; v4 = -1
;;     v6 = iconst.i32 0
;;     v7 = uextend.i64 v5
;;     v8 = uextend.i64 v6  ; v6 = 0
;;     v9 = icmp eq v7, v8
;;     v10 = uextend.i32 v9
;;     brif v10, block2(v5), block4
;;
;; block4:
;;     jump block3
;;
;; block3:
;;     v11 = iconst.i32 5
;;     v12 = uextend.i64 v5
;;     v13 = uextend.i64 v11  ; v11 = 5
;;     v14 = icmp eq v12, v13
;;     v15 = uextend.i32 v14
;;     jump block1(v15)
;;
;; block1(v2: i32):
;;     return v2
;; }
