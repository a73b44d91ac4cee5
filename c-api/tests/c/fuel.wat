(module
  (func (export "count") (param $times i32)
    (loop $more
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if $more (local.get $times)))))
