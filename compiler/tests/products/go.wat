;; As the Go compiler multiplies: the low half is one product, and the low half of
;; the result is stored first.
(func $multiply (param i32 i64 i64 i64 i64) (local i64 i64 i64 i64 i64)
  local.get 0
  local.get 1
  local.get 3
  i64.mul
  i64.store
  local.get 1
  i32.wrap_i64
  i64.extend_i32_u
  local.tee 5
  local.get 3
  i32.wrap_i64
  i64.extend_i32_u
  local.tee 6
  i64.mul
  i64.const 32
  i64.shr_u
  local.get 1
  i64.const 32
  i64.shr_u
  local.tee 7
  local.get 6
  i64.mul
  i64.add
  local.set 8
  local.get 0
  local.get 3
  i64.const 32
  i64.shr_u
  local.tee 9
  local.get 7
  i64.mul
  local.get 8
  i64.const 32
  i64.shr_u
  i64.add
  local.get 5
  local.get 9
  i64.mul
  local.get 8
  i64.const 4294967295
  i64.and
  i64.add
  i64.const 32
  i64.shr_u
  i64.add
  local.get 1
  local.get 4
  i64.mul
  i64.add
  local.get 2
  local.get 3
  i64.mul
  i64.add
  i64.store offset=8
)
