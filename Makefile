# Everything here is one command of a script; what it does is written there.

# Where cargo puts what it builds, for the scripts as well.
export CARGO_TARGET_DIR ?= $(CURDIR)/target

.PHONY: release
release:
	cargo build --release

# Real programs: fetched, built, run and compared with their native builds.
.PHONY: corpus
corpus: release
	tests/corpus/check

# Rebuilds the committed modules of the small programs of our own.
.PHONY: programs
programs:
	tests/programs/build
