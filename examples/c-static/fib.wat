(module
  (import "host" "log" (func $log (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "Fibonacci")
  (global (export "calls") (mut i32) (i32.const 0))

  ;; The n-th number, with a call of `log` for each that leads to it.
  (func (export "run") (param $n i32) (result i32)
    (local $a i32) (local $b i32) (local $next i32)
    (global.set 0 (i32.add (global.get 0) (i32.const 1)))
    (if (i32.lt_s (local.get $n) (i32.const 0)) (then unreachable))
    (local.set $b (i32.const 1))
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $next (i32.add (local.get $a) (local.get $b)))
        (local.set $a (local.get $b))
        (local.set $b (local.get $next))
        (call $log (local.get $a))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $again)))
    (local.get $a)))
