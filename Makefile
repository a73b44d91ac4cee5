# Everything here is one command of a script; what it does is written there.

# Where cargo puts what it builds, for the scripts as well.
export CARGO_TARGET_DIR ?= $(CURDIR)/target

.PHONY: release
release:
	cargo build --release

# Compiles a real program and runs it natively: a Forth, written in C, that draws
# the Mandelbrot set.
DEMO = $(CARGO_TARGET_DIR)/demo
.PHONY: demo
demo: release
	mkdir -p $(DEMO)
	$(CARGO_TARGET_DIR)/release/wasm-aot compile examples/forth/forth.wasm -o $(DEMO)/forth.so
	file $(DEMO)/forth.so 2>/dev/null || ls -l $(DEMO)/forth.so
	$(CARGO_TARGET_DIR)/release/wasm-aot run $(DEMO)/forth.so < examples/forth/stdin

# Everything. Tests that look at artefacts with tools of the system say so when a
# tool is missing; `make tools` installs them on Debian.
.PHONY: test
test:
	cargo test --workspace
	cargo test --package wasm-aot-c-api --no-default-features
	cargo run --manifest-path fuzz/Cargo.toml -- --count 500

# Generated modules, here, in Wasmtime and in wasmi: results, traps and what is left must be
# the same; half as many with LLVM, if it is there. `SEED` is the number of the first;
# every run of the same modules is the same.
COUNT ?= 100000
SEED ?= 1000000
FUZZ_LONG = cargo run --release --manifest-path fuzz/Cargo.toml
.PHONY: fuzz-long
fuzz-long:
	$(FUZZ_LONG) -- --count $(COUNT) --seed $(SEED) --keep $(CARGO_TARGET_DIR)/differential
	[ ! -x $(LLVM_CONFIG) ] || $(FUZZ_LONG) --features llvm -- --codegen llvm \
		--count $$(($(COUNT) / 2)) --seed $(SEED) --keep $(CARGO_TARGET_DIR)/differential

# The targets of libFuzzer in `fuzz/fuzz_targets`, each for FUZZ_SECONDS; FUZZ=wasi for
# that one. What they find is left below the target folder.
export FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz:
	fuzz/run $(FUZZ)

# Artefacts changed at random: refused, or sound. The tests have 2,000.
MUTATIONS ?= 20000
.PHONY: mutations
mutations:
	MUTATIONS=$(MUTATIONS) cargo test --package wasm-aot-loader --test loader mutations

# The loader and the spec suite on another machine, emulated by QEMU.
.PHONY: test-aarch64 test-riscv64
test-aarch64 test-riscv64: test-%:
	tests/targets/check $*

# The same suites with code that needs no handlers of signals; `make test` has a part.
.PHONY: test-no-signals
test-no-signals: export WASM_AOT_TEST_NO_SIGNALS = 1
test-no-signals:
	cargo test --test spec --test spec_linked --test programs --test wasi
	cargo test --package wasm-aot-loader --test loader

# With LLVM as the code generator, which Debian has as llvm-19-dev; those of the suites
# that LLVM_TESTS names, and LLVM_COUNT generated modules.
LLVM_CONFIG = /usr/lib/llvm-19/bin/llvm-config
LLVM_TESTS ?= llvm llvm_backtraces llvm_units spec spec_linked programs wasi
LLVM_COUNT ?= 500
.PHONY: test-llvm fuzz-llvm lint-llvm
test-llvm: export WASM_AOT_TEST_CODEGEN = llvm
test-llvm: llvm
	cargo test --features llvm $(LLVM_TESTS:%=--test %)
	cargo test --features llvm --package wasm-aot-compiler --lib

fuzz-llvm: llvm
	cargo run --manifest-path fuzz/Cargo.toml --features llvm -- --codegen llvm \
		--count $(LLVM_COUNT) --keep $(CARGO_TARGET_DIR)/differential

lint-llvm: llvm
	cargo clippy --features llvm --package wasm-aot-compiler --package wasm-aot \
		--test llvm --test llvm_backtraces --test llvm_units --lib -- --deny warnings

.PHONY: llvm
llvm:
	[ -x $(LLVM_CONFIG) ] || { apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends llvm-19-dev; }

# What is linked into programs for Windows, with mingw-w64 and Wine.
.PHONY: test-windows
test-windows:
	tests/targets/windows

