;; Values are passed from one block for each label, however many entries name it.
(module
  (func (param i32) (result i32)
    (block $one (result i32)
      (block $two (result i32)
        (br_table $one $two $one $two (i32.const 5) (local.get 0)))
      (return))
    (i32.const 1)
    (i32.add)))

;; function u0:0(i64 vmctx, i32) -> i32 tail {
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i32):
;;     v5 = iconst.i32 5
;;     br_table v1, block4, [block5, block4, block5]
;;
;; block4:
;;     jump block3(v5)  ; v5 = 5
;;
;; block5:
;;     jump block2(v5)  ; v5 = 5
;;
;; block3(v4: i32):
;;     return v4
;;
;; block2(v3: i32):
;;     v6 = iconst.i32 1
;;     v7 = iadd v3, v6  ; v6 = 1
;;     jump block1(v7)
;;
;; block1(v2: i32):
;;     return v2
;; }
