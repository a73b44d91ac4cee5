(module
  (import "text" "memory" (memory 1))
  ;; Makes `length` bytes at `at` upper case.
  (func (export "run") (param $at i32) (param $length i32)
    (local $byte i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $length)))
        (local.set $byte (i32.load8_u (local.get $at)))
        (if (i32.lt_u (i32.sub (local.get $byte) (i32.const 97)) (i32.const 26))
          (then (i32.store8 (local.get $at) (i32.sub (local.get $byte) (i32.const 32)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $again)))))
