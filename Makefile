# The only command list of the project. `make run` shows it, `make test` proves it.
SHELL := /bin/bash
.DEFAULT_GOAL := build
CARGO ?= cargo

NODE := $(shell command -v node)
NPM_RUN := cd web && npm run --silent

.PHONY: pages check-pages test-pages types screenshots build run test check fmt fmt-check lint doc \
        snap bench bench-scale bench-analytics bench-backfill bench-startup chaos fuzz load licences \
        dist deps clean

build: pages      ## release build, charts included
	$(CARGO) build --release --locked

run: build        ## a simulated live mesh on http://127.0.0.1:3000, nothing else needed
	./target/release/corescope serve --demo --bind 127.0.0.1:3000

test: test-pages  ## all tests
	$(CARGO) test --locked --all-targets
	$(CARGO) test --locked --doc

check: fmt-check lint doc test licences  ## all that CI runs

# The pages need Node only for charts (uPlot, from npm) and for their tests. Without Node all else
# works: tables stand where charts would be, and the pages' tests are skipped (never in CI).
ifdef NODE
pages: web/vendor/uplot.js ## what the pages take from npm

web/vendor/uplot.js: web/package-lock.json web/scripts/vendor.js
	cd web && npm ci --no-audit --no-fund --loglevel=error
	$(NPM_RUN) vendor

check-pages: pages ## types of the pages, and whether the API's are the current ones
	$(NPM_RUN) types -- --check
	$(NPM_RUN) check

types: pages      ## generate the API's types for the pages (after make snap)
	$(NPM_RUN) types

test-pages: pages ## the pages: pure parts, then a real browser against a real server
	$(NPM_RUN) test
	$(CARGO) build --locked
	$(NPM_RUN) e2e

screenshots: $(if $(CORESCOPE_BIN),pages,build) ## docs/screenshots (CORESCOPE_BIN: another program)
	$(NPM_RUN) screenshots
else
pages check-pages types test-pages screenshots:
	@echo "$@: skipped, there is no node"; test "$$CI" != true
endif

fmt:              ## format
	$(CARGO) fmt

fmt-check:        ## whether all is formatted
	$(CARGO) fmt --check

lint: check-pages ## clippy and tsc, warnings denied
	$(CARGO) clippy --locked --all-targets -- -D warnings

doc:              ## rustdoc, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

snap:             ## accept changed snapshots after reading them
	INSTA_UPDATE=always $(CARGO) test --locked --test it

bench: build      ## all figures of docs/benchmarks.md, in one run of a quarter of an hour (needs wrk, mosquitto)
	$(CARGO) bench --locked --bench report

bench-scale: build  ## the cost at 0.1, 1 and 10 times operator scale
	CORESCOPE_BENCH_ONLY=scale $(CARGO) bench --locked --bench report

bench-analytics:  ## what analytics cost (CORESCOPE_BENCH_DB: a seeded database)
	$(CARGO) bench --locked --bench analytics

bench-backfill:   ## what anybody feels of a migration (CORESCOPE_BENCH_DB: a seeded database)
	$(CARGO) bench --locked --bench backfill

bench-startup: build  ## from start to first answers and full coverage (CORESCOPE_BENCH_DB as above)
	$(CARGO) bench --locked --bench startup

chaos:            ## everything that can break, for long (CHAOS_SEED, CHAOS_ROUNDS, CHAOS_ONLY)
	$(CARGO) test --locked --test it chaos -- --ignored --nocapture --test-threads=1

fuzz:             ## 10 million inputs of each kind (FUZZ_RUNS; needs cargo-fuzz)
	scripts/fuzz.sh

load: build       ## 1,000 receptions a second for ten minutes, watched (LOAD_RATE, LOAD_SECONDS)
	$(CARGO) bench --locked --bench load

licences:         ## licences, duplicate and banned crates (needs cargo-deny)
	@if command -v cargo-deny >/dev/null; then cargo deny --offline check licenses bans sources; \
	else echo "cargo-deny is not installed: make deps"; fi

dist: pages      ## release archive, Debian package, bill of materials, checksums in target/dist
	scripts/make-dist.sh

deps:             ## what the tests need beyond the Rust toolchain (Debian; as root)
	scripts/install-test-dependencies.sh

clean:            ## remove what cargo has built
	$(CARGO) clean
