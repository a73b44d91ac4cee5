;; A value keeps its lanes through a local, so that a mask finds its comparison,
;; and a constant has the lanes that are asked for: what is used is cast where it
;; comes in and where it goes out.
(module
  (func (param v128 v128) (result v128)
    (local $mask v128)
    (local.set $mask
      (i32x4.gt_s (local.get 0) (v128.const i32x4 1 2 3 4)))
    (v128.bitselect
      (i32x4.abs (local.get 0))
      (i32x4.neg (local.get 0))
      (local.get $mask))))

;; function u0:0(i64 vmctx, i8x16, i8x16) -> i8x16 tail {
;;     gv0 = vmctx
;;     gv1 = load.i64 notrap aligned readonly can_move gv0
;;     gv2 = load.i64 notrap aligned gv1
;;     const0 = 0x00000000000000000000000000000000
;;     const1 = 0x00000004000000030000000200000001
;;     stack_limit = gv2
;;
;; block0(v0: i64, v1: i8x16, v2: i8x16):
;;     v4 = vconst.i8x16 const0
;;     v5 = vconst.i8x16 const1
;;     v6 = vconst.i32x4 const1
;;     v7 = bitcast.i32x4 little v1
;;     v8 = icmp sgt v7, v6  ; v6 = const1
;;     v9 = bitcast.i8x16 little v8
;;     v10 = bitcast.i32x4 little v1
;;     v11 = iabs v10
;;     v12 = bitcast.i32x4 little v1
;;     v13 = ineg v12
;;     v14 = bitselect v8, v11, v13
;;     v15 = bitcast.i8x16 little v14
;;     jump block1(v15)
;;
;; block1(v3: i8x16):
;;     return v3
;; }
