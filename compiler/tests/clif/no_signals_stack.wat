;; Without signals a function that calls others compares the stack pointer itself, with its
;; frame already made; one that calls none does not.
(module
  (func $calls (call $leaf))
  (func $leaf))

