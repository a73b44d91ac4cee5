(module (func $trap (export "trap") unreachable))
