;; compile --interruptible --fuel
;; Code that asks whether to go on, and pays for what it executes.
(module
  (memory 1)
  (func (export "sum") (param i32) (result i32) (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (local.get 0)))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if $next (local.get 0)))
    (local.get $sum))
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else
        (i32.add
          (call $fib (i32.sub (local.get 0) (i32.const 1)))
          (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))

(assert_return (invoke "sum" (i32.const 1000)) (i32.const 500500))
(assert_return (invoke "fib" (i32.const 15)) (i32.const 610))
(assert_trap (invoke "load" (i32.const 65536)) "out of bounds memory access")
