(module
  (import "host" "print" (func $print (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "Hello from WebAssembly!")
  (func (export "greet") (call $print (i32.const 0) (i32.const 23))))
