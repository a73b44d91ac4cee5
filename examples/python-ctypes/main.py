"""A compiled module, called with nothing but ctypes."""

import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_int64, c_size_t, c_uint32, c_void_p

runtime_path, module_path = sys.argv[1:]
runtime = ctypes.CDLL(runtime_path)
module = ctypes.CDLL(module_path)

# The few functions of wasm_aot_linked.h.
create = runtime.wasm_aot_linked_create
create.argtypes = [c_void_p, c_void_p, c_void_p, c_size_t, POINTER(c_void_p)]
create.restype = c_uint32
destroy = runtime.wasm_aot_linked_destroy
destroy.argtypes = [c_void_p]
error = runtime.wasm_aot_linked_error
error.argtypes = [c_void_p, c_uint32]
error.restype = c_char_p


def export(name, *parameters):
    """The export of a name: it takes the instance first, and returns a status."""
    function = getattr(module, name)
    function.argtypes = [c_void_p, *parameters]
    function.restype = c_uint32
    return function


factorial = export("factorial_run", c_int64, POINTER(c_int64))

descriptor = ctypes.addressof(ctypes.c_char.in_dll(module, "factorial_Zmodule"))
instance = c_void_p()
status = create(descriptor, None, None, 0, byref(instance))
if status != 0:
    sys.exit(error(None, status).decode())

result = c_int64()
for n in (5, 20, 21):
    status = factorial(instance, n, byref(result))
    if status == 0:
        print(f"{n}! = {result.value}")
    else:
        print(f"{n}!: {error(instance, status).decode()}")

destroy(instance)
