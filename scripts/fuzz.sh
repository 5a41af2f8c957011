#!/usr/bin/env bash
# Runs every fuzz target (FUZZ_RUNS inputs each, 10 million by default), or those that are named.
# Needs `cargo install cargo-fuzz`; works with the stable toolchain too.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
data=${CORESCOPE_TEST_DATA:-../../shared/data}
runs=${FUZZ_RUNS:-10000000}
export RUSTC_BOOTSTRAP=1
# A configuration is a file that is written and read.
if [[ -w /dev/shm ]]; then export TMPDIR=/dev/shm; fi

# Inputs to begin with: real ones.
plant() {
  mkdir -p "corpus/$1"
  case $1 in
    packet) zcat "$data/paris-capture-6000.ndjson.gz" | head -300 |
        sed -n 's/.*"b64": *"\([^"]*\)".*/\1/p' | while read -r line; do
          raw=$(base64 -d <<<"$line" | sed -n 's/.*"raw": *"\([0-9A-Fa-f]*\)".*/\1/p')
          [[ -n $raw ]] && xxd -r -p <<<"$raw" >"corpus/packet/$(md5sum <<<"$raw" | cut -c1-16)"
        done || true ;;
    envelope | status) zcat "$data/paris-capture-6000.ndjson.gz" | head -300 |
        sed -n 's/.*"b64": *"\([^"]*\)".*/\1/p' | while read -r line; do
          base64 -d <<<"$line" >"corpus/$1/$(md5sum <<<"$line" | cut -c1-16)"
        done || true ;;
    config) cp ../config.example.json corpus/config/ ;;
    query) for query in 'limit=50&offset=10' 'since=2026-07-18T00:00:00Z&type=4&region=PAR,LYO' \
        'groupByHash=true&order=asc' 'nodes=aa,bb&expand=observations&until=1780000000'; do
          printf %s "$query" >"corpus/query/$(md5sum <<<"$query" | cut -c1-16)"
        done ;;
    stats_file) cp "$data/original-responses/ingestor-stats-file.json" corpus/stats_file/ ;;
  esac
}

targets=("$@")
[[ $# -gt 0 ]] || targets=(packet envelope status config query stats_file)
[[ -d $data ]] || echo "no real inputs to begin with: $data is absent" >&2
for target in "${targets[@]}"; do
  plant "$target"
  cargo fuzz run -O -s none "$target" -- -runs="$runs" -max_len=4096 -print_final_stats=1
done
