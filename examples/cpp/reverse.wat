(module
  (memory (export "memory") 1)
  ;; Reverses `length` bytes at `from`.
  (func (export "run") (param $from i32) (param $length i32)
    (local $to i32) (local $byte i32)
    (local.set $to (i32.sub (i32.add (local.get $from) (local.get $length)) (i32.const 1)))
    (block $done
      (loop $again
        (br_if $done (i32.ge_s (local.get $from) (local.get $to)))
        (local.set $byte (i32.load8_u (local.get $from)))
        (i32.store8 (local.get $from) (i32.load8_u (local.get $to)))
        (i32.store8 (local.get $to) (local.get $byte))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (local.set $to (i32.sub (local.get $to) (i32.const 1)))
        (br $again)))))
