;; Without signals every address of 32 bits is compared with the memory's length, less what
;; the access takes: once for those with the same index that end no further, and not at all
;; where the module says that the memory is large enough. No access faults, and nothing
;; speculative can leave what is reserved.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.store (i32.const 1024) (local.get 0))
    (i32.add
      (i32.load offset=12 (local.get 0))
      (i32.load offset=8 (local.get 0)))))

