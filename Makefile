# Everything here is one command of a script; what it does is written there.

# Where cargo puts what it builds, for the scripts as well.
export CARGO_TARGET_DIR ?= $(CURDIR)/target

.PHONY: release
release:
	cargo build --release

# Rewrites the expectations of tests that compare text, to be looked through.
.PHONY: bless
bless:
	BLESS=1 cargo test --package wasm-aot-compiler --test clif

# Real programs: fetched, built, run and compared with their native builds.
.PHONY: corpus
corpus: release
	tests/corpus/check

# Rebuilds the committed modules of the small programs of our own.
.PHONY: programs
programs:
	tests/programs/build

# Against a peer, on the modules of the corpus: see benches/NOTES.md.
REPEAT ?= 5
.PHONY: bench-peers
bench-peers: release
	cargo build --release --manifest-path benches/peers/Cargo.toml
	tests/corpus/build
	$(CARGO_TARGET_DIR)/release/peers --repeat $(REPEAT) \
		--aot $(CARGO_TARGET_DIR)/release/wasm-aot \
		--peer $(CARGO_TARGET_DIR)/release/wasmtime-peer \
		--corpus $(CARGO_TARGET_DIR)/corpus \
		--json benches/results/peers.json
