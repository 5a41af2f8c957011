#!/usr/bin/env bash
# What is handed to operators, in target/dist: an archive of the stripped release binary with
# manual, completions, unit and example; the Debian package; the bill of materials; checksums.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
dist=target/dist
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
name=corescope-$version-$(uname -m)-linux

rm -rf "$dist"
mkdir -p "$dist/man" "$dist/completions" "$dist/$name"
CORESCOPE_COMMIT=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
CORESCOPE_BUILD_TIME=$(git log -1 --format=%cI 2>/dev/null || echo unknown)
export CORESCOPE_COMMIT CORESCOPE_BUILD_TIME
$cargo build --release --locked
binary=target/release/corescope

"$binary" manual --dir "$dist/man"
"$binary" completions bash > "$dist/completions/corescope.bash"
"$binary" completions zsh > "$dist/completions/_corescope"
"$binary" completions fish > "$dist/completions/corescope.fish"

strip -o "$dist/$name/corescope" "$binary"
cp -r "$dist/man" "$dist/completions" config.example.json README.md LICENSE-* packaging/systemd docs \
  "$dist/$name/"
tar -C "$dist" --sort=name --owner=0 --group=0 --numeric-owner \
  --mtime="${CORESCOPE_BUILD_TIME/unknown/1970-01-01}" -czf "$dist/$name.tar.gz" "$name"
rm -r "${dist:?}/$name"

for tool in cargo-deb cargo-cyclonedx; do
  command -v "$tool" >/dev/null || $cargo install --locked --quiet "$tool"
done
$cargo deb --no-build --quiet --output "$dist/"
$cargo cyclonedx --format json --override-filename corescope.cdx --quiet
mv corescope.cdx.json "$dist/$name.cdx.json"

cd "$dist"
rm -r man completions
sha256sum -- * > SHA256SUMS
ls -l
