(module
  (global $count (mut i32) (i32.const 0))
  (func (export "_initialize")
    (if (global.get $count) (then unreachable))
    (global.set $count (i32.const 1)))
  (func (export "count") (result i32) (global.get $count)))
