# What the examples need that are not Rust: sets WASM_AOT (the compiler), INCLUDE and
# LIBRARY (folders of the headers and of libwasm_aot) and OUT (where to build), unless
# they are set. RUN is what to run the program with, as valgrind. Builds compiler and library if they are to come from this checkout.
#
# With an installed wasm-aot: WASM_AOT=wasm-aot INCLUDE=/usr/local/include \
# LIBRARY=/usr/local/lib ./run
root=$(cd ../.. && pwd)
: "${CARGO_TARGET_DIR:=$root/target}"
if [ -z "${WASM_AOT:-}" ]; then
    cargo build --quiet --release --manifest-path "$root/Cargo.toml" --package wasm-aot
    WASM_AOT=$CARGO_TARGET_DIR/release/wasm-aot
fi
: "${INCLUDE:=$root/c-api/include}"
if [ -z "${LIBRARY:-}" ]; then
    cargo build --quiet --release --manifest-path "$root/Cargo.toml" --package wasm-aot-c-api \
        --no-default-features --features wasi
    LIBRARY=$CARGO_TARGET_DIR/release
fi
: "${OUT:=$CARGO_TARGET_DIR/examples/$(basename "$PWD")}"
mkdir -p "$OUT"
# Programs that are linked against the library ask for it by this name.
ln -sf "$LIBRARY/libwasm_aot.so" "$OUT/libwasm_aot.so.0"
export LD_LIBRARY_PATH="$OUT${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
