(module
  (import "host" "pass" (func $pass (param externref funcref) (result externref funcref)))
  (global $kept (mut externref) (ref.null extern))
  (func (export "swap") (param externref) (result externref)
    (global.get $kept) (global.set $kept (local.get 0)))
  (func (export "pass") (param externref funcref) (result externref funcref)
    (call $pass (local.get 0) (local.get 1))))
