;; Without signals what a division or a conversion would trap for is compared before; of a
;; constant divisor there is nothing to ask.
(module
  (func (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 7)))
  (func (param f32) (result i64) (i64.trunc_f32_u (local.get 0))))

;; function u0:0(i64 vmctx, i32, i32) -> i32 tail {
;;     sig0 = (i64 vmctx) tail
;;     sig1 = (i64 vmctx) tail
;;     fn0 = colocated u9:9 sig0
;;     fn1 = colocated u9:8 sig1
;;
;; block0(v0: i64, v1: i32, v2: i32):
;;     v4 = iconst.i32 0
;;     v5 = icmp eq v2, v4  ; v4 = 0
;;     brif v5, block2, block3
;;
;; block2 cold:
;;     call fn0(v0)
;;     trap int_divz
;;
;; block3:
;;     v6 = iconst.i32 -2147483648
;;     v7 = icmp.i32 eq v1, v6  ; v6 = -2147483648
;;     v8 = iconst.i32 -1
;;     v9 = icmp.i32 eq v2, v8  ; v8 = -1
;;     v10 = band v7, v9
;;     brif v10, block4, block5
;;
;; block4 cold:
;;     call fn1(v0)
;;     trap int_ovf
;;
;; block5:
;;     v11 = sdiv.i32 v1, v2
;;     jump block1(v11)
;;
;; block1(v3: i32):
;;     return v3
;; }
;;
;; function u0:1(i64 vmctx, i32) -> i32 tail {
;; block0(v0: i64, v1: i32):
;;     v3 = iconst.i32 7
;;     v4 = udiv v1, v3  ; v3 = 7
;;     jump block1(v4)
;;
;; block1(v2: i32):
;;     return v2
;; }
;;
;; function u0:2(i64 vmctx, f32) -> i64 tail {
;;     sig0 = (i64 vmctx) tail
;;     sig1 = (i64 vmctx) tail
;;     fn0 = colocated u9:10 sig0
;;     fn1 = colocated u9:8 sig1
;;
;; block0(v0: i64, v1: f32):
;;     v3 = f32const 0x1.000000p64
;;     v4 = f32const -0x1.000000p0
;;     v5 = fcmp gt v1, v4  ; v4 = -0x1.000000p0
;;     v6 = fcmp lt v1, v3  ; v3 = 0x1.000000p64
;;     v7 = band v5, v6
;;     brif v7, block3, block2
;;
;; block2 cold:
;;     v8 = fcmp.f32 uno v1, v1
;;     brif v8, block4, block5
;;
;; block4 cold:
;;     call fn0(v0)
;;     trap bad_toint
;;
;; block5:
;;     call fn1(v0)
;;     trap int_ovf
;;
;; block3:
;;     v9 = fcvt_to_uint_sat.i64 v1
;;     jump block1(v9)
;;
;; block1(v2: i64):
;;     return v2
;; }
