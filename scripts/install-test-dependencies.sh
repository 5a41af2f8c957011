#!/usr/bin/env bash
# Installs what the tests need beyond the Rust toolchain: a real MQTT broker, the openssl command
# (throw-away certificates), promtool; for the pages Node, Chromium and sqlite3. Debian and Ubuntu,
# as root.
set -euo pipefail
missing=()
for program in mosquitto openssl cc promtool node npm chromium sqlite3; do
  command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || missing+=("$program")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  packages=("${missing[@]/#cc/gcc}")
  packages=("${packages[@]/#promtool/prometheus}")
  packages=("${packages[@]/%node/nodejs}")
  apt-get install -y -qq --no-install-recommends "${packages[@]}"
fi
# The broker of the tests is started by the tests; system services are not wanted.
if command -v systemctl >/dev/null; then
  systemctl disable --now mosquitto prometheus 2>/dev/null || true
fi
