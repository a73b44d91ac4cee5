(module
  ;; The product of 1 to n; traps when it does not fit.
  (func (export "run") (param $n i64) (result i64)
    (local $product i64)
    (if (i64.gt_u (local.get $n) (i64.const 20)) (then unreachable))
    (local.set $product (i64.const 1))
    (block $done
      (loop $again
        (br_if $done (i64.eqz (local.get $n)))
        (local.set $product (i64.mul (local.get $product) (local.get $n)))
        (local.set $n (i64.sub (local.get $n) (i64.const 1)))
        (br $again)))
    (local.get $product)))