# A minute of a thousand instances at a time on 16 threads: nothing may grow. Another
# one of a program of eight threads: none of them may be wrong or hang. And one of 64
# threads that open and drop artefacts. The tests do the same for a few seconds.
SOAK_SECONDS ?= 60
.PHONY: soak
soak:
	SOAK_SECONDS=$(SOAK_SECONDS) cargo test --release --test soak --test soak_threads --test soak_artefacts -- --nocapture

# The specification's test suite with linked modules, all of it; `make test` has a
# part.
.PHONY: test-linked
test-linked:
	cargo test --test spec_linked -- --include-ignored

# What a call from C costs.
.PHONY: bench-c
bench-c:
	benches/c-call/run

.PHONY: tools
tools:
	.ci/tools

# What is unsafe in the loader under Miri, what threads do together under ThreadSanitizer,
# and programs in C under valgrind; `tests/sanitizers` installs what they need. TSan
# compiles all once more: 2 GB in $(CARGO_TARGET_DIR)/tsan.
.PHONY: miri tsan leaks
miri tsan leaks:
	tests/sanitizers/$@

# Formatting, lints and documentation; warnings are errors.
.PHONY: lint
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --manifest-path fuzz/Cargo.toml --features libfuzzer -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps

# The same for the benchmarks, which need all of Wasmtime.
.PHONY: lint-bench
lint-bench:
	cargo fmt --manifest-path benches/bench/Cargo.toml --check
	cargo clippy --manifest-path benches/bench/Cargo.toml --all-targets -- --deny warnings

# Licences, sources and advisories of the dependencies; needs cargo-deny.
.PHONY: deny
deny:
	cargo deny check

# The C library, in target/c-library: small, and without the compiler unless
# FEATURES=wasi,signatures,compiler. See c-api/README.md.
FEATURES ?= wasi,signatures
.PHONY: c-library
c-library:
	c-api/build "$(FEATURES)"

# Its sizes, against their limits.
.PHONY: size
size:
	c-api/size

# The example programs of the wasm-c-api project, fetched and run with it.
.PHONY: test-wasm-c-api
test-wasm-c-api:
	c-api/test-wasm-c-api

# The program, the C library, headers, manual pages and completions, below
# $(DESTDIR)$(PREFIX).
export PREFIX ?= /usr/local
export DESTDIR
.PHONY: install
install: release c-library
	LIBRARIES=$(CARGO_TARGET_DIR)/c-library c-api/install $(CARGO_TARGET_DIR)/release

# Rewrites the expectations of tests that compare text, to be looked through.
.PHONY: bless
bless:
	BLESS=1 cargo test --package wasm-aot-compiler --test clif

# Writes artefacts for the tests of loaders to come, where this version of the ABI has
# none yet.
.PHONY: golden
golden:
	GOLDEN=1 cargo test --test golden

# Real programs: fetched, built, run and compared with their native builds.
.PHONY: corpus
corpus: release
	cargo build --release --example ruby-host
	tests/corpus/check

# The same on emulated machines.
.PHONY: corpus-aarch64 corpus-riscv64
corpus-aarch64 corpus-riscv64: corpus-%:
	tests/targets/check $* corpus

# Rebuilds the committed modules of the small programs of our own.
.PHONY: programs
programs:
	tests/programs/build

# Against other runtimes and native code: see benches/NOTES.md. `make bench-quick` is
# a few programs, in about a minute once all is built; `make bench-quick
# ONLY=sqlite,json` those. BENCH has further options, as `make bench BENCH=--rounds=5`.
BENCH_RUN = $(CARGO_TARGET_DIR)/release/bench --target $(CARGO_TARGET_DIR) $(BENCH)
.PHONY: bench bench-quick bench-build
bench: bench-build
	tests/corpus/build --gcc
	$(BENCH_RUN)
bench-quick: bench-build
	$(BENCH_RUN) $(if $(ONLY),--only $(ONLY),--quick)
bench-build:
	.ci/tools bench
	if [ -x $(LLVM_CONFIG) ]; then cargo build --release --features llvm && \
		cp $(CARGO_TARGET_DIR)/release/wasm-aot $(CARGO_TARGET_DIR)/release/wasm-aot-llvm; fi
	cargo build --release
	cargo build --release --manifest-path benches/bench/Cargo.toml

# Single mechanisms, with criterion; ONLY=memory for those whose names have that.
.PHONY: bench-micro
bench-micro:
	cargo bench --manifest-path benches/bench/Cargo.toml --bench micro -- $(ONLY)
