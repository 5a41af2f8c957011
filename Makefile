# The only command list of the project. `make run` shows it, `make test` proves it.
SHELL := /bin/bash
.DEFAULT_GOAL := build
CARGO ?= cargo

.PHONY: build run test check fmt lint doc snap bench bench-analytics bench-backfill dist deps licences clean

build:            ## release build
	$(CARGO) build --release --locked

run: build        ## a simulated live mesh on http://127.0.0.1:3000, nothing else needed
	./target/release/corescope serve --demo --bind 127.0.0.1:3000

test:             ## all tests
	$(CARGO) test --locked --all-targets
	$(CARGO) test --locked --doc

check: fmt-check lint doc test licences  ## all that CI runs

fmt:              ## format
	$(CARGO) fmt

fmt-check:
	$(CARGO) fmt --check

lint:             ## clippy, warnings denied
	$(CARGO) clippy --locked --all-targets -- -D warnings

doc:              ## rustdoc, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

snap:             ## accept changed snapshots after reading them
	INSTA_UPDATE=always $(CARGO) test --locked --test it

bench:            ## figures of docs/benchmarks.md
	$(CARGO) bench --locked

bench-analytics:  ## what analytics cost (CORESCOPE_BENCH_DB: a seeded database)
	$(CARGO) bench --locked --bench analytics

bench-backfill:   ## what anybody feels of a migration (CORESCOPE_BENCH_DB: a seeded database)
	$(CARGO) bench --locked --bench backfill

licences:         ## licences, duplicate and banned crates (needs cargo-deny)
	@if command -v cargo-deny >/dev/null; then cargo deny --offline check licenses bans sources; \
	else echo "cargo-deny is not installed: make deps"; fi

dist:             ## release archive, Debian package, bill of materials, checksums in target/dist
	scripts/make-dist.sh

deps:             ## what the tests need beyond the Rust toolchain (Debian; as root)
	scripts/install-test-dependencies.sh

clean:
	$(CARGO) clean
